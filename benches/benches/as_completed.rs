//! What does it cost to use results as they come?
//!
//! The shape of `for result in pool.imap_unordered(task, range(n))`, and of `concurrent.futures.as_completed` over
//! handles. 64 tasks of 0 to 15 µs from outside on a pool of two; the consumer adds up. The pools that have neither send
//! their results through one channel, which tells the consumer nothing of which task a result is; tokio has its `JoinSet`
//! for handles. rayon goes through the items in parallel, and sends.
//!
//! Not measured: many items, long or tiny ones (S2 of `cargo targets`); a consumer that takes its time.

mod common;

use std::sync::mpsc;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use millpond::as_completed;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::task::JoinSet;

use common::{
    Millpond, Peer, Rayon, Row, RustyPool, Threadpool, TokioBlocking, TokioSpawn, criterion,
    others, work,
};

const TASKS: u64 = 64;

fn task(i: u64) -> u64 {
    work(i, i * 37 % 16 * 1_000)
}

fn sum(results: impl IntoIterator<Item = u64>) -> u64 {
    results.into_iter().fold(0, u64::wrapping_add)
}

fn should() -> u64 {
    sum((0..TASKS).map(task))
}

fn one_channel<P: Peer>(pool: &P) -> u64 {
    let (sender, receiver) = mpsc::channel();
    for i in 0..TASKS {
        let sender = sender.clone();
        pool.spawn(move || sender.send(task(i)).expect("somebody listens"));
    }
    drop(sender);
    sum(receiver)
}

fn rayon_and_channel(pool: &Rayon) -> u64 {
    let (sender, receiver) = mpsc::channel();
    let send = |sender: &mut mpsc::Sender<u64>, i| sender.send(task(i)).expect("somebody listens");
    pool.0.spawn(move || (0..TASKS).into_par_iter().for_each_with(sender, send));
    sum(receiver)
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("as completed");
    let mut row = Row::new(&mut group, should());
    row.sequential(should);
    row.pool::<Millpond>(|pool| {
        let results = pool.0.imap_unordered(task, 0..TASKS).expect("open");
        sum(results.map(|result| result.expect("no item panics")))
    });
    row.pool::<Rayon>(rayon_and_channel);
    others!(row.pool, |pool| one_channel(pool));
}

fn join_set(spawn: impl Fn(&mut JoinSet<u64>, u64)) -> u64 {
    let mut set = JoinSet::new();
    (0..TASKS).for_each(|i| spawn(&mut set, i));
    block_on(async {
        let mut all = 0_u64;
        while let Some(result) = set.join_next().await {
            all = all.wrapping_add(result.expect("no task panics"));
        }
        all
    })
}

async fn called(i: u64) -> u64 {
    task(i)
}

fn handles(c: &mut Criterion) {
    let mut group = c.benchmark_group("as completed, by handles");
    let mut row = Row::new(&mut group, should());
    row.sequential(should);
    row.pool::<Millpond>(|pool| {
        let handles: Vec<_> = (0..TASKS).map(|i| pool.submit(move || task(i))).collect();
        sum(as_completed(handles).map(|(_, handle)| handle.get().expect("no task panics")))
    });
    row.pool::<Rayon>(rayon_and_channel);
    row.pool::<Threadpool>(one_channel);
    row.pool::<RustyPool>(one_channel);
    row.pool::<TokioSpawn>(|pool| {
        join_set(|set, i| {
            set.spawn_on(called(i), pool.0.handle());
        })
    });
    row.pool::<TokioBlocking>(|pool| {
        join_set(|set, i| {
            set.spawn_blocking_on(move || task(i), pool.0.handle());
        })
    });
}

criterion_group!(name = benches; config = criterion(); targets = streams, handles);
criterion_main!(benches);
