//! Those that are no general pools, each as large as the pools of the rows that it takes part in.

use std::num::NonZero;

use paralight::threads::{
    CpuPinningPolicy, RangeStrategy, ThreadCount, ThreadPool, ThreadPoolBuilder,
};

/// chili: its number of threads includes the one that calls.
pub(crate) fn chili(threads: usize) -> chili::ThreadPool {
    chili::ThreadPool::with_config(chili::Config {
        thread_count: NonZero::new(threads),
        ..chili::Config::default()
    })
}

/// paralight: it has no defaults, and recommends a strategy by the work.
pub(crate) fn paralight(workers: usize, range_strategy: RangeStrategy) -> ThreadPool {
    let num_threads = ThreadCount::try_from(workers).expect("more than none");
    ThreadPoolBuilder { num_threads, range_strategy, cpu_pinning: CpuPinningPolicy::No }.build()
}

/// A map over numbers. Its ranges are of `usize`, as the next one's.
pub(crate) fn paralight_map<R: Send>(
    pool: &mut ThreadPool,
    f: impl Fn(u64) -> R + Sync,
    items: u64,
) -> Vec<R> {
    use paralight::iter::{ExactParallelSourceExt as _, IntoExactParallelSource as _};
    (0..items as usize).into_par_iter().map(|i| f(i as u64)).with_thread_pool(pool).collect()
}

pub(crate) fn paralight_map_slice<R: Send>(
    pool: &mut ThreadPool,
    f: impl Fn(&u64) -> R + Sync,
    items: &[u64],
) -> Vec<R> {
    use paralight::iter::{ExactParallelSourceExt as _, IntoExactParallelRefSource as _};
    items.par_iter().map(f).with_thread_pool(pool).collect()
}

/// orx-parallel: on the pool of its own, which has a thread for each processor, on no more of them than `workers`.
pub(crate) fn orx_map<R: Send>(
    workers: usize,
    f: impl Fn(u64) -> R + Copy + Send + Sync,
    items: u64,
) -> Vec<R> {
    use orx_parallel::{Par as _, Parallelizable as _};
    (0..items as usize).par().num_threads(workers).map(|i| f(i as u64)).collect()
}

pub(crate) fn orx_map_slice<R: Send>(
    workers: usize,
    f: impl Fn(&u64) -> R + Copy + Send + Sync,
    items: &[u64],
) -> Vec<R> {
    use orx_parallel::{Par as _, Parallelizable as _};
    items.par().num_threads(workers).map(f).collect()
}
