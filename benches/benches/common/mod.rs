//! What the benches share: who takes part, under which name, and how a row is run.
//!
//! A **row** is one piece of work, at one value of its parameter if it has one. Contestants do it one after the other. Each
//! is started when its turn comes, so nobody is whom the command line leaves out; its result is checked before it is timed,
//! and again after each sample; and it ends before the next one starts. A pool's name is the same in all groups.
#![allow(dead_code, unused_imports, unused_macros, reason = "each bench uses a part of it")]

use std::cell::OnceCell;
use std::env;
use std::fmt::{Debug, Display};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, BenchmarkId, Criterion, PlottingBackend};

pub(crate) use millpond_bench::peers::{
    Lagoon, Millpond, Peer, Rayon, RustyPool, Threadpool, TokioBlocking, TokioSpawn,
};

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

/// Whether everything is to run once, quickly, as criterion understands the command line.
pub(crate) fn testing() -> bool {
    let asked_for = |flag| env::args().any(|argument| argument == flag);
    asked_for("--test") || !asked_for("--bench")
}

/// Work of about so many nanoseconds on a processor of 3 to 4 GHz: a chain of dependent steps, the same for everybody.
pub(crate) fn work(seed: u64, nanos: u64) -> u64 {
    let step = |state: u64, _| (state ^ (state >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..nanos * 13 / 20).fold(black_box(seed) | 1, step)
}

/// One piece of work for several contestants, with the result that it must have.
pub(crate) struct Row<'g, 'c, T> {
    group: &'g mut Group<'c>,
    parameter: Option<String>,
    workers: usize,
    tasks: u64,
    should: T,
}

impl<'g, 'c, T: PartialEq + Debug> Row<'g, 'c, T> {
    /// The only row of a group.
    pub(crate) fn new(group: &'g mut Group<'c>, should: T) -> Self {
        Self { group, parameter: None, workers: WORKERS, tasks: 1, should }
    }

    /// The row of a group at this value of its parameter.
    pub(crate) fn at(group: &'g mut Group<'c>, parameter: impl Display, should: T) -> Self {
        Self { parameter: Some(parameter.to_string()), ..Self::new(group, should) }
    }

    pub(crate) fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Reports the time for each of so many tasks of which the work consists, instead of the time for all of them.
    pub(crate) fn per_task_of(self, tasks: u64) -> Self {
        Self { tasks, ..self }
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

    /// A pool whose work looks at the clock itself: told how often to do it, it gives the last result and the time.
    pub(crate) fn timed<P: Peer>(&mut self, work: impl FnMut(&P, u64) -> (T, Duration)) {
        self.contestant(P::NAME, P::new, P::end, work);
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
        let (workers, tasks, should) = (self.workers, self.tasks, &self.should);
        let contestant = OnceCell::new();
        let turn = |b: &mut Bencher<'_>| {
            let contestant = contestant.get_or_init(|| {
                let contestant = start(workers);
                assert_eq!(work(&contestant, 1).0, *should, "{name} computes something else");
                contestant
            });
            b.iter_custom(|wanted| {
                let times = wanted.div_ceil(tasks);
                let (result, time) = work(contestant, times);
                assert_eq!(result, *should, "{name} computes something else now and then");
                time.mul_f64(wanted as f64 / (times * tasks) as f64)
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

/// Counts tasks that have run, and wakes its owner when all have. It is one word for all of them: some tens of nanoseconds
/// per task, in everybody's figures.
pub(crate) struct Tally {
    ran: AtomicU64,
    all: AtomicU64,
    owner: Thread,
}

impl Tally {
    /// A tally that tasks may name, and that this thread waits for.
    pub(crate) fn forever() -> &'static Self {
        Box::leak(Box::new(Self {
            ran: AtomicU64::new(0),
            all: AtomicU64::new(0),
            owner: thread::current(),
        }))
    }

    /// Begins a round of so many tasks, when those of the last round have run.
    pub(crate) fn expect(&self, tasks: u64) {
        self.ran.store(0, Ordering::Relaxed);
        self.all.store(tasks, Ordering::Relaxed);
    }

    /// One task has run.
    pub(crate) fn note(&self) {
        // The round began before its tasks were submitted, so its size is what is read here.
        if self.ran.fetch_add(1, Ordering::Release) + 1 == self.all.load(Ordering::Relaxed) {
            self.owner.unpark();
        }
    }

    /// Waits for all tasks of the round, and gives their number.
    pub(crate) fn wait(&self) -> u64 {
        while self.ran.load(Ordering::Acquire) < self.all.load(Ordering::Relaxed) {
            thread::park();
        }
        self.ran.load(Ordering::Relaxed)
    }
}

/// Whether a bench that is no criterion group, and has this name, is to run: not for another one's filter, nor to be listed.
/// A word behind an option that we do not know is taken for its value.
pub(crate) fn wanted(name: &str) -> bool {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{name}: benchmark");
        return false;
    }
    let known = |option: &str| !option.starts_with('-') || ["--bench", "--test"].contains(&option);
    let is_value = |at: usize| at > 0 && !known(&arguments[at - 1]);
    let filter =
        arguments.iter().enumerate().find(|(at, word)| !word.starts_with('-') && !is_value(*at));
    filter.is_none_or(|(_, filter)| name.contains(filter.as_str()))
}
