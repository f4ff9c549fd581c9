//! What does it cost to start ten tasks and use the first result alone?
//!
//! The shape of `next(pool.imap_unordered(task, range(10)))` before the `with` block is left, and of `wait` for the first
//! of several handles. Ten tasks of 20 µs from outside on a pool of two. What has not begun is called off by whoever can:
//! ours by dropping the stream or `cancel`, rayon's `find_any` and tokio's `JoinSet` by themselves. threadpool and
//! rusty_pool cannot, so that the next round queues behind the rest of this one: that is their cost.
//!
//! Not measured: tasks that ask whether they should go on; rayon's `find_any` waits for those that run.

mod common;

use std::hint::black_box;
use std::sync::mpsc;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use millpond::{ReturnWhen, wait};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::task::JoinSet;

use common::{
    Group, Millpond, Peer, Rayon, Row, RustyPool, Threadpool, TokioBlocking, TokioSpawn, criterion,
    work,
};

const TASKS: u64 = 10;

/// Each task gives its number, and so the first is any of them.
fn task(i: u64) -> u64 {
    black_box(work(i, 20_000));
    i
}

fn one_channel<P: Peer>(pool: &P) -> u64 {
    let (sender, receiver) = mpsc::channel();
    for i in 0..TASKS {
        let sender = sender.clone();
        // From the second on nobody may be listening any more.
        pool.spawn(move || _ = sender.send(task(i)));
    }
    receiver.recv().expect("one comes first")
}

fn join_set(spawn: impl Fn(&mut JoinSet<u64>, u64)) -> u64 {
    let mut set = JoinSet::new();
    (0..TASKS).for_each(|i| spawn(&mut set, i));
    block_on(set.join_next()).expect("there are tasks").expect("no task panics")
}

async fn called(i: u64) -> u64 {
    task(i)
}

/// The first result is whoever's: what is checked is that it is one of theirs.
fn contest(mut group: Group<'_>, ours: impl Fn(&Millpond) -> u64) {
    let mut row = Row::new(&mut group, true);
    let known = |result| result < TASKS;
    row.pool::<Millpond>(|pool| known(ours(pool)));
    row.pool::<Rayon>(|pool| {
        let first = pool.0.install(|| (0..TASKS).into_par_iter().map(task).find_any(|_| true));
        known(first.expect("there are tasks"))
    });
    row.pool::<Threadpool>(|pool| known(one_channel(pool)));
    row.pool::<RustyPool>(|pool| known(one_channel(pool)));
    row.pool::<TokioSpawn>(|pool| {
        known(join_set(|set, i| {
            set.spawn_on(called(i), pool.0.handle());
        }))
    });
    row.pool::<TokioBlocking>(|pool| {
        known(join_set(|set, i| {
            set.spawn_blocking_on(move || task(i), pool.0.handle());
        }))
    });
}

fn stream(c: &mut Criterion) {
    contest(c.benchmark_group("wait for first"), |pool| {
        let mut results = pool.0.imap_unordered(task, 0..TASKS).expect("open");
        results.next().expect("there are items").expect("no item panics")
    });
}

fn handles(c: &mut Criterion) {
    contest(c.benchmark_group("wait for first, by handles"), |pool| {
        let handles: Vec<_> = (0..TASKS).map(|i| pool.submit(move || task(i))).collect();
        let waited = wait(handles, ReturnWhen::FirstCompleted, None);
        for late in &waited.not_done {
            late.1.cancel();
        }
        waited.done.into_iter().next().expect("one comes first").1.get().expect("no task panics")
    });
}

criterion_group!(name = benches; config = criterion(); targets = stream, handles);
criterion_main!(benches);
