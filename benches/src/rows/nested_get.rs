//! What does it cost a task to have a task done and wait for it? (P22)

use std::time::Duration;

use crate::check::{Outcome, figure, same};
use crate::measure::{WORKERS, median_trip};
use crate::peers::{Millpond, Peer as _, Rayon};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const TIME: Duration = Duration::from_millis(600);
const JOIN: &str = "rayon::join";

pub(super) fn row() -> Row {
    const FIFO: &str = "a task that waits for its own pool deadlocks once all workers wait";
    Row::new("P22", "apply_async(..).get() from inside a worker, p50")
        .measure(Measure::new("p50", "", Unit::Nanos).must(Against::Named(JOIN), 3.0))
        .with(Contestant::ours(ours))
        .with(Contestant::peer(JOIN, join))
        .absent("threadpool", FIFO)
        .absent("rusty_pool", FIFO)
        .absent("futures ThreadPool", FIFO)
        .absent("CPython ThreadPool", FIFO)
}

fn ours() -> Outcome {
    let pool = Millpond::forever(WORKERS);
    let p50 = pool.get(pool.submit(|| {
        same("a nested result", &pool.get(pool.submit(|| 7_u64)), &7)?;
        Ok::<_, String>(median_trip(TIME, 64, || _ = pool.get(pool.submit(|| 1_u64))))
    }))?;
    figure("p50", p50)
}

fn join() -> Outcome {
    let pool = Rayon::forever(WORKERS);
    let p50 = pool.0.install(|| {
        same("a nested result", &rayon::join(|| 7_u64, || 8_u64), &(7, 8))?;
        let trip = || _ = std::hint::black_box(rayon::join(|| 1_u64, || 2_u64));
        Ok::<_, String>(median_trip(TIME, 64, trip))
    })?;
    figure("p50", p50)
}
