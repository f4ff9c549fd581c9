//! What does `map` add to the work of its items, by how many they are?
//!
//! Items of about 20 ns on a pool of two, called from outside. Not measured: uneven items, items that block, borrowed
//! slices; for verdicts see `cargo targets`, which runs each pool in a process of its own.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use millpond::ThreadPool;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

fn item(seed: u64) -> u64 {
    (0..13).fold(black_box(seed), |state, _| (state ^ (state >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn map(c: &mut Criterion) {
    let mut group = c.benchmark_group("map");
    for items in [1_u64, 64, 1_000, 100_000] {
        group.throughput(Throughput::Elements(items));
        group.bench_function(BenchmarkId::new("sequential", items), |b| {
            b.iter(|| (0..items).map(item).collect::<Vec<_>>());
        });
        let pool = ThreadPool::new(2).expect("threads");
        group.bench_function(BenchmarkId::new("millpond", items), |b| {
            b.iter(|| pool.map(item, 0..items).expect("no panic"));
        });
        drop(pool);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
        group.bench_function(BenchmarkId::new("rayon", items), |b| {
            b.iter(|| pool.install(|| (0..items).into_par_iter().map(item).collect::<Vec<_>>()));
        });
    }
    group.finish();
}

criterion_group!(benches, map);
criterion_main!(benches);
