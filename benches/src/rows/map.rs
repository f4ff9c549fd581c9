//! How near does `map` come to the machine? (P7 items of a nanosecond over a slice, P8 equal items, P9 items as uneven as in a
//! power law, P10 hardly any items.)
//!
//! Not measured: streams, which have rows of their own.

use std::time::Duration;

use paralight::threads::RangeStrategy;
use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::check::{Outcome, figure, figures, same};
use crate::measure::{at_once, measure_trip, time, workers};
use crate::peers::{Millpond, Peer as _, Rayon, specialists};
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit};
use crate::work::{STEPS_200_NS, steps};

const SCOPES: [&str; 2] = ["std::thread", "crossbeam scope"];
const NO_MAP: &str = "has no map";

pub(super) fn rows() -> [Row; 4] {
    let share = |bound| {
        Measure::new("share", "of the sequential time beside it", Unit::Share)
            .must(Against::Itself, bound)
    };
    let wall = || Measure::new("wall", "wall time", Unit::Nanos);
    [
        Row::new("P7", "map_slice of 1 M × 1 ns, against par_iter on the same slice")
            .measure(
                Measure::new("item", "per item", Unit::Nanos).must(Against::Named("rayon"), 1.1),
            )
            .with(Contestant::floor("sequential ÷ 2", slice_sequential))
            .with(Contestant::ours(slice_ours))
            .with(Contestant::peer("rayon", slice_rayon))
            .with(Contestant::peer("paralight", slice_paralight))
            .with(Contestant::peer("orx-parallel", slice_orx))
            .with(Contestant::python(python::THREAD_POOL, "P7"))
            .absent(
                python::EXECUTOR,
                "its map makes a future for each item: a million took more than a minute",
            )
            .all_absent(SCOPES, "with threads of one's own, a map is in P8 and P9")
            .otherwise(NO_MAP),
        Row::new("P8", "map 100 k × 200 ns")
            .measure(share(0.51))
            .measure(wall())
            .with(Contestant::floor("sequential ÷ 2", || floor(equal)))
            .with(Contestant::ours(|| ours(equal)))
            .with(Contestant::peer("rayon", || rayon(equal)))
            .with(Contestant::peer("paralight", || paralight(equal, RangeStrategy::Fixed)))
            .with(Contestant::peer("orx-parallel", || orx(equal)))
            .with(Contestant::peer("std::thread::scope, halves", || halves(equal)))
            .with(Contestant::peer("crossbeam scope, halves", || crossbeam_halves(equal)))
            .otherwise(NO_MAP)
            .with_all(Contestant::pythons("P8")),
        Row::new("P9", "map 10 k items, costs by power law, the dearest first")
            .measure(share(0.52))
            .measure(wall())
            .with(Contestant::floor("sequential ÷ 2", || floor(skewed)))
            .with(Contestant::ours(|| ours(skewed)))
            .with(Contestant::peer("rayon", || rayon(skewed)))
            .with(Contestant::peer("paralight", || paralight(skewed, RangeStrategy::WorkStealing)))
            .with(Contestant::peer("orx-parallel", || orx(skewed)))
            .with(Contestant::peer("std::thread::scope, halves", || halves(skewed)))
            .with(Contestant::peer("crossbeam scope, halves", || crossbeam_halves(skewed)))
            .otherwise(NO_MAP)
            .with_all(Contestant::pythons("P9")),
        Row::new("P10", "map of 64 tiny items, back to back, p50")
            .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 0.4))
            .measure(Measure::cpu("processor time of a map"))
            .with(Contestant::floor("sequential", tiny_sequential))
            .with(Contestant::ours(tiny_ours))
            .with(Contestant::peer("rayon", tiny_rayon))
            .with(Contestant::peer("paralight", tiny_paralight))
            .with(Contestant::peer("orx-parallel", || {
                tiny(|| specialists::orx_map(workers(), |i| 2 * i, TINY))
            }))
            .all_absent(SCOPES, "a thread for each half of 64 tiny items")
            .otherwise(NO_MAP)
            .with_all(Contestant::pythons("P10")),
    ]
}

/// How many items, and what one of them costs.
type Work = fn() -> (u64, fn(u64) -> u64);

fn equal() -> (u64, fn(u64) -> u64) {
    (100_000, |i| steps(i, STEPS_200_NS))
}

/// Item i costs 1/(i+1) of the first: the first hundredth of the items is about half of the work, and the first item a
/// tenth.
fn skewed() -> (u64, fn(u64) -> u64) {
    (10_000, |i| steps(i, 1_000_000 / (u32::try_from(i).unwrap_or(u32::MAX) + 1)))
}

/// The map and the sequential loop in turn, in the same process: their quotient, and the map's time. Medians of three;
/// a fourth turn, the first, warms up.
fn timed(work: Work, mut map: impl FnMut(u64, fn(u64) -> u64) -> Vec<u64>) -> Outcome {
    let (items, f) = work();
    let mut both = Vec::new();
    for _ in 0..4 {
        let (should, alone) = time(|| (0..items).map(f).collect::<Vec<_>>());
        let (values, wall) = time(|| map(items, f));
        same("every value in its place", &(values == should), &true)?;
        both.push((wall / alone, wall));
    }
    let median = |part: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = both[1..].iter().map(part).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(figures([("share", median(|both| both.0)), ("wall", median(|both| both.1))]))
}

/// The loop itself, over as many workers as there are: what a map without any cost of its own would take.
fn floor(work: Work) -> Outcome {
    let mut figures = timed(work, |items, f| (0..items).map(f).collect())?;
    for value in figures.values_mut() {
        *value /= at_once();
    }
    Ok(figures)
}

fn ours(work: Work) -> Outcome {
    let pool = Millpond::forever(workers());
    timed(work, |items, f| pool.0.map(f, 0..items).expect("no item here panics"))
}

fn rayon(work: Work) -> Outcome {
    let pool = Rayon::forever(workers());
    timed(work, |items, f| pool.0.install(|| (0..items).into_par_iter().map(f).collect()))
}

/// What one writes without a pool: a thread for each half.
fn halves(work: Work) -> Outcome {
    timed(work, |items, f| {
        std::thread::scope(|scope| {
            let second = scope.spawn(move || (items / 2..items).map(f).collect::<Vec<_>>());
            let mut all: Vec<_> = (0..items / 2).map(f).collect();
            all.append(&mut second.join().expect("no item here panics"));
            all
        })
    })
}

/// The same with the scope that there was before the standard library had one.
fn crossbeam_halves(work: Work) -> Outcome {
    timed(work, |items, f| {
        let both = crossbeam_utils::thread::scope(|scope| {
            let second = scope.spawn(move |_| (items / 2..items).map(f).collect::<Vec<_>>());
            let mut all: Vec<_> = (0..items / 2).map(f).collect();
            all.append(&mut second.join().expect("no item here panics"));
            all
        });
        both.expect("no item here panics")
    })
}

fn paralight(work: Work, strategy: RangeStrategy) -> Outcome {
    let mut pool = specialists::paralight(workers(), strategy);
    timed(work, |items, f| specialists::paralight_map(&mut pool, f, items))
}

fn orx(work: Work) -> Outcome {
    timed(work, |items, f| specialists::orx_map(workers(), f, items))
}

const SLICE: usize = 1_000_000;

/// The median of seven passes over the slice, in nanoseconds per item.
fn slice(mut map: impl FnMut(&[u64]) -> Vec<u64>) -> Result<f64, String> {
    let items: Vec<u64> = (0..SLICE as u64).collect();
    let should: Vec<u64> = items.iter().map(light).collect();
    let mut walls = Vec::new();
    for _ in 0..7 {
        let (values, wall) = time(|| map(&items));
        same("every value in its place", &(values == should), &true)?;
        walls.push(wall / SLICE as f64);
    }
    walls.sort_by(f64::total_cmp);
    Ok(walls[walls.len() / 2])
}

/// About a nanosecond.
fn light(item: &u64) -> u64 {
    (item ^ (item >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn slice_sequential() -> Outcome {
    figure("item", slice(|items| items.iter().map(light).collect())? / at_once())
}

fn slice_ours() -> Outcome {
    let pool = Millpond::forever(workers());
    figure("item", slice(|items| pool.0.map_slice(light, items).expect("no item here panics"))?)
}

fn slice_rayon() -> Outcome {
    let pool = Rayon::forever(workers());
    figure("item", slice(|items| pool.0.install(|| items.par_iter().map(light).collect()))?)
}

fn slice_paralight() -> Outcome {
    let mut pool = specialists::paralight(workers(), RangeStrategy::Fixed);
    figure("item", slice(|items| specialists::paralight_map_slice(&mut pool, light, items))?)
}

fn slice_orx() -> Outcome {
    figure("item", slice(|items| specialists::orx_map_slice(workers(), light, items))?)
}

const TINY: u64 = 64;
const TIME: Duration = Duration::from_millis(300);

fn tiny(mut map: impl FnMut() -> Vec<u64>) -> Outcome {
    same("the values", &map(), &(0..TINY).map(|i| 2 * i).collect())?;
    measure_trip(TIME, 1, || drop(std::hint::black_box(map()))).figures("wall")
}

fn tiny_sequential() -> Outcome {
    tiny(|| (0..TINY).map(|i| 2 * std::hint::black_box(i)).collect())
}

fn tiny_ours() -> Outcome {
    let pool = Millpond::forever(workers());
    tiny(|| pool.0.map(|i| 2 * i, 0..TINY).expect("no item here panics"))
}

fn tiny_rayon() -> Outcome {
    let pool = Rayon::forever(workers());
    tiny(|| pool.0.install(|| (0..TINY).into_par_iter().map(|i| 2 * i).collect()))
}

fn tiny_paralight() -> Outcome {
    let mut pool = specialists::paralight(workers(), RangeStrategy::Fixed);
    tiny(|| specialists::paralight_map(&mut pool, |i| 2 * i, TINY))
}
