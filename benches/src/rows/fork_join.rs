//! What does divide-and-conquer take whose leaves are short tasks? (P23)
//!
//! A binary tree: each node has one half done by the pool, does the other itself, and waits; pools of futures await. P26
//! measures joins that have no leaves.

use std::pin::Pin;
use std::time::Duration;

use futures::executor::block_on;

use crate::check::{Outcome, same};
use crate::measure::{Trip, at_once, measure_trip, workers};
use crate::peers::{Awaiting, Millpond, Peer as _, Rayon, specialists};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};
use crate::work::{STEPS_200_NS, steps};

const LEAVES: u64 = 1 << 10;
const TIME: Duration = Duration::from_millis(300);

pub(super) fn row() -> Row {
    const FIFO: &str = "deadlocks: tasks wait for tasks of their own pool";
    Row::new("P23", "fork/join of 1,024 leaves of 1 µs, p50")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 1.1))
        .measure(Measure::cpu("processor time of a tree"))
        .with(Contestant::floor("sequential, divided among the processors", sequential))
        .with(Contestant::ours(ours))
        .with(Contestant::peer("rayon", rayon))
        .with(Contestant::peer("chili", chili))
        .with_all(
            ask!(awaited: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel),
        )
        .absent("orx-parallel", FIFO)
        .otherwise(FIFO)
}

fn leaf(i: u64) -> u64 {
    steps(i, 5 * STEPS_200_NS)
}

fn loop_over(from: u64, to: u64) -> u64 {
    (from..to).fold(0, |sum, i| sum.wrapping_add(leaf(i)))
}

fn timed(tree: impl Fn() -> u64) -> Result<Trip, String> {
    let should = loop_over(0, LEAVES);
    let mut wrong = 0_u64;
    let trip = measure_trip(TIME, 1, || wrong += u64::from(tree() != should));
    same("the number of wrong sums", &wrong, &0)?;
    Ok(trip)
}

fn sequential() -> Outcome {
    let Trip { wall, cpu } = timed(|| loop_over(0, LEAVES))?;
    Trip { wall: wall / at_once(), cpu }.figures("wall")
}

fn ours() -> Outcome {
    fn tree(pool: &'static Millpond, from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return leaf(from);
        }
        let middle = u64::midpoint(from, to);
        let joined = pool.0.fork_join(|| tree(pool, from, middle), || tree(pool, middle, to));
        let (left, right) = joined.expect("the pool runs");
        left.wrapping_add(right)
    }
    let pool = Millpond::forever(workers());
    timed(|| pool.get(pool.submit(move || tree(pool, 0, LEAVES))))?.figures("wall")
}

fn rayon() -> Outcome {
    fn tree(from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return leaf(from);
        }
        let middle = u64::midpoint(from, to);
        let (left, right) = rayon::join(|| tree(from, middle), || tree(middle, to));
        left.wrapping_add(right)
    }
    let pool = Rayon::forever(workers());
    timed(|| pool.0.install(|| tree(0, LEAVES)))?.figures("wall")
}

fn chili() -> Outcome {
    fn tree(scope: &mut chili::Scope<'_>, from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return leaf(from);
        }
        let middle = u64::midpoint(from, to);
        let (left, right) = scope.join(|s| tree(s, from, middle), |s| tree(s, middle, to));
        left.wrapping_add(right)
    }
    let pool = specialists::chili(workers());
    timed(|| tree(&mut pool.scope(), 0, LEAVES))?.figures("wall")
}

fn awaited<P: Awaiting>() -> Outcome {
    type Sum = Pin<Box<dyn Future<Output = u64> + Send>>;
    fn tree<P: Awaiting>(pool: &'static P, from: u64, to: u64) -> Sum {
        Box::pin(async move {
            if to - from == 1 {
                return leaf(from);
            }
            let middle = u64::midpoint(from, to);
            let right = pool.start(tree(pool, middle, to));
            tree(pool, from, middle).await.wrapping_add(right.await)
        })
    }
    let pool = P::forever(workers());
    timed(|| block_on(pool.start(tree(pool, 0, LEAVES))))?.figures("wall")
}
