//! What does a stream cost per item, delivered to one consumer one by one? (P11 in order, P12 as they come)
//!
//! Items of 200 ns, no chunk size given. The consumer does nothing with what it gets; on two processors it shares them with two
//! workers. Not measured: a slow consumer, an input that costs.

use futures::executor::block_on;
use futures::stream::{self, StreamExt as _};
use pariter::IteratorExt as _;
use rayon::iter::{ParallelBridge as _, ParallelIterator as _};

use crate::check::{Outcome, figure, same};
use crate::measure::{at_once, time, workers};
use crate::peers::{Awaiting, Millpond, Peer as _, Rayon};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};
use crate::work::{STEPS_200_NS, steps};

const ITEMS: u64 = 100_000;

pub(super) fn rows() -> [Row; 2] {
    const NO_STREAM: &str = "has no stream of results";
    let per_item =
        |bound| Measure::new("item", "per item", Unit::Nanos).must(Against::Floor, bound);
    [
        Row::new("P11", "imap ordered, 200 ns items, no chunk size given")
            .measure(per_item(1.5))
            .with(Contestant::floor("sequential ÷ 2", sequential))
            .with(Contestant::ours(|| ours(true)))
            .with(Contestant::peer("pariter", pariter))
            .with_all(ask!(buffered: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel))
            .with_all(Contestant::pythons("P11"))
            .absent("rayon", "its par_bridge is unordered")
            .otherwise(NO_STREAM),
        Row::new("P12", "imap_unordered, the same")
            .measure(per_item(1.3))
            .with(Contestant::floor("sequential ÷ 2", sequential))
            .with(Contestant::ours(|| ours(false)))
            .with(Contestant::peer("rayon par_bridge", bridge))
            .with(Contestant::peer("pariter", pariter))
            .with_all(ask!(buffered_unordered: TokioSpawn, Futures, AsyncExecutor, ExecutorsStealing, ExecutorsChannel))
            .with_all(Contestant::pythons("P12"))
            .otherwise(NO_STREAM),
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
    figure("item", timed(|| (0..ITEMS).fold(0, |sum, i| sum ^ work(i)))? / at_once())
}

fn ours(ordered: bool) -> Outcome {
    let pool = Millpond::forever(workers());
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
    let pool = Rayon::forever(workers());
    figure(
        "item",
        timed(|| pool.0.install(|| (0..ITEMS).par_bridge().map(work).reduce(|| 0, |a, b| a ^ b)))?,
    )
}

/// Its stream starts threads of its own, and delivers in order only.
fn pariter() -> Outcome {
    let stream = || {
        (0..ITEMS)
            .parallel_map_custom(|options| options.threads(workers()).buffer_size(IN_FLIGHT), work)
    };
    figure("item", timed(|| stream().fold(0, |sum, value| sum ^ value))?)
}

/// Tasks in flight, for peers that ask: of 4, 16, 64, 256 and 1,024 the number with which most of them were quickest.
const IN_FLIGHT: usize = 256;

/// Pools of futures have no stream of their own: these are the crate `futures`'.
fn buffered<P: Awaiting>() -> Outcome {
    let pool = P::forever(workers());
    let tasks = || stream::iter(0..ITEMS).map(|i| pool.start(async move { work(i) }));
    figure(
        "item",
        timed(|| block_on(tasks().buffered(IN_FLIGHT).fold(0, async |sum, value| sum ^ value)))?,
    )
}

fn buffered_unordered<P: Awaiting>() -> Outcome {
    let pool = P::forever(workers());
    let tasks = || stream::iter(0..ITEMS).map(|i| pool.start(async move { work(i) }));
    figure(
        "item",
        timed(|| {
            block_on(tasks().buffer_unordered(IN_FLIGHT).fold(0, async |sum, value| sum ^ value))
        })?,
    )
}
