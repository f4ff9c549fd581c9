//! What does one call cost, made and waited for, and what do a hundred that are in flight together?
//!
//! The shapes of the tutorials' `apply` and `apply_async` programs with an empty function, so that what is left is the
//! pool's own. From one outside thread on a pool of two, back to back: everybody is hot. Who has no `apply` submits and
//! waits. rayon's `install` keeps the call on the caller's stack. Results are handed over as each pool does it, and
//! by `oneshot` where it does not.
//!
//! Not measured: calls after a pause (P3 and P30 of `cargo targets`), calls from many threads (C1), results nobody wants
//! (`fire_and_forget`).

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use common::{Millpond, Peer, Rayon, Row, criterion, everybody, others};

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    let mut row = Row::new(&mut group, 1_u64);
    row.pool::<Millpond>(|pool| pool.0.apply(|| black_box(1)).expect("no panic"));
    row.pool::<Rayon>(|pool| pool.0.install(|| black_box(1)));
    others!(row.pool, |pool| pool.get(pool.submit(|| black_box(1))));
}

fn apply_async(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply_async + get");
    let mut row = Row::new(&mut group, 1_u64);
    everybody!(row.pool, |pool| pool.get(pool.submit(|| black_box(1))));
}

fn hundred_handles<P: Peer>(pool: &P) -> u64 {
    let handles: Vec<_> = (0..100_u64).map(|i| pool.submit(move || black_box(i))).collect();
    handles.into_iter().map(|handle| pool.get(handle)).sum()
}

fn in_flight(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply_async + get, 100 in flight");
    group.throughput(Throughput::Elements(100));
    let mut row = Row::new(&mut group, 4950_u64);
    everybody!(row.pool, |pool| hundred_handles(pool));
}

criterion_group!(name = benches; config = criterion(); targets = apply, apply_async, in_flight);
criterion_main!(benches);
