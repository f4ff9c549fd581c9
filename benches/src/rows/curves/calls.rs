//! How often does each way to call a function go to the allocator? (A1)
//!
//! Means of many calls, after as many that do not count: what queues allocate for many calls
//! together is in them. P13 has the ways with a bound; these are the others. rayon's answer to
//! `imap_unordered` is `par_bridge`, which adds up on the workers and delivers nothing.
//!
//! Not measured: what is freed, and when; the peak.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use millpond::as_completed;
use rayon::iter::{IntoParallelRefIterator as _, ParallelBridge as _, ParallelIterator as _};

use super::A_FEW;
use crate::check::{Figures, Outcome, same};
use crate::measure::workers;
use crate::peers::{Millpond, Peer, Rayon};
use crate::row::{Contestant, Measure, Row, Unit, ask};
use crate::rows::allocations::each;
use crate::tally::Tally;

/// Of calls that do one thing, and of calls that do many.
const CALLS: u64 = 5_000;
const LARGE_CALLS: u64 = 500;
const ITEMS: u64 = 1_000;

const SPAWN: &str = "spawn";
const LARGE: &str = "apply_async + get, 256 bytes captured";
const CALLBACK: &str = "task with a callback + get";
const COMPLETED: &str = "as_completed of 100 handles";
const SCOPE: &str = "scope with 100 tasks";
const SLICE: &str = "map_slice of 1,000 items";
const ASYNC: &str = "map_async + get of 1,000 items";
const IMAP: &str = "imap of 1,000 items";
const UNORDERED: &str = "imap_unordered of 1,000 items";
const WAYS: [&str; 9] = [SPAWN, LARGE, CALLBACK, COMPLETED, SCOPE, SLICE, ASYNC, IMAP, UNORDERED];

pub(super) fn row() -> Row {
    let measure = |row: Row, way| row.measure(Measure::new(way, way, Unit::Count));
    WAYS.into_iter()
        .fold(Row::new("A1", "heap allocations of a call, by the way it is made, mean"), measure)
        .with(Contestant::ours(ours))
        .with(Contestant::pool::<Rayon>(rayon))
        .with_all(ask!(single: Threadpool, RustyPool, Lagoon, TokioSpawn, TokioBlocking))
        .otherwise(A_FEW)
}

/// Means by the way, of calls whose result is checked each time.
#[derive(Default)]
struct Means(Figures, Option<String>);

impl Means {
    fn of(&mut self, way: &str, calls: u64, should: u64, mut call: impl FnMut() -> u64) {
        let mut wrong = None;
        let mean = each(calls, |_| wrong = same(way, &call(), &should).err().or(wrong.take())).mean;
        self.0.insert(way.to_owned(), mean);
        self.1 = self.1.take().or(wrong);
    }

    fn outcome(self) -> Outcome {
        self.1.map_or(Ok(self.0), Err)
    }
}

fn singles<P: Peer>(pool: &'static P) -> Means {
    let (mut means, tally) = (Means::default(), Tally::forever());
    means.of(SPAWN, CALLS, 1, || {
        tally.expect(1);
        pool.spawn(|| tally.note());
        tally.wait()
    });
    means.of(LARGE, CALLS, 32, || {
        let captured = black_box([1_u64; 32]);
        pool.get(pool.submit(move || captured.iter().sum::<u64>()))
    });
    means
}

fn single<P: Peer>() -> Outcome {
    singles(P::forever(workers())).outcome()
}

fn total(values: Vec<u64>) -> u64 {
    values.into_iter().sum()
}

fn ours() -> Outcome {
    let pool = Millpond::forever(workers());
    let mut means = singles(pool);
    let sum = ITEMS * (ITEMS - 1);
    let numbers: Vec<u64> = (0..ITEMS).collect();
    let pool = &pool.0;
    means.of(CALLBACK, CALLS, 1, || {
        let task = pool.task(|| black_box(1)).callback(|value| _ = black_box(*value));
        task.apply_async().expect("open").get().expect("no panic")
    });
    means.of(COMPLETED, LARGE_CALLS, 4_950, || {
        let handles = (0..100_u64).map(|i| pool.apply_async(move || black_box(i)).expect("open"));
        as_completed(handles).map(|(_, handle)| handle.get().expect("no panic")).sum()
    });
    means.of(SCOPE, LARGE_CALLS, 100, || {
        let ran = AtomicU64::new(0);
        let note = || _ = ran.fetch_add(1, Ordering::Relaxed);
        pool.scope(|scope| (0..100).for_each(|_| scope.spawn(note).expect("open")));
        ran.into_inner()
    });
    means.of(SLICE, LARGE_CALLS, sum, || {
        total(pool.map_slice(|i| 2 * i, &numbers).expect("no panic"))
    });
    means.of(ASYNC, LARGE_CALLS, sum, || {
        total(pool.map_async(|i| 2 * i, 0..ITEMS).expect("open").get().expect("no panic"))
    });
    means.of(IMAP, LARGE_CALLS, sum, || {
        let results = pool.imap(|i| 2 * i, 0..ITEMS).expect("open");
        results.map(|result| result.expect("no panic")).sum()
    });
    means.of(UNORDERED, LARGE_CALLS, sum, || {
        let results = pool.imap_unordered(|i| 2 * i, 0..ITEMS).expect("open");
        results.map(|result| result.expect("no panic")).sum()
    });
    means.outcome()
}

fn rayon() -> Outcome {
    let pool = Rayon::forever(workers());
    let mut means = singles(pool);
    let sum = ITEMS * (ITEMS - 1);
    let numbers: Vec<u64> = (0..ITEMS).collect();
    let pool = &pool.0;
    means.of(SCOPE, LARGE_CALLS, 100, || {
        let ran = AtomicU64::new(0);
        let note = |_: &rayon::Scope<'_>| _ = ran.fetch_add(1, Ordering::Relaxed);
        pool.scope(|scope| (0..100).for_each(|_| scope.spawn(note)));
        ran.into_inner()
    });
    means.of(SLICE, LARGE_CALLS, sum, || {
        total(pool.install(|| numbers.par_iter().map(|i| 2 * i).collect()))
    });
    means.of(UNORDERED, LARGE_CALLS, sum, || {
        pool.install(|| (0..ITEMS).par_bridge().map(|i| 2 * i).sum())
    });
    means.outcome()
}
