//! Do tasks that wait for their own pool come to an end, and how soon? (P20 tiny items, P27 items of a microsecond)
//!
//! Pools of futures have no map: there a task starts one for each item, and awaits them all.

use std::time::Duration;

use futures::executor::block_on;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::check::{Outcome, figures, same};
use crate::measure::{measure_trip, workers};
use crate::peers::{Awaiting, Millpond, Peer, Rayon};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};
use crate::work::{STEPS_200_NS, steps};

const ITEMS: u64 = 100;
const TIME: Duration = Duration::from_millis(300);

pub(super) fn rows() -> [Row; 2] {
    const FIFO: &str = "deadlocks: both workers wait for tasks that nobody is left to run";
    let tiny = Row::new("P20", "two tasks each map 100 items on their own pool of 2 and wait, p50")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 1.0))
        .measure(Measure::cpu("processor time of both tasks"))
        .with(Contestant::ours(ours))
        .with(Contestant::peer("rayon", rayon))
        .with_all(
            ask!(awaited: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel),
        )
        .absent("orx-parallel", FIFO)
        .absent("paralight", "runs one map at a time")
        .otherwise(FIFO);
    let long =
        Row::new("P27", "two tasks each map 64 items of 1 µs on their own pool, both at once")
            .measure(
                Measure::new("share", "of the sequential time of both", Unit::Share)
                    .must(Against::Named("rayon"), 1.1)
                    .must(Against::Itself, 1.02),
            )
            .measure(Measure::cpu("processor time of both tasks"))
            .with(Contestant::ours(long_ours))
            .with(Contestant::peer("rayon", long_rayon))
            .absent("orx-parallel", FIFO)
            .absent("paralight", "runs one map at a time")
            .otherwise("has no map, or deadlocks if tasks wait for their own pool");
    [tiny, long]
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

const LONG: u64 = 64;

fn long_work(i: u64) -> u64 {
    steps(i, 5 * STEPS_200_NS)
}

/// Both maps at once, in turn with both loops one after the other: their quotient.
fn long_timed(both: impl Fn() -> [Vec<u64>; 2]) -> Outcome {
    let should: Vec<u64> = (0..LONG).map(long_work).collect();
    let mut wrong = 0_u64;
    let alone = || (0..2).map(|_| (0..LONG).map(long_work).collect()).collect::<Vec<Vec<u64>>>();
    let before = measure_trip(TIME / 2, 1, || wrong += u64::from(alone()[0] != should));
    let trip =
        measure_trip(TIME, 1, || wrong += u64::from(both().iter().any(|one| *one != should)));
    let after = measure_trip(TIME / 2, 1, || wrong += u64::from(alone()[0] != should));
    same("the number of wrong maps", &wrong, &0)?;
    let sequential = f64::midpoint(before.wall, after.wall);
    Ok(figures([("share", trip.wall / sequential), ("cpu", trip.cpu)]))
}

fn long_ours() -> Outcome {
    let pool = Millpond::forever(workers());
    long_timed(|| {
        let one = || pool.submit(|| pool.0.map(long_work, 0..LONG).expect("no item here panics"));
        [one(), one()].map(|handle| pool.get(handle))
    })
}

fn long_rayon() -> Outcome {
    let pool = Rayon::forever(workers());
    long_timed(|| {
        let one = || pool.submit(|| (0..LONG).into_par_iter().map(long_work).collect::<Vec<_>>());
        [one(), one()].map(|handle| pool.get(handle))
    })
}
