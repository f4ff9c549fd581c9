//! Does a pool ask the allocator when the number of its calls in flight stays the same? (P14)
//!
//! A million calls after a million that do not count: tasks that capture 8 bytes and 72, some that spawn three more, and
//! spawned ones. At most 64 results are awaited at a time, and 64 spawned tasks are in flight. Ours counts blocking calls and
//! nested results among them. The mean is what all threads allocated, queues included, by the calls of the submitter. (It does
//! not count the spawned tasks of tasks as calls.)

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::alloc::count;
use crate::check::{Figures, Outcome, figures, same};
use crate::measure::workers;
use crate::peers::{Affinitypool, Millpond, Peer};
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const CALLS: u64 = 1_000_000;
const IN_FLIGHT: u64 = 64;
/// The spawned tasks that have not run.
static SPAWNED: AtomicU64 = AtomicU64::new(0);

pub(super) fn row() -> Row {
    Row::new("P14", "heap allocations in steady state, 64 calls in flight")
        .measure(Measure::new("mean", "by call, of a million", Unit::Count).must(Against::Itself, 0.0))
        .measure(Measure::new("bytes", "bytes by call", Unit::Bytes))
        .with_all(ask!(others: Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking, RustyPool,
            Lagoon, ExecutorsStealing, ExecutorsChannel))
        .absent("paralight", "has no calls, only batches")
        .absent("orx-parallel", "has no calls, only batches")
        .absent("pariter", "has no calls, only streams")
        .absent(Affinitypool::NAME, "its future has no name and is boxed here, which is not its own allocation")
        .all_absent([python::THREAD_POOL, python::EXECUTOR], "allocates out of sight of this program")
        .with(Contestant::ours(ours))
}

fn others<P: Peer>() -> Outcome {
    counted(P::forever(workers()), |_, _| None)
}

fn ours() -> Outcome {
    let pool = Millpond::forever(workers());
    counted(pool, |pool, call| match call % 8 {
        5 => pool.0.apply(|| call).ok(),
        6 => Some(pool.get(pool.submit(move || pool.get(pool.submit(move || call))))),
        _ => None,
    })
}

fn counted<P: Peer>(
    pool: &'static P,
    own: impl Fn(&'static P, u64) -> Option<u64>,
) -> Result<Figures, String> {
    let mut flying = VecDeque::with_capacity(IN_FLIGHT as usize);
    let mut sum = 0;
    let mut run = |calls| {
        for call in 0..calls {
            if flying.len() as u64 == IN_FLIGHT {
                sum += flying.pop_front().map_or(0, |handle| pool.get(handle));
            }
            while SPAWNED.load(Ordering::Relaxed) >= IN_FLIGHT {
                thread::yield_now();
            }
            if let Some(value) = own(pool, call) {
                sum += value;
                continue;
            }
            let more = [call; 9];
            match call % 4 {
                0 => flying.push_back(pool.submit(move || call)),
                1 => flying.push_back(pool.submit(move || more.iter().sum::<u64>() / 9)),
                2 => flying.push_back(pool.submit(move || {
                    (0..3).for_each(|_| spawn(pool));
                    call
                })),
                _ => {
                    spawn(pool);
                    sum += call;
                }
            }
        }
        sum += flying.drain(..).map(|handle| pool.get(handle)).sum::<u64>();
    };
    run(CALLS);
    let all = count(|| run(CALLS));
    let should = |calls: u64| calls * (calls - 1) / 2;
    same("the sum of the results", &sum, &(2 * should(CALLS)))?;
    let [mean, bytes] = all.map(|all| all as f64 / CALLS as f64);
    Ok(figures([("mean", mean), ("bytes", bytes)]))
}

fn spawn<P: Peer>(pool: &'static P) {
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    pool.spawn(|| _ = SPAWNED.fetch_sub(1, Ordering::Relaxed));
}
