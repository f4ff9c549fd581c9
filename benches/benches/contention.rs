//! What does a task cost when several threads submit at once, from outside or from inside?
//!
//! From outside: 2, 4 and 8 threads each submit a thousand empty tasks to a pool of two and take the results; the cost is
//! that of all of them together. From inside: 1, 2 and 4 tasks each spawn a thousand. And tasks that each map a hundred
//! items on their own pool and wait, which with threadpool, rusty_pool and a blocking wait on tokio never ends: only
//! ours and rayon are there.
//!
//! Not measured: more processors than the machine has; on two of them threads meet by being interrupted more often than by
//! running at once.

mod common;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use common::{Millpond, Peer, Rayon, Row, Tally, criterion, everybody, work};

const TASKS: u64 = 1_000;

/// So many times: a thousand tasks from each of several threads. The threads are there before the time begins. The last
/// sum of their results, and the time.
fn submitters<P: Peer>(pool: &P, threads: u64, times: u64) -> (u64, Duration) {
    let start = Barrier::new(threads as usize + 1);
    let submit = |thread: u64| {
        start.wait();
        let mut sum = 0;
        for _ in 0..times {
            let numbers = thread * TASKS..(thread + 1) * TASKS;
            let handles: Vec<_> = numbers.map(|i| pool.submit(move || i)).collect();
            sum = handles.into_iter().map(|handle| pool.get(handle)).sum();
        }
        sum
    };
    thread::scope(|scope| {
        let submitters: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || submit(thread))).collect();
        start.wait();
        let begin = Instant::now();
        let sum = submitters.into_iter().map(|thread| thread.join().expect("no task panics")).sum();
        (sum, begin.elapsed())
    })
}

fn from_outside(c: &mut Criterion) {
    let mut group = c.benchmark_group("submitting threads");
    for threads in [2, 4, 8] {
        let tasks = threads * TASKS;
        group.throughput(Throughput::Elements(tasks));
        let mut row = Row::at(&mut group, threads, tasks * (tasks - 1) / 2);
        everybody!(row.timed, |pool, times| submitters(pool, threads, times));
    }
}

/// Tasks that spawn a thousand each.
fn spawners<P: Peer>(pool: &'static P, spawners: u64, tally: &'static Tally) -> u64 {
    tally.expect(spawners * TASKS);
    for _ in 0..spawners {
        pool.spawn(|| (0..TASKS).for_each(|_| pool.spawn(|| tally.note())));
    }
    tally.wait()
}

fn from_inside(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawning tasks");
    let tally = Tally::forever();
    for tasks in [1, 2, 4] {
        group.throughput(Throughput::Elements(tasks * TASKS));
        let mut row = Row::at(&mut group, tasks, tasks * TASKS);
        everybody!(row.forever, |pool| spawners(pool, tasks, tally));
    }
}

/// An item of the inner maps.
fn item(i: u64) -> u64 {
    work(i, 20)
}

fn sum(values: Vec<u64>) -> u64 {
    values.into_iter().fold(0, u64::wrapping_add)
}

fn nested_maps(c: &mut Criterion) {
    const ITEMS: u64 = 100;
    let mut group = c.benchmark_group("tasks that map");
    for tasks in [2, 8] {
        group.throughput(Throughput::Elements(tasks * ITEMS));
        let each = sum((0..ITEMS).map(item).collect());
        let mut row = Row::at(&mut group, tasks, each.wrapping_mul(tasks));
        row.pool::<Millpond>(|pool| {
            let map = |_| sum(pool.0.map(item, 0..ITEMS).expect("no item panics"));
            sum(pool.0.map(map, 0..tasks).expect("no item panics"))
        });
        row.pool::<Rayon>(|pool| {
            let map = |_| sum((0..ITEMS).into_par_iter().map(item).collect());
            pool.0.install(|| sum((0..tasks).into_par_iter().map(map).collect()))
        });
    }
}

criterion_group!(name = benches; config = criterion(); targets = from_outside, from_inside, nested_maps);
criterion_main!(benches);
