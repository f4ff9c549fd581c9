//! How does the cost of a task grow, with the number of workers, with the queue, with its length
//! and with what it captures? (G1 to G4)
//!
//! Time per task, the submitter's part and the task itself included: rounds of a thousand empty
//! tasks from one outside thread (or as many as `--submitters` says) whose results are taken,
//! unless the row is about just that. The queue of G2 is filled while all workers are held, so that
//! it has its length; then they are let go, and the time ends when all tasks have run. For ten of
//! them that is the time to wake the workers.
//!
//! Not measured: results of other sizes; the memory that a queue takes.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use super::{A_FEW, Point, curve, per_item, rounds_outside};
use crate::check::{Outcome, same};
use crate::measure::workers;
use crate::peers::Peer;
use crate::row::{Contestant, Row, ask};
use crate::tally::Tally;
use crate::work::work;

/// In flight together, unless the row is about their number.
const TASKS: u64 = 1_000;

const WORKERS: [Point; 7] = [
    ("1 worker", 1),
    ("2 workers", 2),
    ("4 workers", 4),
    ("16 workers", 16),
    ("64 workers", 64),
    ("256 workers", 256),
    ("1,024 workers", 1_024),
];
const QUEUED: [Point; 6] = [
    ("10 queued", 10),
    ("100 queued", 100),
    ("1,000 queued", 1_000),
    ("10,000 queued", 10_000),
    ("100,000 queued", 100_000),
    ("1,000,000 queued", 1_000_000),
];
const LENGTHS: [Point; 5] = [
    ("empty tasks", 0),
    ("tasks of 100 ns", 100),
    ("tasks of 1 µs", 1_000),
    ("tasks of 10 µs", 10_000),
    ("tasks of 100 µs", 100_000),
];
const CAPTURED: [Point; 6] = [
    ("nothing captured", 0),
    ("24 bytes captured", 24),
    ("64 bytes captured", 64),
    ("256 bytes captured", 256),
    ("1,024 bytes captured", 1_024),
    ("4,096 bytes captured", 4_096),
];

/// Ours is compared with rayon, and with the best pools whose queue is first in, first out.
pub(super) fn rows() -> [Row; 4] {
    let row = |id, work, points: &[Point]| Row::new(id, work).curve(points).otherwise(A_FEW);
    [
        row("G1", "a task, by the number of workers", &WORKERS)
            .with_all(ask!(by_workers: Millpond, Rayon, Threadpool, RustyPool)),
        row("G2", "a task, by the length of the queue", &QUEUED)
            .with_all(ask!(by_queue: Millpond, Rayon, Threadpool, RustyPool)),
        row("G3", "a task, by its length", &LENGTHS)
            .with(Contestant::baseline("sequential", sequential))
            .with_all(ask!(by_length: Millpond, Rayon, Threadpool, RustyPool)),
        row("G4", "a task, by what it captures", &CAPTURED)
            .with_all(ask!(by_captured: Millpond, Rayon, Threadpool, RustyPool)),
    ]
}

fn by_workers<P: Peer>() -> Outcome {
    curve(&WORKERS, |workers| {
        let pool = P::new(usize::try_from(workers).unwrap_or(1));
        let figure = rounds_outside(&pool, TASKS, |i| move || black_box(i), |n| n * (n - 1) / 2);
        pool.end();
        figure
    })
}

/// Fills the queue with so many tasks, and lets them run: so often that it takes some milliseconds.
fn by_queue<P: Peer>() -> Outcome {
    let (pool, tally) = (P::forever(workers()), Tally::forever());
    curve(&QUEUED, |tasks| {
        let times = (10_000 / tasks).clamp(1, 100);
        let mut wall = Duration::ZERO;
        for time in 0..2 * times {
            let gate = held(pool);
            tally.expect(tasks);
            let begin = Instant::now();
            for _ in 0..tasks {
                pool.spawn(|| tally.note());
            }
            gate.wait();
            same("the number of tasks run", &tally.wait(), &tasks)?;
            // The first half warms up.
            if time >= times {
                wall += begin.elapsed();
            }
        }
        Ok(wall.as_nanos() as f64 / (times * tasks) as f64)
    })
}

/// Holds all workers, until the submitter waits at the gate.
fn held<P: Peer>(pool: &P) -> Arc<Barrier> {
    let gate = Arc::new(Barrier::new(workers() + 1));
    for _ in 0..workers() {
        let gate = Arc::clone(&gate);
        pool.spawn(move || {
            gate.wait();
            gate.wait();
        });
    }
    // All of them are there.
    gate.wait();
    gate
}

/// So that no round is longer than some milliseconds.
fn tasks_of(nanos: u64) -> u64 {
    if nanos > 1_000 { TASKS / 20 } else { TASKS }
}

fn alone(tasks: u64, nanos: u64) -> u64 {
    (0..tasks).map(|i| work(i, nanos)).fold(0, u64::wrapping_add)
}

fn sequential() -> Outcome {
    curve(&LENGTHS, |nanos| {
        let tasks = tasks_of(nanos);
        per_item(tasks, &alone(tasks, nanos), || alone(tasks, nanos))
    })
}

fn by_length<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    curve(&LENGTHS, |nanos| {
        rounds_outside(pool, tasks_of(nanos), |i| move || work(i, nanos), |n| alone(n, nanos))
    })
}

fn by_captured<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    curve(&CAPTURED, |bytes| match bytes {
        0 => capturing::<P, 0>(pool),
        24 => capturing::<P, 24>(pool),
        64 => capturing::<P, 64>(pool),
        256 => capturing::<P, 256>(pool),
        1_024 => capturing::<P, 1_024>(pool),
        _ => capturing::<P, 4_096>(pool),
    })
}

fn capturing<P: Peer, const BYTES: usize>(pool: &P) -> Result<f64, String> {
    let task = |_| {
        let captured = black_box([1_u8; BYTES]);
        move || black_box(&captured).len() as u64
    };
    rounds_outside(pool, TASKS, task, |n| n * BYTES as u64)
}
