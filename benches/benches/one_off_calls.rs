//! What does one call cost, in each of the three ways to make it?
//!
//! Back to back from one outside thread on a pool of two: everybody is hot. Not measured: throughput of many calls in
//! flight, calls after a pause, contention; for those, and for verdicts, see `cargo targets`, which runs each pool in a
//! process of its own.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, criterion_group, criterion_main};
use millpond::ThreadPool;

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    let pool = ThreadPool::new(2).expect("threads");
    group.bench_function("millpond", |b| b.iter(|| pool.apply(|| black_box(1_u64)).expect("no panic")));
    drop(pool);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    group.bench_function("rayon install", |b| b.iter(|| pool.install(|| black_box(1_u64))));
    group.finish();
}

fn apply_async_and_get(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply_async + get");
    let pool = ThreadPool::new(2).expect("threads");
    let call = || pool.apply_async(|| black_box(1_u64)).expect("open").get().expect("no panic");
    group.bench_function("millpond", |b| b.iter(call));
    drop(pool);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let call = || {
        let (sender, receiver) = oneshot::channel();
        pool.spawn(move || drop(sender.send(black_box(1_u64))));
        receiver.recv().expect("no panic")
    };
    group.bench_function("rayon spawn + oneshot", |b| b.iter(call));
    let pool = threadpool::ThreadPool::new(2);
    let call = || {
        let (sender, receiver) = oneshot::channel();
        pool.execute(move || drop(sender.send(black_box(1_u64))));
        receiver.recv().expect("no panic")
    };
    group.bench_function("threadpool + oneshot", |b| b.iter(call));
    group.finish();
}

/// The submitter's side, and at the end of each batch the time until all have run: else the queue would only grow.
fn fire_and_forget(c: &mut Criterion) {
    const BATCH: u64 = 1000;
    let mut group = c.benchmark_group("fire and forget");
    group.throughput(criterion::Throughput::Elements(BATCH));
    let ran = Arc::new(AtomicU64::new(0));
    let batch = |spawn: &dyn Fn(Arc<AtomicU64>)| {
        let before = ran.load(Ordering::Relaxed);
        for _ in 0..BATCH {
            spawn(Arc::clone(&ran));
        }
        while ran.load(Ordering::Relaxed) < before + BATCH {
            std::hint::spin_loop();
        }
    };
    let note = |ran: &AtomicU64| ran.fetch_add(1, Ordering::Relaxed);
    let pool = ThreadPool::new(2).expect("threads");
    let spawn =
        |ran: Arc<AtomicU64>| pool.spawn(move || _ = note(&ran)).unwrap_or_else(|_| unreachable!("open"));
    group.bench_function("millpond", |b| b.iter(|| batch(&spawn)));
    drop(pool);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let spawn = |ran: Arc<AtomicU64>| pool.spawn(move || _ = note(&ran));
    group.bench_function("rayon", |b| b.iter(|| batch(&spawn)));
    let pool = threadpool::ThreadPool::new(2);
    let spawn = |ran: Arc<AtomicU64>| pool.execute(move || _ = note(&ran));
    group.bench_function("threadpool", |b| b.iter(|| batch(&spawn)));
    group.finish();
}

criterion_group!(benches, apply, apply_async_and_get, fire_and_forget);
criterion_main!(benches);
