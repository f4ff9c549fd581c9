//! What does a pool cost that has nothing to do? (P15)
//!
//! All contestants are idle at the same time: what is counted is processor time, and who sleeps takes none of the
//! others'.

use std::sync::atomic::AtomicU32;
use std::thread;
use std::time::Duration;

use crate::check::{Outcome, figure, same};
use crate::measure::{cpu_time, workers};
use crate::peers::Peer;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

pub(super) fn row() -> Row {
    Row::new("P15", "processor time over 2 s idle")
        .together()
        .measure(Measure::new("cpu", "", Unit::Nanos).must(Against::Best, 1.5))
        .with(Contestant::floor("threads on a futex", floor))
        .with_all(ask!(idle: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
            RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
        .with_all(Contestant::pythons("P15"))
}

fn idle<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    let handles: Vec<_> = (0..1000_u64).map(|i| pool.submit(move || i)).collect();
    same(
        "the sum of the results",
        &handles.into_iter().map(|handle| pool.get(handle)).sum(),
        &499_500_u64,
    )?;
    figure("cpu", two_seconds())
}

/// The two seconds begin once the pool has gone to sleep. The sleeper's own part, some microseconds, is in every
/// figure, the floor's too.
fn two_seconds() -> f64 {
    thread::sleep(Duration::from_millis(300));
    let before = cpu_time();
    thread::sleep(Duration::from_secs(2));
    cpu_time() - before
}

fn floor() -> Outcome {
    static WORD: AtomicU32 = AtomicU32::new(0);
    for _ in 0..workers() {
        thread::spawn(|| {
            loop {
                atomic_wait::wait(&WORD, 0);
            }
        });
    }
    figure("cpu", two_seconds())
}
