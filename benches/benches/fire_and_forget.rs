//! What does a task cost that nobody waits for, one by one and by the batch?
//!
//! The shape of the tutorials' `apply_async` and `map_async` programs that forget the handle. A thousand empty tasks from
//! one outside thread on a pool of two; the time ends when all have run, or else the queue would only grow. How that is
//! known costs everybody the same: each task counts itself in one shared word. The pools without a `map_async` spawn item
//! by item. rayon could spawn one task that goes through the items in parallel, and is left out: a worker of its that waits for the
//! last items of one such task begins the next one on the same stack, which overflowed.
//!
//! Not measured: making and ending a pool (P25 of `cargo targets`), tasks spawned by tasks (P6 and C2).

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use common::{Millpond, Peer, Row, Tally, criterion, everybody, others};

const TASKS: u64 = 1_000;

fn spawn_all<P: Peer>(pool: &P, tally: &'static Tally) -> u64 {
    tally.expect(TASKS);
    for _ in 0..TASKS {
        pool.spawn(|| tally.note());
    }
    tally.wait()
}

fn spawn(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn and forget");
    group.throughput(Throughput::Elements(TASKS));
    let tally = Tally::forever();
    let mut row = Row::new(&mut group, TASKS);
    everybody!(row.pool, |pool| spawn_all(pool, tally));
}

fn map_async(c: &mut Criterion) {
    let mut group = c.benchmark_group("map_async and forget");
    group.throughput(Throughput::Elements(TASKS));
    let tally = Tally::forever();
    let mut row = Row::new(&mut group, TASKS);
    row.pool::<Millpond>(|pool| {
        tally.expect(TASKS);
        pool.0.map_async(|_| tally.note(), 0..TASKS).expect("open").detach();
        tally.wait()
    });
    others!(row.pool, |pool| spawn_all(pool, tally));
}

criterion_group!(name = benches; config = criterion(); targets = spawn, map_async);
criterion_main!(benches);
