//! What the benches share: who takes part, under which name, and how a row is run.
//!
//! A **row** is one piece of work, at one value of its parameter if it has one. Contestants do it one after the other. Each
//! is started when its turn comes, so nobody is whom the command line leaves out; its result is checked before it is timed,
//! and again after each sample; and it ends before the next one starts. A pool's name is the same in all groups.
#![allow(dead_code, unused_imports, unused_macros, reason = "each bench uses a part of it")]

use std::cell::OnceCell;
use std::fmt::{Debug, Display};
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, BenchmarkId, Criterion, PlottingBackend};

pub(crate) use millpond_bench::peers::{
    Lagoon, Millpond, Peer, Rayon, RustyPool, Threadpool, TokioBlocking, TokioSpawn,
};
pub(crate) use millpond_bench::{Tally, work};

pub(crate) type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Of every pool, unless a bench is about their number.
pub(crate) const WORKERS: usize = 2;

/// Criterion with less patience than it has by itself: there are hundreds of rows.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(600))
        .nresamples(10_000)
        .plotting_backend(PlottingBackend::Plotters)
}

/// One piece of work for several contestants, with the result that it must have.
pub(crate) struct Row<'g, 'c, T> {
    group: &'g mut Group<'c>,
    parameter: Option<String>,
    workers: usize,
    should: T,
}

impl<'g, 'c, T: PartialEq + Debug> Row<'g, 'c, T> {
    /// The only row of a group.
    pub(crate) fn new(group: &'g mut Group<'c>, should: T) -> Self {
        Self { group, parameter: None, workers: WORKERS, should }
    }

    /// The row of a group at this value of its parameter.
    pub(crate) fn at(group: &'g mut Group<'c>, parameter: impl Display, should: T) -> Self {
        Self { parameter: Some(parameter.to_string()), ..Self::new(group, should) }
    }

    pub(crate) fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// No pool at all.
    pub(crate) fn sequential(&mut self, mut work: impl FnMut() -> T) {
        self.contestant("sequential", |_| (), drop, repeated(move |()| work()));
    }

    /// A pool that ends with its turn.
    pub(crate) fn pool<P: Peer>(&mut self, work: impl FnMut(&P) -> T) {
        self.contestant(P::NAME, P::new, P::end, repeated(work));
    }

    /// A pool that tasks may name, because it never ends: its workers sleep through the others' turns.
    pub(crate) fn forever<P: Peer>(&mut self, mut work: impl FnMut(&'static P) -> T) {
        self.contestant(P::NAME, P::forever, |_| (), repeated(move |pool: &&'static P| work(pool)));
    }

    /// Somebody who is no [`Peer`], or no longer looks like one in this row.
    pub(crate) fn other<C>(
        &mut self,
        name: &str,
        start: impl Fn() -> C,
        work: impl FnMut(&C) -> T,
    ) {
        self.contestant(name, |_| start(), drop, repeated(work));
    }

    fn contestant<C>(
        &mut self,
        name: &str,
        start: impl Fn(usize) -> C,
        end: impl FnOnce(C),
        mut work: impl FnMut(&C, u64) -> (T, Duration),
    ) {
        let (workers, should) = (self.workers, &self.should);
        let contestant = OnceCell::new();
        let turn = |b: &mut Bencher<'_>| {
            let contestant = contestant.get_or_init(|| {
                let contestant = start(workers);
                assert_eq!(work(&contestant, 1).0, *should, "{name} computes something else");
                contestant
            });
            b.iter_custom(|times| {
                let (result, time) = work(contestant, times);
                assert_eq!(result, *should, "{name} computes something else now and then");
                time
            });
        };
        match &self.parameter {
            Some(parameter) => self.group.bench_function(BenchmarkId::new(name, parameter), turn),
            None => self.group.bench_function(name, turn),
        };
        contestant.into_inner().map(end);
    }
}

/// The time that `work` takes so many times, and its last result.
fn repeated<C, T>(mut work: impl FnMut(&C) -> T) -> impl FnMut(&C, u64) -> (T, Duration) {
    move |contestant, times| {
        let start = Instant::now();
        for _ in 1..times {
            black_box(work(contestant));
        }
        let last = black_box(work(contestant));
        (last, start.elapsed())
    }
}

/// The same work for all pools but ours and rayon, which have ways of their own in many rows.
macro_rules! others {
    ($row:ident.$way:ident, |$($argument:ident),+| $work:expr) => {
        $row.$way::<$crate::common::Threadpool>(|$($argument),+| $work);
        $row.$way::<$crate::common::RustyPool>(|$($argument),+| $work);
        $row.$way::<$crate::common::Lagoon>(|$($argument),+| $work);
        $row.$way::<$crate::common::TokioSpawn>(|$($argument),+| $work);
        $row.$way::<$crate::common::TokioBlocking>(|$($argument),+| $work);
    };
}
pub(crate) use others;

/// The same work for all pools.
macro_rules! everybody {
    ($row:ident.$way:ident, |$($argument:ident),+| $work:expr) => {
        $row.$way::<$crate::common::Millpond>(|$($argument),+| $work);
        $row.$way::<$crate::common::Rayon>(|$($argument),+| $work);
        $crate::common::others!($row.$way, |$($argument),+| $work);
    };
}
pub(crate) use everybody;
