//! Does a chunk size make a stream of short items slower than it is without one? (P28)
//!
//! Items of 200 ns in chunks of 16 and of 64, in order and as they come. Beside the streams stands what a program writes by
//! hand: a queue of handles, each of a task that does a chunk. Its window has as many items as ours. Not measured: other
//! pools, which have no streams with chunks; P11 and P12 have them.

use std::collections::VecDeque;

use crate::check::{Figures, Outcome, figures, same};
use crate::measure::{time, workers};
use crate::peers::{Millpond, Peer as _};
use crate::row::{Against, Contestant, Measure, Row, Unit};
use crate::work::{STEPS_200_NS, steps};

const ITEMS: u64 = 100_000;
const WITHOUT: &str = "without a chunk size";
const BY_HAND: &str = "a window of apply_async by hand";

pub(super) fn row() -> Row {
    let measure = |key, what| {
        Measure::new(key, what, Unit::Nanos)
            .must(Against::Named(WITHOUT), 1.0)
            .must(Against::Named(BY_HAND), 1.05)
    };
    Row::new("P28", "imap and imap_unordered, 200 ns items, chunk sizes 16 and 64")
        .measure(measure("ordered_16", "per item, in order, chunks of 16"))
        .measure(measure("ordered_64", "per item, in order, chunks of 64"))
        .measure(measure("unordered_16", "per item, as they come, chunks of 16"))
        .measure(measure("unordered_64", "per item, as they come, chunks of 64"))
        .with(Contestant::ours(|| all(|ordered, chunk| stream(ordered, Some(chunk)))))
        .with(Contestant::baseline(WITHOUT, || all(|ordered, _| stream(ordered, None))))
        .with(Contestant::baseline(BY_HAND, || all(|_, chunk| by_hand(chunk))))
        .otherwise("has no stream that is cut into chunks")
}

fn work(i: u64) -> u64 {
    steps(i, STEPS_200_NS)
}

/// Each combination, the median of five passes that take turns; the first pass of each warms up.
fn all(pass: impl Fn(bool, u64) -> u64) -> Outcome {
    let should = (0..ITEMS).fold(0, |sum, i| sum ^ work(i));
    let mut walls = [const { Vec::new() }; 4];
    let ways = [(true, 16), (true, 64), (false, 16), (false, 64)];
    for _ in 0..6 {
        for ((ordered, chunk), walls) in ways.into_iter().zip(&mut walls) {
            let (sum, wall) = time(|| pass(ordered, chunk));
            same("the sum", &sum, &should)?;
            walls.push(wall / ITEMS as f64);
        }
    }
    let [a, b, c, d] = walls.map(|mut walls| {
        walls.remove(0);
        walls.sort_by(f64::total_cmp);
        walls[walls.len() / 2]
    });
    let all: Figures =
        figures([("ordered_16", a), ("ordered_64", b), ("unordered_16", c), ("unordered_64", d)]);
    Ok(all)
}

fn pool() -> &'static Millpond {
    static POOL: std::sync::OnceLock<Millpond> = std::sync::OnceLock::new();
    POOL.get_or_init(|| Millpond::new(workers()))
}

fn stream(ordered: bool, chunk: Option<u64>) -> u64 {
    let mut stream = pool().0.stream(work, 0..ITEMS);
    if let Some(chunk) = chunk.and_then(|chunk| usize::try_from(chunk).ok()) {
        stream = stream.chunksize(chunk);
    }
    let results = if ordered { stream.imap() } else { stream.imap_unordered() };
    let results = results.expect("the pool is open");
    results.fold(0, |sum, value| sum ^ value.expect("no item fails"))
}

/// The window has four chunks for each worker, and 64 items at least.
fn by_hand(chunk: u64) -> u64 {
    let pool = pool();
    let window = (4 * workers()).max(64_usize.div_ceil(usize::try_from(chunk).unwrap_or(1)));
    let mut sum = 0;
    let mut ahead = VecDeque::with_capacity(window);
    let mut take = |handle| {
        let values: Vec<u64> = pool.get(handle);
        values.into_iter().for_each(|value| sum ^= value);
    };
    let mut from = 0;
    while from < ITEMS {
        let to = (from + chunk).min(ITEMS);
        if ahead.len() == window {
            ahead.pop_front().into_iter().for_each(&mut take);
        }
        ahead.push_back(pool.submit(move || (from..to).map(work).collect()));
        from = to;
    }
    ahead.into_iter().for_each(take);
    sum
}
