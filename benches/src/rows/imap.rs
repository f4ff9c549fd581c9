//! What does a stream cost per item, delivered to one consumer one by one? (P11 in order, P12 as they come)
//!
//! Items of 200 ns, no chunk size given. The consumer does nothing with what it gets; on two processors it shares them with two
//! workers. Not measured: a slow consumer, an input that costs.

use rayon::iter::{ParallelBridge as _, ParallelIterator as _};

use crate::check::{Outcome, figure, same};
use crate::measure::{WORKERS, time};
use crate::peers::{Millpond, Peer as _, Rayon};
use crate::row::{Against, Contestant, Measure, Row, Unit};
use crate::work::{STEPS_200_NS, steps};

const ITEMS: u64 = 100_000;

pub(super) fn rows() -> [Row; 2] {
    const NO_STREAM: &str = "has no stream of results";
    let per_item = |bound| Measure::new("item", "per item", Unit::Nanos).must(Against::Floor, bound);
    [
        Row::new("P11", "imap ordered, 200 ns items, no chunk size given")
            .measure(per_item(1.5))
            .with(Contestant::floor("sequential ÷ 2", sequential))
            .with(Contestant::ours(|| ours(true)))
            .absent("rayon", "its par_bridge is unordered")
            .absent("threadpool", NO_STREAM),
        Row::new("P12", "imap_unordered, the same")
            .measure(per_item(1.3))
            .with(Contestant::floor("sequential ÷ 2", sequential))
            .with(Contestant::ours(|| ours(false)))
            .with(Contestant::peer("rayon par_bridge", bridge))
            .absent("threadpool", NO_STREAM),
    ]
}

fn work(i: u64) -> u64 {
    steps(i, STEPS_200_NS)
}

/// The median of three passes over all items, in nanoseconds per item; a fourth, the first, warms up.
fn timed(pass: impl Fn() -> u64) -> Result<f64, String> {
    let should = (0..ITEMS).fold(0, |sum, i| sum ^ work(i));
    let mut walls = Vec::new();
    for _ in 0..4 {
        let (sum, wall) = time(&pass);
        same("the sum", &sum, &should)?;
        walls.push(wall / ITEMS as f64);
    }
    walls.remove(0);
    walls.sort_by(f64::total_cmp);
    Ok(walls[1])
}

fn sequential() -> Outcome {
    figure("item", timed(|| (0..ITEMS).fold(0, |sum, i| sum ^ work(i)))? / WORKERS as f64)
}

fn ours(ordered: bool) -> Outcome {
    let pool = Millpond::forever(WORKERS);
    let pass = || {
        let stream = pool.0.stream(work, 0..ITEMS);
        let results = if ordered { stream.imap() } else { stream.imap_unordered() };
        let results = results.expect("the pool is open");
        results.fold(0, |sum, value| sum ^ value.expect("no item fails"))
    };
    figure("item", timed(pass)?)
}

/// Rayon's nearest: it folds on the workers, so that nothing is delivered to a consumer.
fn bridge() -> Outcome {
    let pool = Rayon::forever(WORKERS);
    figure("item", timed(|| pool.0.install(|| (0..ITEMS).par_bridge().map(work).reduce(|| 0, |a, b| a ^ b)))?)
}
