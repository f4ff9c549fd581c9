//! What does it cost a task to have a task done and wait for it? (P22)
//!
//! Pools of futures await it, which gives the worker back meanwhile; pools of fork/join have their own word for it.

use std::time::{Duration, Instant};

use futures::executor::block_on;

use crate::check::{Outcome, same};
use crate::measure::{Trips, measure_trip, workers};
use crate::peers::{Awaiting, Millpond, Peer as _, Rayon, specialists};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const TIME: Duration = Duration::from_millis(300);
const BATCH: u32 = 64;
const JOIN: &str = "rayon::join";

pub(super) fn row() -> Row {
    const FIFO: &str = "a task that waits for its own pool deadlocks once all workers wait";
    Row::new("P22", "apply_async(..).get() from inside a worker, p50")
        .measure(Measure::new("p50", "", Unit::Nanos).must(Against::Named(JOIN), 3.0))
        .measure(Measure::cpu("processor time of a task"))
        .with(Contestant::ours(ours))
        .with(Contestant::peer(JOIN, join))
        .with(Contestant::peer("chili", chili))
        .with_all(
            ask!(awaited: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel),
        )
        .absent("orx-parallel", FIFO)
        .otherwise(FIFO)
}

fn ours() -> Outcome {
    let pool = Millpond::forever(workers());
    let trip = pool.get(pool.submit(|| {
        same("a nested result", &pool.get(pool.submit(|| 7_u64)), &7)?;
        Ok::<_, String>(measure_trip(TIME, BATCH, || _ = pool.get(pool.submit(|| 1_u64))))
    }))?;
    trip.figures("p50")
}

fn join() -> Outcome {
    let pool = Rayon::forever(workers());
    let trip = pool.0.install(|| {
        same("a nested result", &rayon::join(|| 7_u64, || 8_u64), &(7, 8))?;
        let trip = || _ = std::hint::black_box(rayon::join(|| 1_u64, || 2_u64));
        Ok::<_, String>(measure_trip(TIME, BATCH, trip))
    })?;
    trip.figures("p50")
}

fn chili() -> Outcome {
    let pool = specialists::chili(workers());
    let mut scope = pool.scope();
    same("a nested result", &scope.join(|_| 7_u64, |_| 8_u64), &(7, 8))?;
    let trip = || _ = std::hint::black_box(scope.join(|_| 1_u64, |_| 2_u64));
    measure_trip(TIME, BATCH, trip).figures("p50")
}

/// The task starts another and awaits it, again and again.
fn awaited<P: Awaiting>() -> Outcome {
    let pool = P::forever(workers());
    let task = pool.start(async {
        same("a nested result", &pool.start(async { 7_u64 }).await, &7)?;
        let mut trips = Trips::new(TIME, BATCH);
        loop {
            let start = Instant::now();
            for _ in 0..BATCH {
                _ = pool.start(async { 1_u64 }).await;
            }
            if trips.over(start) {
                return Ok::<_, String>(trips.trip());
            }
        }
    });
    block_on(task)?.figures("p50")
}
