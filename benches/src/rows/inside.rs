//! How many tasks a second can a task start? (P6)
//!
//! Not measured: results, as nobody takes them here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_deque::Worker;
use crossbeam_utils::CachePadded;

use crate::check::{Outcome, figure, same};
use crate::measure::{time, workers};
use crate::peers::{Affinitypool, NO_SPAWN, Peer};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const TASKS: u64 = 1_000_000;

pub(super) fn row() -> Row {
    Row::new("P6", "1 M empty tasks spawned from inside a task")
        .measure(Measure::new("rate", "", Unit::Rate).must(Against::Best, 1.0))
        .with(Contestant::floor("deque push + pop", deque))
        .with_all(ask!(inside: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
            RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel))
        .absent(Affinitypool::NAME, NO_SPAWN)
        .with(Contestant::beside("rayon scope", rayon_scope))
        .with_all(Contestant::pythons("P6"))
}

/// Counts the tasks that ran, without making workers share a line: a counter for each thread, added up by the observer.
struct Tally([CachePadded<AtomicU64>; 64]);

static TALLY: Tally = Tally([const { CachePadded::new(AtomicU64::new(0)) }; 64]);

impl Tally {
    fn add() {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local!(static MINE: &'static AtomicU64 = {
            &TALLY.0[NEXT.fetch_add(1, Ordering::Relaxed) as usize % 64]
        });
        MINE.with(|mine| mine.fetch_add(1, Ordering::Relaxed));
    }

    /// Sleeps between looks: an error of a thousandth, against a core that would be lost to the workers.
    fn wait_for(tasks: u64) {
        while Self::sum() < tasks {
            thread::sleep(Duration::from_micros(50));
        }
    }

    fn sum() -> u64 {
        TALLY.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

fn inside<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    let spawn_all = move |tasks: u64| {
        pool.spawn(move || {
            for _ in 0..tasks {
                pool.spawn(Tally::add);
            }
        });
    };
    let warm = TASKS / 20;
    spawn_all(warm);
    Tally::wait_for(warm);
    let ((), nanos) = time(|| {
        spawn_all(TASKS);
        Tally::wait_for(warm + TASKS);
    });
    thread::sleep(Duration::from_millis(2));
    same("the number of tasks run", &Tally::sum(), &(warm + TASKS))?;
    figure("rate", TASKS as f64 / nanos * 1e9)
}

/// rayon's own way to spawn many and wait. It counts its tasks itself, twice each, where `spawn` need not.
fn rayon_scope() -> Outcome {
    let pool = crate::peers::Rayon::forever(workers());
    let spawn_all = |tasks: u64| {
        pool.0.scope(|scope| {
            for _ in 0..tasks {
                scope.spawn(|_| Tally::add());
            }
        });
    };
    spawn_all(TASKS / 20);
    let ((), nanos) = time(|| spawn_all(TASKS));
    same("the number of tasks run", &Tally::sum(), &(TASKS / 20 + TASKS))?;
    figure("rate", TASKS as f64 / nanos * 1e9)
}

fn deque() -> Outcome {
    let queue = Worker::new_lifo();
    let (sum, nanos) = time(|| {
        let mut sum = 0;
        for i in 0..TASKS {
            queue.push(i);
            sum += queue.pop().unwrap_or(0);
        }
        sum
    });
    same("the sum", &sum, &(TASKS * (TASKS - 1) / 2))?;
    figure("rate", TASKS as f64 / nanos * 1e9)
}
