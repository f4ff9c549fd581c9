//! What does it cost to map a function over items and go through the results: all at once, and one by one?
//!
//! The shape of `for result in pool.map(task, range(10))` and its twin with `imap`, from outside on a pool of two. Items of
//! about 20 ns show what the pool adds, by how many they are; ten tasks of 20 µs are the tutorials' program. The pools
//! without a `map` submit item by item and take the results in order, as their users do. rayon has no stream in order:
//! it collects, and then goes through.
//!
//! Not measured: uneven items, borrowed slices (`cargo targets`); item lengths, chunk sizes and windows of streams (S1 to
//! S4 of `cargo targets`).

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use common::{Group, Millpond, Peer, Rayon, Row, criterion, others, work};

#[derive(Clone, Copy)]
struct Items {
    number: u64,
    nanos: u64,
}

impl Items {
    fn task(self) -> impl Fn(u64) -> u64 + Copy + Send + Sync {
        move |i| work(i, self.nanos)
    }
}

fn sum(results: impl IntoIterator<Item = u64>) -> u64 {
    results.into_iter().fold(0, u64::wrapping_add)
}

fn sequential(items: Items) -> u64 {
    sum((0..items.number).map(items.task()).collect::<Vec<_>>())
}

fn collected(pool: &Rayon, items: Items) -> u64 {
    sum(pool.0.install(|| (0..items.number).into_par_iter().map(items.task()).collect::<Vec<_>>()))
}

fn by_handles<P: Peer>(pool: &P, items: Items) -> u64 {
    let task = items.task();
    let handles: Vec<_> = (0..items.number).map(|i| pool.submit(move || task(i))).collect();
    sum(handles.into_iter().map(|handle| pool.get(handle)))
}

fn contest(mut row: Row<'_, '_, u64>, items: Items, ours: impl Fn(&Millpond) -> u64) {
    row.sequential(|| sequential(items));
    row.pool::<Millpond>(ours);
    row.pool::<Rayon>(|pool| collected(pool, items));
    others!(row.pool, |pool| by_handles(pool, items));
}

fn mapped(pool: &Millpond, items: Items) -> u64 {
    sum(pool.0.map(items.task(), 0..items.number).expect("no item panics"))
}

fn streamed(pool: &Millpond, items: Items) -> u64 {
    let results = pool.0.imap(items.task(), 0..items.number).expect("open");
    sum(results.map(|result| result.expect("no item panics")))
}

fn by_number(group: &mut Group<'_>, numbers: &[u64], ours: fn(&Millpond, Items) -> u64) {
    for &number in numbers {
        let items = Items { number, nanos: 20 };
        group.throughput(Throughput::Elements(number));
        contest(Row::at(group, number, sequential(items)), items, |pool| ours(pool, items));
    }
}

fn ten_tasks(group: &mut Group<'_>, ours: fn(&Millpond, Items) -> u64) {
    let items = Items { number: 10, nanos: 20_000 };
    contest(Row::new(group, sequential(items)), items, |pool| ours(pool, items));
}

fn map(c: &mut Criterion) {
    by_number(&mut c.benchmark_group("map"), &[1, 10, 64, 1_000, 100_000], mapped);
    ten_tasks(&mut c.benchmark_group("map, ten tasks of 20 µs"), mapped);
}

fn imap(c: &mut Criterion) {
    by_number(&mut c.benchmark_group("imap"), &[10, 1_000], streamed);
    ten_tasks(&mut c.benchmark_group("imap, ten tasks of 20 µs"), streamed);
}

criterion_group!(name = benches; config = criterion(); targets = map, imap);
criterion_main!(benches);
