//! How does the cost of a task grow, with the number of workers, with the queue, with its length and with what it captures?
//!
//! A curve each (`target/criterion/report/index.html`), in time per task, the submitter's part and the task itself
//! included; where the axis is logarithmic, 0 is drawn at its left end. Empty tasks from one outside thread whose results
//! are taken, on a pool of two, unless the curve is about just that. The queue is filled while all workers are held, so
//! that it has its length; then they are let go, and the time ends when all tasks have run; for ten of them that is the
//! time to wake the workers. They count themselves in one shared word, the same for everybody.
//!
//! Not measured: more processors, on which the number of workers means something else; results of other sizes; the memory
//! that a queue takes (`allocation`).

mod common;

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use criterion::{
    AxisScale, Criterion, PlotConfiguration, SamplingMode, criterion_group, criterion_main,
};

use common::{
    Group, Millpond, Peer, Rayon, Row, RustyPool, Tally, Threadpool, WORKERS, criterion, testing,
    work,
};

/// In flight together, unless the curve is about their number.
const TASKS: u64 = 1_000;

/// The same work for those with whom ours is compared here: rayon, and the best pools whose queue is first in, first out.
macro_rules! curves {
    ($row:ident.$way:ident, |$($argument:ident),+| $work:expr) => {
        $row.$way::<Millpond>(|$($argument),+| $work);
        $row.$way::<Rayon>(|$($argument),+| $work);
        $row.$way::<Threadpool>(|$($argument),+| $work);
        $row.$way::<RustyPool>(|$($argument),+| $work);
    };
}

fn curve<'c>(c: &'c mut Criterion, name: &str, scale: AxisScale) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group.plot_config(PlotConfiguration::default().summary_scale(scale));
    group.sample_size(10);
    group
}

/// The sum of what the tasks give.
fn results<P: Peer, F: FnOnce() -> u64 + Send + 'static>(
    pool: &P,
    tasks: u64,
    task: impl Fn(u64) -> F,
) -> u64 {
    let handles: Vec<_> = (0..tasks).map(|i| pool.submit(task(i))).collect();
    handles.into_iter().map(|handle| pool.get(handle)).fold(0, u64::wrapping_add)
}

fn workers(c: &mut Criterion) {
    let mut group = curve(c, "growth with workers", AxisScale::Logarithmic);
    for workers in [1, 2, 4, 16, 64, 256, 1_024] {
        let should = TASKS * (TASKS - 1) / 2;
        let mut row = Row::at(&mut group, workers, should).workers(workers).per_task_of(TASKS);
        curves!(row.pool, |pool| results(pool, TASKS, |i| move || black_box(i)));
    }
}

/// So many times: fills the queue with so many tasks, and lets them run. The number of those that have, and the time.
fn fill<P: Peer>(pool: &P, tasks: u64, times: u64, tally: &'static Tally) -> (u64, Duration) {
    let (mut ran, mut time) = (0, Duration::ZERO);
    for _ in 0..times {
        let gate = held(pool);
        tally.expect(tasks);
        let begin = Instant::now();
        for _ in 0..tasks {
            pool.spawn(|| tally.note());
        }
        gate.wait();
        ran = tally.wait();
        time += begin.elapsed();
    }
    (ran, time)
}

/// Holds all workers, until somebody waits at the gate.
fn held<P: Peer>(pool: &P) -> Arc<Barrier> {
    let gate = Arc::new(Barrier::new(WORKERS + 1));
    for _ in 0..WORKERS {
        let gate = Arc::clone(&gate);
        pool.spawn(move || {
            gate.wait();
            gate.wait();
        });
    }
    // All of them are there.
    gate.wait();
    gate
}

fn queue(c: &mut Criterion) {
    let mut group = curve(c, "growth with queued tasks", AxisScale::Logarithmic);
    group.sampling_mode(SamplingMode::Flat);
    let tally = Tally::forever();
    let largest = if testing() { 5 } else { 7 };
    for tasks in (1..=largest).map(|zeros| 10_u64.pow(zeros)) {
        let mut row = Row::at(&mut group, tasks, tasks).per_task_of(tasks);
        curves!(row.timed, |pool, times| fill(pool, tasks, times, tally));
    }
}

fn length(c: &mut Criterion) {
    let mut group = curve(c, "growth with task length in ns", AxisScale::Logarithmic);
    for nanos in [0, 100, 1_000, 10_000, 100_000] {
        // So that no round is longer than some milliseconds.
        let tasks = if nanos > 1_000 { TASKS / 20 } else { TASKS };
        let alone = || (0..tasks).map(|i| work(i, nanos)).fold(0, u64::wrapping_add);
        let mut row = Row::at(&mut group, nanos, alone()).per_task_of(tasks);
        row.sequential(alone);
        curves!(row.pool, |pool| results(pool, tasks, |i| move || work(i, nanos)));
    }
}

fn capturing<const BYTES: usize>(group: &mut Group<'_>) {
    let mut row = Row::at(group, BYTES, TASKS * BYTES as u64).per_task_of(TASKS);
    curves!(row.pool, |pool| results(pool, TASKS, |_| {
        let captured = black_box([1_u8; BYTES]);
        move || black_box(&captured).len() as u64
    }));
}

fn closure_size(c: &mut Criterion) {
    let mut group = curve(c, "growth with captured bytes", AxisScale::Linear);
    capturing::<0>(&mut group);
    capturing::<24>(&mut group);
    capturing::<64>(&mut group);
    capturing::<256>(&mut group);
    capturing::<1_024>(&mut group);
    capturing::<4_096>(&mut group);
}

criterion_group!(name = benches; config = criterion(); targets = workers, queue, length, closure_size);
criterion_main!(benches);
