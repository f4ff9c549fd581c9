//! What do 1,024 workers cost? (P17 all of them asleep in a task, P18 all of them parked.)

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::check::{Outcome, figure, same};
use crate::measure::time;
use crate::peers::{Affinitypool, ExecutorsStealing, Peer};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

pub(super) const WIDE: usize = 1024;
/// Long enough for every spin budget to run out.
const SETTLE: Duration = Duration::from_millis(100);
const NAP: Duration = Duration::from_millis(100);

pub(super) fn rows() -> [Row; 2] {
    [
        Row::new("P17", "1,024 workers, 1,024 sleeps of 100 ms")
            .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Floor, 1.1))
            .with(Contestant::floor("one sleep", one_nap))
            .with_all(ask!(naps: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, RustyPool,
                Lagoon, ExecutorsChannel, StdThread))
            .with(Contestant::peer("crossbeam scope", crossbeam_scope))
            .with_all(Contestant::pythons("P17"))
            .too_narrow(),
        Row::new("P18", "1,024 workers parked: submitting 1,024 tasks")
            .measure(Measure::new("submit", "", Unit::Nanos).must(Against::Itself, 2e6))
            .with_all(ask!(submissions: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                RustyPool, Lagoon, ExecutorsChannel))
            .with_all(Contestant::pythons("P18"))
            .too_narrow(),
    ]
}

impl Row {
    /// Names as absent those pools that cannot have 1,024 workers.
    pub(super) fn too_narrow(self) -> Self {
        self.absent("blocking", "its pool has one size for the whole process, at most 500")
            .absent(Affinitypool::NAME, "has at most 512 workers")
            .absent(ExecutorsStealing::NAME, STEALING)
    }
}

/// Seen with 1,024 workers on 24 GB.
pub(super) const STEALING: &str = "each worker that starts sends all others the list of all queues: with 1,024 that took more than 10 GB";

/// A pool whose workers all run: none begins a second task before each has begun one.
pub(super) fn started<P: Peer>() -> Result<&'static P, String> {
    let pool = P::forever(WIDE);
    all_run(pool)?;
    Ok(pool)
}

fn all_run<P: Peer>(pool: &P) -> Result<(), String> {
    let all = Arc::new(Barrier::new(WIDE));
    let task = |i| {
        let all = Arc::clone(&all);
        move || {
            all.wait();
            i
        }
    };
    let handles: Vec<_> = (0..WIDE).map(|i| pool.submit(task(i))).collect();
    let sum: usize = handles.into_iter().map(|handle| pool.get(handle)).sum();
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))
}

/// A pool whose workers have all run, and then gone to sleep.
fn parked<P: Peer>() -> Result<&'static P, String> {
    let pool = started::<P>()?;
    thread::sleep(SETTLE);
    all_run(pool)?;
    thread::sleep(SETTLE);
    Ok(pool)
}

fn naps<P: Peer>() -> Outcome {
    let pool = parked::<P>()?;
    let nap = |i| {
        move || {
            thread::sleep(NAP);
            i
        }
    };
    let (sum, wall) = time(|| {
        let handles: Vec<_> = (0..WIDE).map(|i| pool.submit(nap(i))).collect();
        handles.into_iter().map(|handle| pool.get(handle)).sum::<usize>()
    });
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
    figure("wall", wall)
}

/// A thread for each, started in the time measured, as by `std::thread`.
fn crossbeam_scope() -> Outcome {
    let (sum, wall) = time(|| {
        let nap = |i| {
            move |_: &crossbeam_utils::thread::Scope<'_>| {
                thread::sleep(NAP);
                i
            }
        };
        let all = crossbeam_utils::thread::scope(|scope| {
            let threads: Vec<_> = (0..WIDE).map(|i| scope.spawn(nap(i))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no task here panics"))
                .sum::<usize>()
        });
        all.expect("no task here panics")
    });
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
    figure("wall", wall)
}

fn one_nap() -> Outcome {
    figure("wall", time(|| thread::sleep(NAP)).1)
}

fn submissions<P: Peer>() -> Outcome {
    let pool = parked::<P>()?;
    let (handles, submit) = time(|| (0..WIDE).map(|i| pool.submit(move || i)).collect::<Vec<_>>());
    let sum: usize = handles.into_iter().map(|handle| pool.get(handle)).sum();
    same("the sum of the results", &sum, &(WIDE * (WIDE - 1) / 2))?;
    figure("submit", submit)
}
