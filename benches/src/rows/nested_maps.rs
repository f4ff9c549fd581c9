//! Do tasks that wait for their own pool come to an end, and how soon? (P20)
//!
//! Pools of futures have no map: there a task starts one for each item, and awaits them all.

use std::time::Duration;

use futures::executor::block_on;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::check::{Outcome, same};
use crate::measure::{measure_trip, workers};
use crate::peers::{Awaiting, Millpond, Peer, Rayon, ask};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const ITEMS: u64 = 100;
const TIME: Duration = Duration::from_millis(300);

pub(super) fn row() -> Row {
    const FIFO: &str = "deadlocks: both workers wait for tasks that nobody is left to run";
    Row::new("P20", "two tasks each map 100 items on their own pool of 2 and wait, p50")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 1.0))
        .measure(Measure::cpu("processor time of both tasks"))
        .with(Contestant::ours(ours))
        .with(Contestant::peer("rayon", rayon))
        .with_all(
            ask!(awaited: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel),
        )
        .absent("orx-parallel", FIFO)
        .absent("paralight", "runs one map at a time")
        .otherwise(FIFO)
}

fn two<P: Peer>(pool: &'static P, map: fn(&P) -> Vec<u64>) -> Outcome {
    timed(|| {
        let [first, second] = [(), ()].map(|()| pool.submit(move || map(pool)));
        [pool.get(first), pool.get(second)]
    })
}

fn timed(both: impl Fn() -> [Vec<u64>; 2]) -> Outcome {
    let should: Vec<u64> = (0..ITEMS).map(|i| 2 * i).collect();
    for _ in 0..100 {
        same("the values of both", &both(), &[should.clone(), should.clone()])?;
    }
    let mut values = 0;
    let trip = measure_trip(TIME, 1, || values += both().iter().map(Vec::len).sum::<usize>());
    same("no value lost", &(values as u64 % (2 * ITEMS)), &0)?;
    trip.figures("wall")
}

fn ours() -> Outcome {
    two(Millpond::forever(workers()), |pool| {
        pool.0.map(|i| 2 * i, 0..ITEMS).expect("no item here panics")
    })
}

/// On a worker, `into_par_iter` is of the worker's own pool.
fn rayon() -> Outcome {
    two(Rayon::forever(workers()), |_| (0..ITEMS).into_par_iter().map(|i| 2 * i).collect())
}

fn awaited<P: Awaiting>() -> Outcome {
    async fn map<P: Awaiting>(pool: &'static P) -> Vec<u64> {
        let tasks: Vec<_> = (0..ITEMS).map(|i| pool.start(async move { 2 * i })).collect();
        let mut values = Vec::with_capacity(tasks.len());
        for task in tasks {
            values.push(task.await);
        }
        values
    }
    let pool = P::forever(workers());
    timed(|| [(), ()].map(|()| pool.start(map(pool))).map(block_on))
}
