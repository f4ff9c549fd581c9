//! Does a `map` share out items that are a hundred thousand times as long as the others? (P31)
//!
//! Of 100,000 items that take nothing 200 in a row sleep for 5 ms, on more workers than there are processors: what counts is
//! how many of them sleep at the same time. The measure is the same map with a chunk size of 1, which has nothing to share out.

use std::thread;
use std::time::Duration;

use crate::check::{Outcome, figures, same};
use crate::measure::time;
use crate::peers::{Millpond, Peer as _};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const ITEMS: u64 = 100_000;
const SLEEPERS: std::ops::Range<u64> = 40_000..40_200;
const NAP: Duration = Duration::from_millis(5);
const ONE_BY_ONE: &str = "with a chunk size of 1";

pub(super) fn row() -> Row {
    // At least 0.9 times the speed.
    let measure =
        |key, what| Measure::new(key, what, Unit::Nanos).must(Against::Named(ONE_BY_ONE), 1.11);
    Row::new("P31", "map of 100,000 items of which 200 in a row sleep 5 ms")
        .measure(measure("wall_8", "8 workers"))
        .measure(measure("wall_64", "64 workers"))
        .with(Contestant::ours(|| both(None)))
        .with(Contestant::baseline(ONE_BY_ONE, || both(Some(1))))
        .otherwise("is not asked: the measure is our own map with a chunk size of 1")
}

fn both(chunk: Option<usize>) -> Outcome {
    Ok(figures([("wall_8", wall(8, chunk)?), ("wall_64", wall(64, chunk)?)]))
}

fn work(i: u64) -> u64 {
    if SLEEPERS.contains(&i) {
        thread::sleep(NAP);
    }
    2 * i
}

fn wall(workers: usize, chunk: Option<usize>) -> Result<f64, String> {
    let pool = Millpond::new(workers);
    let map = || {
        let mut batch = pool.0.batch(work, 0..ITEMS);
        if let Some(chunk) = chunk {
            batch = batch.chunksize(chunk);
        }
        batch.map().expect("no item here panics")
    };
    let mut walls = Vec::new();
    for _ in 0..3 {
        let (values, wall) = time(map);
        same("every value in its place", &values.into_iter().eq((0..ITEMS).map(|i| 2 * i)), &true)?;
        walls.push(wall);
    }
    pool.end();
    walls.sort_by(f64::total_cmp);
    Ok(walls[1])
}
