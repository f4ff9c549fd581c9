//! What does a stream cost per item, by how long the items are, how they are cut, and how far it may run ahead?
//!
//! `imap` and `imap_unordered` from outside on a pool of two, with as many items as take 4 ms one after the other. The
//! consumer adds up. The others deliver to a consumer too: in order, pools with handles keep a window of them in flight,
//! and tokio by the `buffered` of `futures`; as they come, tokio by `buffer_unordered`, threadpool and rusty_pool one
//! channel and no window, rayon a channel at the end of a parallel iterator, also without a window. rayon has nothing in
//! order.
//!
//! Not measured: a slow consumer, an input that costs, uneven items.

mod common;

use std::collections::VecDeque;
use std::sync::mpsc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use futures::stream::{StreamExt as _, iter};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use common::{
    Group, Millpond, Peer, Rayon, Row, RustyPool, Threadpool, TokioBlocking, TokioSpawn, criterion,
    work,
};

/// Of streams that are told none; ours begins with it too.
const WINDOW: usize = 64;

#[derive(Clone, Copy)]
struct Items {
    number: u64,
    nanos: u64,
}

impl Items {
    fn of(nanos: u64) -> Self {
        Self { number: (4_000_000 / nanos).min(20_000), nanos }
    }

    fn task(self) -> impl Fn(u64) -> u64 + Copy + Send + Sync + 'static {
        move |i| work(i, self.nanos)
    }

    fn sequential(self) -> u64 {
        sum((0..self.number).map(self.task()))
    }

    fn row<'g, 'c>(
        self,
        group: &'g mut Group<'c>,
        parameter: impl std::fmt::Display,
    ) -> Row<'g, 'c, u64> {
        group.throughput(Throughput::Elements(self.number));
        Row::at(group, parameter, self.sequential())
    }
}

fn sum(results: impl IntoIterator<Item = u64>) -> u64 {
    results.into_iter().fold(0, u64::wrapping_add)
}

/// What a stream of ours is told.
#[derive(Clone, Copy, Default)]
struct Told {
    unordered: bool,
    chunk: Option<usize>,
    window: Option<usize>,
}

fn ours(pool: &Millpond, items: Items, told: Told) -> u64 {
    let mut stream = pool.0.stream(items.task(), 0..items.number);
    if let Some(chunk) = told.chunk {
        stream = stream.chunksize(chunk);
    }
    if let Some(window) = told.window {
        stream = stream.buffersize(window);
    }
    let results = if told.unordered { stream.imap_unordered() } else { stream.imap() };
    sum(results.expect("open").map(|result| result.expect("no item panics")))
}

/// The oldest handle is waited for when the window is full.
fn windowed<P: Peer>(pool: &P, items: Items, window: usize) -> u64 {
    let task = items.task();
    let mut in_flight = VecDeque::with_capacity(window);
    let mut all = 0_u64;
    for i in 0..items.number {
        if in_flight.len() == window {
            let oldest = in_flight.pop_front().expect("the window is not empty");
            all = all.wrapping_add(pool.get(oldest));
        }
        in_flight.push_back(pool.submit(move || task(i)));
    }
    sum(in_flight.into_iter().map(|handle| pool.get(handle))).wrapping_add(all)
}

/// tokio's handles are futures.
type Joined = tokio::task::JoinHandle<u64>;

fn buffered(items: Items, window: usize, ordered: bool, submit: impl Fn(u64) -> Joined) -> u64 {
    let handles = iter((0..items.number).map(submit));
    let add =
        async |all: u64, result: Result<u64, _>| all.wrapping_add(result.expect("no item panics"));
    if ordered {
        block_on(handles.buffered(window).fold(0, add))
    } else {
        block_on(handles.buffer_unordered(window).fold(0, add))
    }
}

fn tokio(row: &mut Row<'_, '_, u64>, items: Items, window: usize, ordered: bool) {
    let task = items.task();
    row.pool::<TokioSpawn>(|pool| {
        buffered(items, window, ordered, |i| pool.submit(move || task(i)))
    });
    row.pool::<TokioBlocking>(|pool| {
        buffered(items, window, ordered, |i| pool.submit(move || task(i)))
    });
}

fn one_channel<P: Peer>(pool: &P, items: Items) -> u64 {
    let task = items.task();
    let (sender, receiver) = mpsc::channel();
    for i in 0..items.number {
        let sender = sender.clone();
        pool.spawn(move || sender.send(task(i)).expect("somebody listens"));
    }
    drop(sender);
    sum(receiver)
}

/// Cut as rayon sees fit, or into chunks.
fn rayon_and_channel(pool: &Rayon, items: Items, chunk: Option<usize>) -> u64 {
    let task = items.task();
    let (sender, receiver) = mpsc::channel();
    let send =
        move |sender: &mut mpsc::Sender<u64>, i| sender.send(task(i)).expect("somebody listens");
    pool.0.spawn(move || match chunk {
        Some(chunk) => {
            let cut =
                (0..items.number as usize).into_par_iter().with_min_len(chunk).with_max_len(chunk);
            cut.for_each_with(sender, |sender, i| send(sender, i as u64));
        }
        None => (0..items.number).into_par_iter().for_each_with(sender, send),
    });
    sum(receiver)
}

const LENGTHS: [u64; 5] = [50, 200, 1_000, 10_000, 100_000];

fn imap(c: &mut Criterion) {
    let mut group = c.benchmark_group("imap by item length in ns");
    for items in LENGTHS.map(Items::of) {
        let mut row = items.row(&mut group, items.nanos);
        row.sequential(|| items.sequential());
        row.pool::<Millpond>(|pool| ours(pool, items, Told::default()));
        row.pool::<Threadpool>(|pool| windowed(pool, items, WINDOW));
        row.pool::<RustyPool>(|pool| windowed(pool, items, WINDOW));
        tokio(&mut row, items, WINDOW, true);
    }
}

fn imap_unordered(c: &mut Criterion) {
    let mut group = c.benchmark_group("imap_unordered by item length in ns");
    for items in LENGTHS.map(Items::of) {
        let mut row = items.row(&mut group, items.nanos);
        row.sequential(|| items.sequential());
        row.pool::<Millpond>(|pool| ours(pool, items, Told { unordered: true, ..Told::default() }));
        row.pool::<Rayon>(|pool| rayon_and_channel(pool, items, None));
        row.pool::<Threadpool>(|pool| one_channel(pool, items));
        row.pool::<RustyPool>(|pool| one_channel(pool, items));
        tokio(&mut row, items, WINDOW, false);
    }
}

fn chunks(c: &mut Criterion) {
    let mut group = c.benchmark_group("imap_unordered of 200 ns by chunk size");
    let items = Items::of(200);
    for chunk in [1, 4, 16, 64, 256] {
        let told = Told { unordered: true, chunk: Some(chunk), window: None };
        let mut row = items.row(&mut group, chunk);
        row.pool::<Millpond>(|pool| ours(pool, items, told));
        row.pool::<Rayon>(|pool| rayon_and_channel(pool, items, Some(chunk)));
    }
}

fn windows(c: &mut Criterion) {
    let mut group = c.benchmark_group("imap of 1 µs by window");
    let items = Items::of(1_000);
    for window in [2, 8, 64, 1_024] {
        let told = Told { window: Some(window), ..Told::default() };
        let mut row = items.row(&mut group, window);
        row.pool::<Millpond>(|pool| ours(pool, items, told));
        row.pool::<Threadpool>(|pool| windowed(pool, items, window));
        row.pool::<RustyPool>(|pool| windowed(pool, items, window));
        tokio(&mut row, items, window, true);
    }
}

criterion_group!(name = benches; config = criterion(); targets = imap, imap_unordered, chunks, windows);
criterion_main!(benches);
