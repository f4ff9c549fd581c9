//! How near does divide-and-conquer by `apply_async` and `get` come to rayon's `join`, which is made for it? (P23)
//!
//! A binary tree: each node has one half done by the pool, does the other itself, and waits. Not measured: leaves of
//! nanoseconds, for which `apply_async`, an allocation each, is the wrong tool.

use crate::check::{Outcome, figure, same};
use crate::measure::{WORKERS, median_trip};
use crate::peers::{Millpond, Peer as _, Rayon};
use crate::row::{Against, Contestant, Measure, Row, Unit};
use crate::work::{STEPS_200_NS, steps};
use std::time::Duration;

const LEAVES: u64 = 1 << 10;
const TIME: Duration = Duration::from_millis(600);

pub(super) fn row() -> Row {
    const FIFO: &str = "deadlocks: tasks wait for tasks of their own pool";
    Row::new("P23", "fork/join of 1,024 leaves of 1 µs, 2 workers, p50")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 1.1))
        .with(Contestant::floor("sequential ÷ 2", sequential))
        .with(Contestant::ours(ours))
        .with(Contestant::peer("rayon", rayon))
        .absent("threadpool", FIFO)
        .absent("rusty_pool", FIFO)
        .absent("futures ThreadPool", FIFO)
        .absent("CPython ThreadPool", FIFO)
}

fn leaf(i: u64) -> u64 {
    steps(i, 5 * STEPS_200_NS)
}

fn loop_over(from: u64, to: u64) -> u64 {
    (from..to).fold(0, |sum, i| sum.wrapping_add(leaf(i)))
}

fn timed(tree: impl Fn() -> u64) -> Result<f64, String> {
    let should = loop_over(0, LEAVES);
    let mut wrong = 0_u64;
    let p50 = median_trip(TIME, 1, || wrong += u64::from(tree() != should));
    same("the number of wrong sums", &wrong, &0)?;
    Ok(p50)
}

fn sequential() -> Outcome {
    figure("wall", timed(|| loop_over(0, LEAVES))? / WORKERS as f64)
}

fn ours() -> Outcome {
    fn tree(pool: &'static Millpond, from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return leaf(from);
        }
        let middle = u64::midpoint(from, to);
        let right = pool.submit(move || tree(pool, middle, to));
        tree(pool, from, middle).wrapping_add(pool.get(right))
    }
    let pool = Millpond::forever(WORKERS);
    figure("wall", timed(|| pool.get(pool.submit(move || tree(pool, 0, LEAVES))))?)
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
    let pool = Rayon::forever(WORKERS);
    figure("wall", timed(|| pool.0.install(|| tree(0, LEAVES)))?)
}
