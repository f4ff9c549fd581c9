//! How many tasks a second can outside threads have done, with all results taken? (P4 from one thread, P5 from four,
//! or from as many as `--submitters` says.)
//!
//! A result belongs to its task: a handle each. The peers that leave results to the user also run with one channel for
//! all of them, which is cheaper and tells less; the better of the two counts.
//!
//! Not measured: tasks that do something.

use std::sync::mpsc;
use std::thread;

use crossbeam_deque::{Injector, Steal};

use crate::check::{Outcome, figure, same};
use crate::measure::{submitters, time, workers};
use crate::peers::{
    AsyncExecutor, ExecutorsChannel, ExecutorsStealing, Lagoon, Peer, Rayon, RustyPool, Threadpool,
    TokioSpawn,
};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const TASKS: u64 = 1_000_000;

pub(super) fn rows() -> [Row; 2] {
    let measure = || Measure::new("rate", "", Unit::Rate);
    [
        Row::new("P4", "1 M tasks from one outside thread, all results taken")
            .measure(measure().must(Against::Best, 1.5))
            .with(Contestant::floor("injector push + steal", injector))
            .with_all(ask!(from_one: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
            .with_all(channels::<false>())
            .with_all(Contestant::pythons("P4"))
            .absent("std::thread", "a million threads"),
        Row::new("P5", "1 M tasks from four outside threads (or --submitters), all results taken")
            .measure(measure().must(Against::Best, 1.1))
            .with_all(ask!(from_several: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
            .with_all(channels::<true>())
            .with_all(Contestant::pythons("P5"))
            .absent("std::thread", "a million threads"),
    ]
}

fn channels<const SEVERAL: bool>() -> [Contestant; 8] {
    [
        Contestant::peer("rayon, one channel", one_channel::<Rayon, SEVERAL>),
        Contestant::peer("threadpool, one channel", one_channel::<Threadpool, SEVERAL>),
        Contestant::peer("tokio spawn, one channel", one_channel::<TokioSpawn, SEVERAL>),
        Contestant::peer("async-executor, one channel", one_channel::<AsyncExecutor, SEVERAL>),
        Contestant::peer("rusty_pool, one channel", one_channel::<RustyPool, SEVERAL>),
        Contestant::peer("lagoon, one channel", one_channel::<Lagoon, SEVERAL>),
        Contestant::peer(
            "executors work-stealing, one channel",
            one_channel::<ExecutorsStealing, SEVERAL>,
        ),
        Contestant::peer(
            "executors channel, one channel",
            one_channel::<ExecutorsChannel, SEVERAL>,
        ),
    ]
}

fn from_one<P: Peer>() -> Outcome {
    run(1, by_handles::<P>, P::forever(workers()))
}

fn from_several<P: Peer>() -> Outcome {
    run(several(), by_handles::<P>, P::forever(workers()))
}

fn one_channel<P: Peer, const SEVERAL: bool>() -> Outcome {
    run(if SEVERAL { several() } else { 1 }, by_channel::<P>, P::forever(workers()))
}

/// The threads of P5.
fn several() -> usize {
    submitters(4)
}

/// `way` submits the numbers from `first`, so many of them, and adds up the results.
fn run<P: Peer>(threads: usize, way: fn(&P, u64, u64) -> u64, pool: &'static P) -> Outcome {
    let all = |tasks: u64| {
        let bound = |at: u64| tasks * at / threads as u64;
        thread::scope(|scope| {
            let submit = |at: u64| move || way(pool, bound(at), bound(at + 1) - bound(at));
            // The first submits from here: with one thread, none is started.
            let others: Vec<_> = (1..threads as u64).map(|at| scope.spawn(submit(at))).collect();
            let mine = submit(0)();
            others
                .into_iter()
                .fold(mine, |sum, other| sum + other.join().expect("no task here panics"))
        })
    };
    let should = |tasks: u64| (0..tasks).map(double).sum::<u64>();
    let warm = TASKS / 20;
    same("the sum of the first results", &all(warm), &should(warm))?;
    let (sum, nanos) = time(|| all(TASKS));
    same("the sum of all results", &sum, &should(TASKS))?;
    figure("rate", TASKS as f64 / nanos * 1e9)
}

fn double(i: u64) -> u64 {
    2 * i
}

fn by_handles<P: Peer>(pool: &P, first: u64, tasks: u64) -> u64 {
    let handles: Vec<_> = (first..first + tasks).map(|i| pool.submit(move || double(i))).collect();
    handles.into_iter().map(|handle| pool.get(handle)).sum()
}

fn by_channel<P: Peer>(pool: &P, first: u64, tasks: u64) -> u64 {
    let (sender, receiver) = mpsc::channel();
    for i in first..first + tasks {
        let sender = sender.clone();
        pool.spawn(move || sender.send(double(i)).expect("somebody listens"));
    }
    drop(sender);
    receiver.into_iter().sum()
}

/// The queue alone: what goes in comes out, on one thread, in the blocks that a pool would have in flight.
fn injector() -> Outcome {
    let queue = Injector::new();
    let (sum, nanos) = time(|| {
        let mut sum = 0;
        for block in 0..TASKS / 1000 {
            for i in 0..1000 {
                queue.push(block * 1000 + i);
            }
            while let Steal::Success(i) = queue.steal() {
                sum += i;
            }
        }
        sum
    });
    same("the sum", &sum, &(TASKS * (TASKS - 1) / 2))?;
    figure("rate", TASKS as f64 / nanos * 1e9)
}
