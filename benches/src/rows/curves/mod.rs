//! Rows without a bound: how figures change with the items, the queue, the workers, the submitters.
//! A run has them only if it is told their group.
//!
//! A contestant does all points of a row in one turn, so that a row is as cheap as one with a
//! single figure.

mod calls;
mod contention;
mod growth;
mod latency;
mod streams;

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::check::{Figures, Outcome, same};
use crate::measure::{submitters, time};
use crate::peers::Peer;
use crate::row::{Measure, Row, Unit};

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![calls::row()];
    rows.extend(contention::rows());
    rows.extend(growth::rows());
    rows.extend(latency::rows());
    rows.extend(streams::rows());
    rows
}

/// A point of a curve: what its figure is called, and where it lies.
type Point = (&'static str, u64);

impl Row {
    /// A time for each point.
    fn curve(self, points: &[Point]) -> Self {
        let one = |row: Self, point: &Point| {
            let at = Some(point.1 as f64);
            row.measure(Measure { at, ..Measure::new(point.0, point.0, Unit::Nanos) })
        };
        points.iter().fold(self, one)
    }
}

/// The figure of each point, one point after the other.
fn curve(points: &[Point], mut at: impl FnMut(u64) -> Result<f64, String>) -> Outcome {
    let mut all = Figures::new();
    for (name, place) in points {
        all.insert((*name).to_owned(), at(*place)?);
    }
    Ok(all)
}

/// The median of three passes over so many items, in nanoseconds per item; a pass before them warms
/// up. Each pass must come to the same result.
fn per_item<T: PartialEq + std::fmt::Debug>(
    items: u64,
    should: &T,
    mut pass: impl FnMut() -> T,
) -> Result<f64, String> {
    let mut timed = || {
        let (result, wall) = time(&mut pass);
        same("the result of a pass", &result, should)?;
        Ok::<_, String>(wall / items as f64)
    };
    timed()?;
    let mut walls = [timed()?, timed()?, timed()?];
    walls.sort_by(f64::total_cmp);
    Ok(walls[1])
}

/// So many threads submit rounds of so many tasks each, at the same time: first a few that warm up,
/// and then those that count, which all threads begin together. Nanoseconds per task, from the
/// first beginning to the last end.
fn rounds<P: Peer, F: FnOnce() -> u64 + Send + 'static>(
    pool: &P,
    threads: usize,
    tasks: u64,
    task: impl Fn(u64) -> F + Sync,
    should: u64,
) -> Result<f64, String> {
    const ROUNDS: u64 = 10;
    let start = Barrier::new(threads);
    let round = |_| {
        let handles: Vec<_> = (0..tasks).map(|i| pool.submit(task(i))).collect();
        handles.into_iter().map(|handle| pool.get(handle)).fold(0, u64::wrapping_add)
    };
    let submit = || {
        let warm = (0..2).map(round).fold(0, u64::wrapping_add);
        start.wait();
        let begin = Instant::now();
        let sum = (0..ROUNDS).map(round).fold(warm, u64::wrapping_add);
        (sum, begin, Instant::now())
    };
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(submit)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no task here panics")).collect()
    });
    for (sum, ..) in &done {
        same("the sum of the results", sum, &should.wrapping_mul(ROUNDS + 2))?;
    }
    let first = done.iter().map(|(_, begin, _)| *begin).min().expect("a thread submits");
    let last = done.iter().map(|(.., end)| *end).max().expect("a thread submits");
    Ok((last - first).as_nanos() as f64 / (threads as u64 * ROUNDS * tasks) as f64)
}

/// The same from one thread, or from as many as `--submitters` says, which share the tasks of a round.
/// `should` is what the results of so many tasks add up to.
fn rounds_outside<P: Peer, F: FnOnce() -> u64 + Send + 'static>(
    pool: &P,
    tasks: u64,
    task: impl Fn(u64) -> F + Sync,
    should: impl Fn(u64) -> u64,
) -> Result<f64, String> {
    let threads = submitters(1);
    let tasks = (tasks / threads as u64).max(1);
    rounds(pool, threads, tasks, task, should(tasks))
}

/// Why the other peers are not there.
const A_FEW: &str = "is in the rows with bounds: a curve is of a few";
