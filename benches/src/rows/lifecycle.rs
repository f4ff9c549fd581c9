//! What does it cost to have a pool at all? (P25)
//!
//! A pool is gone when its threads are: that is looked up, the same way for all, as not every pool has a join that
//! waits for them.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use orx_parallel::{Pool, ThreadPool as _};
use paralight::threads::RangeStrategy;

use crate::check::{Outcome, figures, same};
use crate::measure::workers;
use crate::peers::{Peer, specialists};
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const WIDE: usize = 1024;

pub(super) fn row() -> Row {
    let measure = |key, what| Measure::new(key, what, Unit::Nanos);
    Row::new("P25", "create a pool and have it gone")
        .measure(measure("both", "the run's workers").must(Against::Best, 1.2))
        .measure(measure("create", "the run's workers, to create"))
        .measure(measure("join", "the run's workers, to join"))
        .measure(measure("both_1024", "1,024 workers").must(Against::Best, 1.2))
        .measure(measure("create_1024", "1,024 workers, to create"))
        .measure(measure("join_1024", "1,024 workers, to join"))
        .with(Contestant::floor("std::thread on a futex", floor))
        .with_all(
            ask!(life: Millpond, Rayon, Threadpool, TokioSpawn, Futures, AsyncExecutor, RustyPool, Lagoon,
            ExecutorsChannel),
        )
        .with_all(ask!(narrow_life: ExecutorsStealing, Affinitypool))
        .with(Contestant::peer("chili", chili))
        .with(Contestant::peer("paralight", paralight))
        .with(Contestant::peer("orx-parallel", orx))
        .with(Contestant::beside("crossbeam scope", crossbeam_scope))
        .with(Contestant::python(python::THREAD_POOL, "P25"))
        .absent(python::EXECUTOR, "starts its threads with its first tasks")
        .absent("blocking", "its one pool lives as long as the process")
        .absent("tokio spawn_blocking", "starts its threads with its first tasks")
}

fn life<P: Peer>() -> Outcome {
    lives(checked::<P>()?, P::new, P::end)
}

/// For pools that cannot have 1,024 workers: see P17.
fn narrow_life<P: Peer>() -> Outcome {
    narrow(checked::<P>()?, P::new, P::end)
}

/// How many threads there are without a pool, and that the pool works, before its birth and death are timed.
fn checked<P: Peer>() -> Result<u64, String> {
    let none = threads()?;
    let pool = P::new(workers());
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    pool.end();
    Ok(none)
}

/// As many workers as the others have, and the thread that beats for them.
fn chili() -> Outcome {
    let none = threads()?;
    let create = |workers| specialists::chili(workers + 1);
    same("both results", &create(workers()).scope().join(|_| 7_u64, |_| 8_u64), &(7, 8))?;
    lives(none, create, drop)
}

fn paralight() -> Outcome {
    let none = threads()?;
    let create = |workers| specialists::paralight(workers, RangeStrategy::Fixed);
    same(
        "the values",
        &specialists::paralight_map(&mut create(workers()), |i| 2 * i, 3),
        &vec![0, 2, 4],
    )?;
    lives(none, create, drop)
}

/// It has no more workers than there are processors.
fn orx() -> Outcome {
    let none = threads()?;
    let create = |workers: usize| Pool::basic(workers);
    same("the number of workers", &create(workers()).max_num_threads().get(), &workers())?;
    narrow(none, create, drop)
}

/// No pool: what it costs to have the threads and lose them, all in one.
fn crossbeam_scope() -> Outcome {
    let none = threads()?;
    let threads = |workers| {
        let all = crossbeam_utils::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|_| ());
            }
        });
        all.expect("they do nothing");
    };
    let mut all = lives(none, |workers| workers, threads)?;
    all.retain(|key, _| key.starts_with("both"));
    Ok(all)
}

/// Threads that block until they are told to leave: less is no pool.
fn floor() -> Outcome {
    static LEAVE: AtomicU32 = AtomicU32::new(0);
    fn block() {
        while LEAVE.load(Ordering::Relaxed) == 0 {
            atomic_wait::wait(&LEAVE, 0);
        }
    }
    let create = |threads| {
        LEAVE.store(0, Ordering::Relaxed);
        (0..threads).map(|_| thread::spawn(block)).collect::<Vec<_>>()
    };
    let join = |threads: Vec<thread::JoinHandle<()>>| {
        LEAVE.store(1, Ordering::Relaxed);
        atomic_wait::wake_all(&LEAVE);
        for thread in threads {
            thread.join().expect("it only leaves");
        }
    };
    lives(threads()?, create, join)
}

/// Lives of as many workers as the run has, and of 1,024.
fn lives<P>(none: u64, create: impl Fn(usize) -> P, end: impl Fn(P)) -> Outcome {
    let mut all = narrow(none, &create, &end)?;
    let medians = medians(none, WIDE, 3, create, end)?;
    all.append(&mut figures(
        [0, 1, 2].map(|part| (["both_1024", "create_1024", "join_1024"][part], medians[part])),
    ));
    Ok(all)
}

fn narrow<P>(none: u64, create: impl Fn(usize) -> P, end: impl Fn(P)) -> Outcome {
    let medians = medians(none, workers(), 201, create, end)?;
    Ok(figures([0, 1, 2].map(|part| (["both", "create", "join"][part], medians[part]))))
}

/// Times lives, each begun when nothing is left of the one before: `none` threads besides the main one. Medians of the
/// whole, of creating, and of joining.
fn medians<P>(
    none: u64,
    workers: usize,
    times: usize,
    create: impl Fn(usize) -> P,
    end: impl Fn(P),
) -> Result<[f64; 3], String> {
    let once = || {
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
    let all: Vec<[f64; 3]> = (0..times).map(|_| once()).collect::<Result<_, _>>()?;
    Ok([0, 1, 2].map(|part| {
        let mut lengths: Vec<f64> = all.iter().map(|times| times[part]).collect();
        lengths.sort_by(f64::total_cmp);
        lengths[lengths.len() / 2]
    }))
}

/// How many threads this process has: a directory has a link for each entry that is one.
fn threads() -> Result<u64, String> {
    let tasks = metadata("/proc/self/task").map_err(|error| format!("no /proc: {error}"))?;
    Ok(tasks.nlink())
}
