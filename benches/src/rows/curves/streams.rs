//! What does a stream cost per item, by how long the items are, how they are cut, and how far it
//! may run ahead? (S1 to S4)
//!
//! As many items as take 4 ms one after the other. The consumer adds up. The others deliver to a
//! consumer too. In order, pools with handles keep a window of them in flight, and tokio does it by
//! the `buffered` of `futures`. As they come, tokio does it by `buffer_unordered`, and the others
//! send through one channel without a window; rayon's stands at the end of a parallel iterator.
//!
//! Not measured: a slow consumer, an input that costs, uneven items.

use std::collections::VecDeque;
use std::sync::mpsc;

use futures::executor::block_on;
use futures::stream::{StreamExt as _, iter};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use super::{A_FEW, Point, curve, per_item};
use crate::check::Outcome;
use crate::measure::workers;
use crate::peers::{
    Awaiting as _, Millpond, Peer, Rayon, RustyPool, Threadpool, TokioBlocking, TokioSpawn,
};
use crate::row::{Contestant, Row};
use crate::work::work;

/// Of streams that are told none; ours begins with it too.
const WINDOW: usize = 64;

const LENGTHS: &[Point] = &[
    ("items of 50 ns", 50),
    ("items of 200 ns", 200),
    ("items of 1 µs", 1_000),
    ("items of 10 µs", 10_000),
    ("items of 100 µs", 100_000),
];
const CHUNKS: &[Point] = &[
    ("chunks of 1", 1),
    ("chunks of 4", 4),
    ("chunks of 16", 16),
    ("chunks of 64", 64),
    ("chunks of 256", 256),
];
const WINDOWS: &[Point] = &[
    ("a window of 2", 2),
    ("a window of 8", 8),
    ("a window of 64", 64),
    ("a window of 1,024", 1_024),
];

/// The rows, for contestants that are told which one they are in.
const ORDERED: u8 = 1;
const UNORDERED: u8 = 2;
const CHUNKED: u8 = 3;
const WINDOWED: u8 = 4;

pub(super) fn rows() -> [Row; 4] {
    const NO_CHUNKS: &str = "has no stream that is cut into chunks";
    let in_order = |row: Row| row.absent("rayon", "its par_bridge is unordered").otherwise(A_FEW);
    [
        in_order(row::<ORDERED>("S1", "imap, per item, by the length of the items"))
            .with(Contestant::baseline("sequential", sequential::<ORDERED>))
            .with_all(windows::<ORDERED>()),
        row::<UNORDERED>("S2", "imap_unordered, per item, by the length of the items")
            .with(Contestant::baseline("sequential", sequential::<UNORDERED>))
            .with(Contestant::pool::<Rayon>(rayon_and_channel::<UNORDERED>))
            .with(Contestant::pool::<Threadpool>(one_channel::<Threadpool, UNORDERED>))
            .with(Contestant::pool::<RustyPool>(one_channel::<RustyPool, UNORDERED>))
            .with(Contestant::pool::<TokioBlocking>(one_channel::<TokioBlocking, UNORDERED>))
            .with(Contestant::pool::<TokioSpawn>(buffered::<UNORDERED>))
            .otherwise(A_FEW),
        row::<CHUNKED>("S3", "imap_unordered of 200 ns, per item, by the size of the chunks")
            .with(Contestant::pool::<Rayon>(rayon_and_channel::<CHUNKED>))
            .otherwise(NO_CHUNKS),
        in_order(row::<WINDOWED>("S4", "imap of 1 µs, per item, by the window"))
            .with_all(windows::<WINDOWED>()),
    ]
}

fn row<const ROW: u8>(id: &'static str, work: &'static str) -> Row {
    Row::new(id, work).curve(points(ROW)).with(Contestant::ours(ours::<ROW>))
}

fn windows<const ROW: u8>() -> [Contestant; 4] {
    [
        Contestant::pool::<Threadpool>(windowed::<Threadpool, ROW>),
        Contestant::pool::<RustyPool>(windowed::<RustyPool, ROW>),
        Contestant::pool::<TokioBlocking>(windowed::<TokioBlocking, ROW>),
        Contestant::pool::<TokioSpawn>(buffered::<ROW>),
    ]
}

const fn points(row: u8) -> &'static [Point] {
    match row {
        ORDERED | UNORDERED => LENGTHS,
        CHUNKED => CHUNKS,
        _ => WINDOWS,
    }
}

/// One point of a row.
#[derive(Clone, Copy)]
struct Case {
    ordered: bool,
    nanos: u64,
    chunk: Option<usize>,
    window: Option<usize>,
}

impl Case {
    fn of(row: u8, at: u64) -> Self {
        let told = usize::try_from(at).ok();
        let (ordered, nanos) = (matches!(row, ORDERED | WINDOWED), 1_000);
        let plain = Self { ordered, nanos, chunk: None, window: None };
        match row {
            CHUNKED => Self { nanos: 200, chunk: told, ..plain },
            WINDOWED => Self { window: told, ..plain },
            _ => Self { nanos: at, ..plain },
        }
    }

    fn items(self) -> u64 {
        (4_000_000 / self.nanos).min(20_000)
    }

    fn task(self) -> impl Fn(u64) -> u64 + Copy + Send + Sync + 'static {
        move |i| work(i, self.nanos)
    }

    fn sequential(self) -> u64 {
        sum((0..self.items()).map(self.task()))
    }

    fn window(self) -> usize {
        self.window.unwrap_or(WINDOW)
    }
}

fn sum(results: impl IntoIterator<Item = u64>) -> u64 {
    results.into_iter().fold(0, u64::wrapping_add)
}

/// Every point of a row, by a pass that adds up all results.
fn each<const ROW: u8>(pass: impl Fn(Case) -> u64) -> Outcome {
    curve(points(ROW), |at| {
        let case = Case::of(ROW, at);
        per_item(case.items(), &case.sequential(), || pass(case))
    })
}

fn sequential<const ROW: u8>() -> Outcome {
    each::<ROW>(Case::sequential)
}

fn ours<const ROW: u8>() -> Outcome {
    let pool = Millpond::forever(workers());
    each::<ROW>(|case| {
        let mut stream = pool.0.stream(case.task(), 0..case.items());
        if let Some(chunk) = case.chunk {
            stream = stream.chunksize(chunk);
        }
        if let Some(window) = case.window {
            stream = stream.buffersize(window);
        }
        let results = if case.ordered { stream.imap() } else { stream.imap_unordered() };
        let results = results.expect("the pool is open");
        sum(results.map(|result| result.expect("no item panics")))
    })
}

/// The oldest handle is waited for when the window is full.
fn windowed<P: Peer, const ROW: u8>() -> Outcome {
    let pool = P::forever(workers());
    each::<ROW>(|case| {
        let task = case.task();
        let mut in_flight = VecDeque::with_capacity(case.window());
        let mut all = 0_u64;
        for i in 0..case.items() {
            if in_flight.len() == case.window() {
                let oldest = in_flight.pop_front().expect("the window is not empty");
                all = all.wrapping_add(pool.get(oldest));
            }
            in_flight.push_back(pool.submit(move || task(i)));
        }
        sum(in_flight.into_iter().map(|handle| pool.get(handle))).wrapping_add(all)
    })
}

/// tokio's handles are futures.
fn buffered<const ROW: u8>() -> Outcome {
    let pool = TokioSpawn::forever(workers());
    each::<ROW>(|case| {
        let task = case.task();
        let handles = iter((0..case.items()).map(|i| pool.start(async move { task(i) })));
        let add = async |all: u64, result: u64| all.wrapping_add(result);
        if case.ordered {
            block_on(handles.buffered(case.window()).fold(0, add))
        } else {
            block_on(handles.buffer_unordered(case.window()).fold(0, add))
        }
    })
}

fn one_channel<P: Peer, const ROW: u8>() -> Outcome {
    let pool = P::forever(workers());
    each::<ROW>(|case| {
        let task = case.task();
        let (sender, receiver) = mpsc::channel();
        for i in 0..case.items() {
            let sender = sender.clone();
            pool.spawn(move || sender.send(task(i)).expect("the consumer listens"));
        }
        drop(sender);
        sum(receiver)
    })
}

/// Cut as rayon sees fit, or into chunks.
fn rayon_and_channel<const ROW: u8>() -> Outcome {
    let pool = Rayon::forever(workers());
    each::<ROW>(|case| {
        let task = case.task();
        let (sender, receiver) = mpsc::channel();
        let send = move |sender: &mut mpsc::Sender<u64>, i: usize| {
            sender.send(task(i as u64)).expect("the consumer listens");
        };
        pool.0.spawn(move || {
            let items = (0..case.items() as usize).into_par_iter();
            match case.chunk {
                Some(chunk) => {
                    items.with_min_len(chunk).with_max_len(chunk).for_each_with(sender, send)
                }
                None => items.for_each_with(sender, send),
            }
        });
        sum(receiver)
    })
}
