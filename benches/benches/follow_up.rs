//! What do follow-up tasks cost, by whoever submits them: a call's callback, a map's callback, or the program by hand?
//!
//! The shapes of the tutorial on follow-up tasks: a first round of a hundred tasks of 1 µs, and a second task of 1 µs for
//! each value that promises something, about every other. From outside on a pool of two; the time ends when all have
//! run. Pools without callbacks submit at the end of the task itself, and after a map in the task that ends last; which is
//! less than a callback does, for no handle is resolved.
//!
//! Not measured: callbacks for errors; chains of follow-ups (P19 of `cargo targets` is about who else gets a turn
//! then).

mod common;

use std::array;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, mpsc};

use criterion::{Criterion, criterion_group, criterion_main};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use common::{Group, Millpond, Peer, Rayon, Row, Tally, criterion, others, work};

const TASKS: u64 = 100;

fn promises(value: u64) -> bool {
    value >> 63 == 1
}

/// A first-round task.
fn first(i: u64) -> u64 {
    work(i, 1_000)
}

/// How many tasks there are in both rounds.
static BOTH_ROUNDS: LazyLock<u64> =
    LazyLock::new(|| TASKS + (0..TASKS).filter(|&i| promises(first(i))).count() as u64);

/// Notes that a first-round task has run, and submits its follow-up if it shall have one.
fn follow_up<P: Peer>(pool: &P, tally: &'static Tally, value: u64) {
    tally.note();
    if promises(value) {
        pool.spawn(move || {
            black_box(work(value, 1_000));
            tally.note();
        });
    }
}

/// A row in which the tasks of both rounds are counted.
fn row<'g, 'c>(group: &'g mut Group<'c>) -> (Row<'g, 'c, u64>, &'static Tally) {
    (Row::new(group, *BOTH_ROUNDS), Tally::forever())
}

fn counted(tally: &'static Tally, submit: impl FnOnce()) -> u64 {
    tally.expect(*BOTH_ROUNDS);
    submit();
    tally.wait()
}

fn from_a_call(c: &mut Criterion) {
    let mut group = c.benchmark_group("follow up from a callback");
    let (mut row, tally) = row(&mut group);
    row.forever::<Millpond>(|pool| {
        counted(tally, || {
            for i in 0..TASKS {
                let call = pool.0.task(move || first(i));
                call.callback(|&value| follow_up(pool, tally, value))
                    .apply_async()
                    .expect("open")
                    .detach();
            }
        })
    });
    row.forever::<Rayon>(|pool| at_the_end(pool, tally));
    others!(row.forever, |pool| at_the_end(pool, tally));
}

fn at_the_end<P: Peer>(pool: &'static P, tally: &'static Tally) -> u64 {
    counted(tally, || {
        for i in 0..TASKS {
            pool.spawn(move || follow_up(pool, tally, first(i)));
        }
    })
}

fn from_a_map(c: &mut Criterion) {
    let mut group = c.benchmark_group("follow up from a map's callback");
    let (mut row, tally) = row(&mut group);
    row.forever::<Millpond>(|pool| {
        counted(tally, || {
            let each =
                |values: &Vec<u64>| values.iter().for_each(|&value| follow_up(pool, tally, value));
            pool.0.batch(first, 0..TASKS).callback(each).map_async().expect("open").detach();
        })
    });
    row.forever::<Rayon>(|pool| {
        counted(tally, || {
            pool.0.spawn(|| {
                let values: Vec<_> = (0..TASKS).into_par_iter().map(first).collect();
                values.into_iter().for_each(|value| follow_up(pool, tally, value));
            });
        })
    });
    others!(row.forever, |pool| from_the_last(pool, tally));
}

/// A first round without a map: who comes last has all values.
struct Round {
    values: [AtomicU64; TASKS as usize],
    left: AtomicU64,
}

fn from_the_last<P: Peer>(pool: &'static P, tally: &'static Tally) -> u64 {
    let values = array::from_fn(|_| AtomicU64::new(0));
    let round = Arc::new(Round { values, left: AtomicU64::new(TASKS) });
    counted(tally, || {
        for i in 0..TASKS {
            let round = Arc::clone(&round);
            pool.spawn(move || {
                round.values[i as usize].store(first(i), Ordering::Relaxed);
                if round.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    let values = round.values.iter().map(|value| value.load(Ordering::Relaxed));
                    values.for_each(|value| follow_up(pool, tally, value));
                }
            });
        }
    })
}

fn by_hand(c: &mut Criterion) {
    let mut group = c.benchmark_group("follow up by hand");
    let (mut row, tally) = row(&mut group);
    row.forever::<Millpond>(|pool| {
        counted(tally, || {
            for value in pool.0.imap_unordered(first, 0..TASKS).expect("open") {
                follow_up(pool, tally, value.expect("no item panics"));
            }
        })
    });
    row.forever::<Rayon>(|pool| {
        counted(tally, || {
            let (sender, receiver) = mpsc::channel();
            let send = |sender: &mut mpsc::Sender<u64>, i| {
                sender.send(first(i)).expect("somebody listens")
            };
            pool.0.spawn(move || (0..TASKS).into_par_iter().for_each_with(sender, send));
            receiver.into_iter().for_each(|value| follow_up(pool, tally, value));
        })
    });
    others!(row.forever, |pool| through_a_channel(pool, tally));
}

fn through_a_channel<P: Peer>(pool: &'static P, tally: &'static Tally) -> u64 {
    counted(tally, || {
        let (sender, receiver) = mpsc::channel();
        for i in 0..TASKS {
            let sender = sender.clone();
            pool.spawn(move || sender.send(first(i)).expect("somebody listens"));
        }
        drop(sender);
        receiver.into_iter().for_each(|value| follow_up(pool, tally, value));
    })
}

criterion_group!(name = benches; config = criterion(); targets = from_a_call, from_a_map, by_hand);
criterion_main!(benches);
