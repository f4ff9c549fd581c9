//! How often does each way to call a function go to the allocator, and for how many bytes?
//!
//! Counted in this whole process, by the allocator: what one call costs itself is the median over all calls; what queues
//! allocate for many calls together, a block for every 31 or 63 of them, is in the mean. Pools of two, called from outside,
//! after a first round that does not count. rayon's answer to `imap_unordered` is `par_bridge`, which adds up on the
//! workers and delivers nothing. A table and not criterion: a count has no distribution that wants estimating, and
//! criterion takes the best answer there is, 0, for a mistake.
//!
//! Not measured: what is freed, and when; how long it takes, which is in all other benches; the peak.

/// The allocator of `cargo targets`, compiled once more: its count is not for other crates.
#[path = "../src/alloc.rs"]
pub mod alloc;
mod common;

use std::fmt::Debug;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use millpond::as_completed;
use rayon::iter::{
    IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelBridge as _,
    ParallelIterator as _,
};

use alloc::{Counting, count};
use common::{Millpond, Peer, Rayon, Tally, WORKERS, everybody, testing, wanted};

#[global_allocator]
static HEAP: Counting = Counting;

const ITEMS: u64 = 1_000;

/// A way to call a function, and those who were seen to do it.
struct Row<'t, T> {
    table: &'t mut Table,
    call: &'static str,
    should: T,
}

impl<'t, T: PartialEq + Debug> Row<'t, T> {
    fn new(table: &'t mut Table, call: &'static str, should: T) -> Self {
        Self { table, call, should }
    }

    fn pool<P: Peer>(&mut self, mut work: impl FnMut(&P) -> T) {
        let calls = if testing() { 10 } else { 5_000 };
        let pool = P::new(WORKERS);
        let mut once = || {
            let mut result = None;
            let counted = count(|| result = Some(work(&pool)));
            assert_eq!(result.as_ref(), Some(&self.should), "{} computes something else", P::NAME);
            counted
        };
        (0..calls).for_each(|_| _ = once());
        let counts: Vec<[u64; 2]> = (0..calls).map(|_| once()).collect();
        pool.end();
        let mean = counts.iter().map(|[times, _]| times).sum::<u64>() as f64 / f64::from(calls);
        let [times, bytes] = [0, 1].map(|part| median(counts.iter().map(|count| count[part])));
        let figures = [times.to_string(), bytes.to_string(), format!("{mean:.3}")];
        self.table.add_row([self.call, P::NAME].map(str::to_owned).into_iter().chain(figures));
    }
}

fn median(counts: impl Iterator<Item = u64>) -> u64 {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

fn one_off_calls(table: &mut Table) {
    let tally = Tally::forever();
    let mut row = Row::new(table, "spawn", 1);
    everybody!(row.pool, |pool| {
        tally.expect(1);
        pool.spawn(|| tally.note());
        tally.wait()
    });
    let mut row = Row::new(table, "apply_async + get, 24 B captured", 6);
    everybody!(row.pool, |pool| {
        let captured = black_box([1_u64, 2, 3]);
        pool.get(pool.submit(move || captured.iter().sum::<u64>()))
    });
    let mut row = Row::new(table, "apply_async + get, 256 B captured", 32);
    everybody!(row.pool, |pool| {
        let captured = black_box([1_u64; 32]);
        pool.get(pool.submit(move || captured.iter().sum::<u64>()))
    });
    let mut row = Row::new(table, "task with a callback + get", 1);
    row.pool::<Millpond>(|pool| {
        let task = pool.0.task(|| black_box(1)).callback(|value| _ = black_box(*value));
        task.apply_async().expect("open").get().expect("no panic")
    });
    let mut row = Row::new(table, "apply", 1);
    row.pool::<Millpond>(|pool| pool.0.apply(|| black_box(1)).expect("no panic"));
    row.pool::<Rayon>(|pool| pool.0.install(|| black_box(1)));
}

fn many_calls(table: &mut Table) {
    let mut row = Row::new(table, "as_completed, 100 handles", 4950);
    row.pool::<Millpond>(|pool| {
        let handles = (0..100_u64).map(|i| pool.submit(move || black_box(i)));
        as_completed(handles).map(|(_, handle)| handle.get().expect("no task panics")).sum()
    });
    let mut row = Row::new(table, "scope with 100 tasks", 100);
    row.pool::<Millpond>(|pool| {
        let ran = AtomicU64::new(0);
        let note = || _ = ran.fetch_add(1, Ordering::Relaxed);
        pool.0.scope(|scope| (0..100).for_each(|_| scope.spawn(note).expect("open")));
        ran.into_inner()
    });
    row.pool::<Rayon>(|pool| {
        let ran = AtomicU64::new(0);
        let note = |_: &rayon::Scope<'_>| _ = ran.fetch_add(1, Ordering::Relaxed);
        pool.0.scope(|scope| (0..100).for_each(|_| scope.spawn(note)));
        ran.into_inner()
    });
}

fn many_items(table: &mut Table) {
    let numbers: Vec<u64> = (0..ITEMS).collect();
    let sum = (0..ITEMS).sum::<u64>();
    let double = |i: u64| 2 * i;
    let total = |values: Vec<u64>| values.into_iter().sum::<u64>();
    let mut row = Row::new(table, "map, 1,000 items", 2 * sum);
    row.pool::<Millpond>(|pool| total(pool.0.map(double, 0..ITEMS).expect("no panic")));
    row.pool::<Rayon>(|pool| {
        total(pool.0.install(|| (0..ITEMS).into_par_iter().map(double).collect()))
    });
    let mut row = Row::new(table, "map_slice, 1,000 items", 2 * sum);
    row.pool::<Millpond>(|pool| total(pool.0.map_slice(|i| 2 * i, &numbers).expect("no panic")));
    row.pool::<Rayon>(|pool| total(pool.0.install(|| numbers.par_iter().map(|i| 2 * i).collect())));
    let mut row = Row::new(table, "map_async + get, 1,000 items", 2 * sum);
    row.pool::<Millpond>(|pool| {
        total(pool.0.map_async(double, 0..ITEMS).expect("open").get().expect("no panic"))
    });
    let mut row = Row::new(table, "imap, 1,000 items", 2 * sum);
    row.pool::<Millpond>(|pool| {
        let results = pool.0.imap(double, 0..ITEMS).expect("open");
        results.map(|result| result.expect("no panic")).sum()
    });
    let mut row = Row::new(table, "imap_unordered, 1,000 items", 2 * sum);
    row.pool::<Millpond>(|pool| {
        let results = pool.0.imap_unordered(double, 0..ITEMS).expect("open");
        results.map(|result| result.expect("no panic")).sum()
    });
    row.pool::<Rayon>(|pool| pool.0.install(|| (0..ITEMS).par_bridge().map(double).sum()));
}

fn main() {
    if !wanted("allocation") {
        return;
    }
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["call", "pool", "allocations, median", "bytes, median", "allocations, mean"]);
    one_off_calls(&mut table);
    many_calls(&mut table);
    many_items(&mut table);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}
