//! What does it cost to have a pool at all? (P25)
//!
//! A pool is gone when its threads are: that is looked up, the same way for all, as not every pool has a join that
//! waits for them.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Instant;

use crate::check::{Figures, Outcome, figures, same};
use crate::measure::WORKERS;
use crate::peers::{Peer, ask};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const WIDE: usize = 1024;

pub(super) fn row() -> Row {
    let measure = |key, what| Measure::new(key, what, Unit::Nanos);
    Row::new("P25", "create a pool and have it gone")
        .measure(measure("both_2", "2 workers").must(Against::Best, 1.2))
        .measure(measure("create_2", "2 workers, to create"))
        .measure(measure("join_2", "2 workers, to join"))
        .measure(measure("both_1024", "1,024 workers").must(Against::Best, 1.2))
        .measure(measure("create_1024", "1,024 workers, to create"))
        .measure(measure("join_1024", "1,024 workers, to join"))
        .with(Contestant::floor("std::thread spawn and join", floor))
        .with_all(ask!(life: Millpond, Rayon, Threadpool, TokioSpawn, Futures, AsyncExecutor, RustyPool))
        .with(Contestant::python("P25"))
        .absent("blocking", "its one pool lives as long as the process")
        .absent("tokio spawn_blocking", "starts its threads with its first tasks")
}

fn life<P: Peer>() -> Outcome {
    // Before there is any pool: only the main thread.
    let none = threads()?;
    // It works, before its birth and death are timed.
    let pool = P::new(WORKERS);
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    pool.end();
    measure(none, P::new, P::end)
}

fn floor() -> Outcome {
    let create = |threads| (0..threads).map(|_| thread::spawn(|| ())).collect::<Vec<_>>();
    let join = |threads: Vec<thread::JoinHandle<()>>| {
        for thread in threads {
            thread.join().expect("it does nothing");
        }
    };
    measure(threads()?, create, join)
}

/// Times lives, each begun when nothing is left of the one before: `none` threads besides the main one.
fn measure<P>(none: u64, create: impl Fn(usize) -> P, end: impl Fn(P)) -> Outcome {
    let once = |workers| {
        while threads()? > none {
            thread::yield_now();
        }
        let start = Instant::now();
        let pool = create(workers);
        let created = start.elapsed();
        end(pool);
        while threads()? > none {
            thread::yield_now();
        }
        let gone = start.elapsed();
        Ok::<_, String>([gone, created, gone - created].map(|time| time.as_nanos() as f64))
    };
    let medians = |workers, times: usize| {
        let all: Vec<[f64; 3]> = (0..times).map(|_| once(workers)).collect::<Result<_, _>>()?;
        let median = |part: usize| {
            let mut lengths: Vec<f64> = all.iter().map(|times| times[part]).collect();
            lengths.sort_by(f64::total_cmp);
            lengths[lengths.len() / 2]
        };
        Ok::<_, String>([median(0), median(1), median(2)])
    };
    let narrow = medians(WORKERS, 201)?;
    let wide = medians(WIDE, 3)?;
    let keys = |keys: [&'static str; 3], values: [f64; 3]| figures([0, 1, 2].map(|i| (keys[i], values[i])));
    let mut all: Figures = keys(["both_2", "create_2", "join_2"], narrow);
    all.append(&mut keys(["both_1024", "create_1024", "join_1024"], wide));
    Ok(all)
}

/// How many threads this process has: a directory has a link for each entry that is one.
fn threads() -> Result<u64, String> {
    let tasks = metadata("/proc/self/task").map_err(|error| format!("no /proc: {error}"))?;
    Ok(tasks.nlink())
}
