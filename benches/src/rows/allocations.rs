//! How often does a call go to the allocator? (P13)
//!
//! Counted by the global allocator of this program. What most calls allocate is the median of all calls; what queues and
//! slabs allocate for many calls together, a block for every 31 of them, is in the means, and bytes are always
//! means. A program that takes each result before its next call may get the same memory again and again; one that keeps
//! its results may not, and so both are counted. Tasks capture 24 bytes and return a u64.

use std::hint::black_box;

use crate::alloc::count;
use crate::check::{Figures, Outcome, figure, figures, same};
use crate::measure::workers;
use crate::peers::{Affinitypool, Millpond, Peer, Rayon, specialists};
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};
use paralight::threads::RangeStrategy;
use pariter::IteratorExt as _;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

const CALLS: u64 = 20_000;
const MAPS: u64 = 2_000;
const STREAM: u64 = 100_000;
const ITEMS: u64 = 1_000;

pub(super) fn row() -> Row {
    let measure =
        |key, what, unit, bound| Measure::new(key, what, unit).must(Against::Itself, bound);
    Row::new("P13", "heap allocations")
        .measure(Measure::new("submit", "apply_async + get", Unit::Count))
        .measure(measure("submit_bytes", "apply_async + get, bytes, mean", Unit::Bytes, 64.0))
        .measure(measure("submit_mean", "apply_async + get, mean", Unit::Count, 1.02))
        .measure(Measure::new("kept_mean", "apply_async, all results kept, mean", Unit::Count))
        .measure(Measure::new("kept_bytes", "apply_async, all results kept, bytes, mean", Unit::Bytes))
        .measure(measure("map", "map call of 1,000 items", Unit::Count, 3.0))
        .measure(Measure::new("map_mean", "map call of 1,000 items, mean", Unit::Count))
        .measure(measure("apply", "blocking apply", Unit::Count, 1.0))
        .with_all(ask!(others: Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking, RustyPool,
            Lagoon, ExecutorsStealing, ExecutorsChannel))
        .with(Contestant::peer("paralight", paralight))
        .with(Contestant::peer("orx-parallel", orx))
        .with(Contestant::peer("pariter", pariter))
        .absent(Affinitypool::NAME, "its future has no name and is boxed here, which is not its own allocation")
        .all_absent([python::THREAD_POOL, python::EXECUTOR], "allocates out of sight of this program")
        .measure(measure("imap", "imap item, of 100,000 through one stream", Unit::Count, 0.01))
        .with(Contestant::ours(ours))
}

/// What one of many calls allocates, after as many again that do not count.
pub(super) struct Each {
    /// How often, the median.
    own: f64,
    /// How many bytes, the mean.
    bytes: f64,
    /// How often, the mean.
    pub(super) mean: f64,
}

pub(super) fn each(calls: u64, mut call: impl FnMut(u64)) -> Each {
    (0..calls).for_each(&mut call);
    let counts: Vec<[u64; 2]> = (0..calls).map(|i| count(|| call(i))).collect();
    let mean =
        |part: usize| counts.iter().map(|count| count[part] as f64).sum::<f64>() / calls as f64;
    let mut own: Vec<u64> = counts.iter().map(|count| count[0]).collect();
    own.sort_unstable();
    Each { own: own[own.len() / 2] as f64, bytes: mean(1), mean: mean(0) }
}

fn submit<P: Peer>(pool: &P) -> Result<Figures, String> {
    let mut sum = 0;
    let Each { own, bytes, mean } = each(CALLS, |i| {
        let (a, b, c) = black_box((i, 2_u64, 3_u64));
        sum += pool.get(pool.submit(move || a * b * c));
    });
    same("the sum of the results", &sum, &(2 * 6 * (CALLS * (CALLS - 1) / 2)))?;
    let mut handles = Vec::with_capacity(usize::try_from(CALLS).unwrap_or(0));
    let kept = count(|| {
        handles.extend((0..CALLS).map(|i| {
            let (a, b, c) = black_box((i, 2_u64, 3_u64));
            pool.submit(move || a * b * c)
        }));
    });
    let sum: u64 = handles.into_iter().map(|handle| pool.get(handle)).sum();
    same("the sum of the results kept", &sum, &(6 * (CALLS * (CALLS - 1) / 2)))?;
    let [kept_mean, kept_bytes] = kept.map(|all| all as f64 / CALLS as f64);
    Ok(figures([
        ("submit", own),
        ("submit_bytes", bytes),
        ("submit_mean", mean),
        ("kept_mean", kept_mean),
        ("kept_bytes", kept_bytes),
    ]))
}

fn others<P: Peer>() -> Outcome {
    let mut all = submit(P::forever(workers()))?;
    if P::NAME == Rayon::NAME {
        let pool = Rayon::forever(workers());
        let map = maps(|| pool.0.install(|| (0..ITEMS).into_par_iter().map(|i| 2 * i).collect()))?;
        let install = each(CALLS, |i| _ = black_box(pool.0.install(|| i + 1)));
        all.extend(figures([("map", map.own), ("map_mean", map.mean), ("apply", install.own)]));
    }
    Ok(all)
}

fn ours() -> Outcome {
    let pool = Millpond::forever(workers());
    let mut all = submit(pool)?;
    let map = maps(|| pool.0.map(|i| 2 * i, 0..ITEMS).expect("no item here panics"))?;
    let mut sum = 0;
    let apply = each(CALLS, |i| {
        let (a, b, c) = black_box((i, 2_u64, 3_u64));
        sum += pool.0.apply(move || a * b * c).expect("no task here panics");
    });
    same("the sum of the results", &sum, &(2 * 6 * (CALLS * (CALLS - 1) / 2)))?;
    let mut passed = 0;
    let stream = count(|| {
        passed = pool.0.imap(|i| 2 * i, 0..STREAM).expect("the pool is open").count() as u64
    });
    same("the number of items", &passed, &STREAM)?;
    let imap = stream[0] as f64 / STREAM as f64;
    all.extend(figures([
        ("map", map.own),
        ("map_mean", map.mean),
        ("apply", apply.own),
        ("imap", imap),
    ]));
    Ok(all)
}

fn paralight() -> Outcome {
    let mut pool = specialists::paralight(workers(), RangeStrategy::Fixed);
    let map = maps(|| specialists::paralight_map(&mut pool, |i| 2 * i, ITEMS))?;
    Ok(figures([("map", map.own), ("map_mean", map.mean)]))
}

fn orx() -> Outcome {
    let map = maps(|| specialists::orx_map(workers(), |i| 2 * i, ITEMS))?;
    Ok(figures([("map", map.own), ("map_mean", map.mean)]))
}

fn pariter() -> Outcome {
    let mut passed = 0;
    let stream =
        || (0..STREAM).parallel_map_custom(|options| options.threads(workers()), |i| 2 * i);
    let allocations = count(|| passed = stream().count() as u64);
    same("the number of items", &passed, &STREAM)?;
    figure("imap", allocations[0] as f64 / STREAM as f64)
}

fn maps(mut map: impl FnMut() -> Vec<u64>) -> Result<Each, String> {
    same("the values", &map(), &(0..ITEMS).map(|i| 2 * i).collect())?;
    let mut length = 0;
    let each = each(MAPS, |_| length += map().len() as u64);
    same("the number of values", &length, &(2 * MAPS * ITEMS))?;
    Ok(each)
}
