//! What does a task cost when several threads submit at once, from outside or from inside? (C1 to
//! C3)
//!
//! From outside, 2, 4 and 8 threads, or as many as `--submitters` says, each submit rounds of a
//! thousand empty tasks and take the results. The cost is that of all of them together. From
//! inside, 1, 2 and 4 tasks each spawn a thousand. And tasks each map a hundred items on their own
//! pool and wait, which with most other pools never ends.
//!
//! Not measured: more threads at once than the machine has processors. There they meet by being
//! interrupted more often than by running at once.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::{A_FEW, Point, curve, per_item, rounds};
use crate::check::Outcome;
use crate::measure::{submitters, submitters_asked_for, workers};
use crate::peers::{Millpond, Peer, Rayon};
use crate::row::{Contestant, Row, ask};
use crate::tally::Tally;
use crate::work::work;

const TASKS: u64 = 1_000;

const THREADS: [Point; 3] =
    [("2 threads that submit", 2), ("4 threads that submit", 4), ("8 threads that submit", 8)];
const ASKED_FOR: [Point; 1] = [("as many threads that submit as --submitters says", 0)];
const SPAWNERS: [Point; 3] =
    [("1 task that spawns", 1), ("2 tasks that spawn", 2), ("4 tasks that spawn", 4)];
const MAPPERS: [Point; 2] = [("2 tasks that map", 2), ("8 tasks that map", 8)];

pub(super) fn rows() -> [Row; 3] {
    let row = |id, work, points: &[Point]| Row::new(id, work).curve(points);
    [
        row("C1", "a task from outside, by the number of threads that submit", threads())
            .with_all(ask!(from_outside: Millpond, Rayon, Threadpool, RustyPool, Lagoon, TokioSpawn, TokioBlocking))
            .otherwise(A_FEW),
        row("C2", "a task from inside, by the number of tasks that spawn", &SPAWNERS)
            .with_all(ask!(from_inside: Millpond, Rayon, Threadpool, RustyPool, Lagoon, TokioSpawn, TokioBlocking))
            .otherwise(A_FEW),
        row("C3", "an item of 20 ns, by the number of tasks that each map a hundred", &MAPPERS)
            .with(Contestant::ours(maps_ours))
            .with(Contestant::pool::<Rayon>(maps_rayon))
            .otherwise("has no map, or deadlocks if tasks wait for their own pool"),
    ]
}

fn threads() -> &'static [Point] {
    if submitters_asked_for().is_some() { &ASKED_FOR } else { &THREADS }
}

fn from_outside<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    curve(threads(), |number| {
        let number = submitters(usize::try_from(number).unwrap_or(1));
        rounds(pool, number, TASKS, |i| move || i, TASKS * (TASKS - 1) / 2)
    })
}

/// Tasks that spawn a thousand each.
fn from_inside<P: Peer>() -> Outcome {
    let (pool, tally) = (P::forever(workers()), Tally::forever());
    curve(&SPAWNERS, |spawners| {
        let tasks = spawners * TASKS;
        per_item(tasks, &tasks, || {
            tally.expect(tasks);
            for _ in 0..spawners {
                pool.spawn(|| (0..TASKS).for_each(|_| pool.spawn(|| tally.note())));
            }
            tally.wait()
        })
    })
}

/// Of each inner map.
const ITEMS: u64 = 100;

fn item(i: u64) -> u64 {
    work(i, 20)
}

fn sum(values: impl IntoIterator<Item = u64>) -> u64 {
    values.into_iter().fold(0, u64::wrapping_add)
}

fn maps(pass: impl Fn(u64) -> u64) -> Outcome {
    curve(&MAPPERS, |tasks| {
        let should = sum((0..ITEMS).map(item)).wrapping_mul(tasks);
        // Ten maps at a time: one takes microseconds.
        per_item(10 * tasks * ITEMS, &should.wrapping_mul(10), || sum((0..10).map(|_| pass(tasks))))
    })
}

fn maps_ours() -> Outcome {
    let pool = Millpond::forever(workers());
    let map = |_| sum(pool.0.map(item, 0..ITEMS).expect("no item panics"));
    maps(|tasks| sum(pool.0.map(map, 0..tasks).expect("no item panics")))
}

fn maps_rayon() -> Outcome {
    let pool = Rayon::forever(workers());
    let map = |_| sum((0..ITEMS).into_par_iter().map(item).collect::<Vec<_>>());
    maps(|tasks| pool.0.install(|| sum((0..tasks).into_par_iter().map(map).collect::<Vec<_>>())))
}
