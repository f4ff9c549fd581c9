//! A batch, I21, I22 and I24: its runners take each chunk once, and the last owner frees it once.
//!
//! `batch/errors.rs` has I23 and I25, `batch/put_back.rs` has I41, and `batch/seats.rs` the seats of
//! I21.

#[path = "batch/errors.rs"]
mod errors;
#[path = "batch/put_back.rs"]
mod put_back;
#[path = "batch/seats.rs"]
mod seats;

use super::*;
use crate::block::Plain;
use crate::models::harness::{Bound, Futex, Running, Watched, check, control, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

/// Counts its drops; loom watches its accesses.
struct Counted(Watched, Arc<AtomicUsize>);

impl Counted {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        let new = Self(Watched::new(), Arc::clone(drops));
        new.0.write();
        new
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.write();
        self.1.fetch_add(1, Std::Relaxed);
    }
}

fn counters<const N: usize>() -> [Arc<AtomicUsize>; N] {
    std::array::from_fn(|_| Arc::default())
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Std::Relaxed)
}

/// Runs the entries but for the last on threads of their own, and the last one here.
fn run_all(entries: NewEntries) -> Vec<crate::sync::thread::JoinHandle<()>> {
    // All are counted as queued before one is run.
    let mut entries: Vec<_> = entries.collect();
    let last = entries.pop().expect("a batch has an entry");
    let threads = entries.into_iter().map(|entry| spawn(move || entry.run(&Running))).collect();
    last.run(&Running);
    threads
}

#[test]
fn i21_i22_i24_two_runners_and_a_taker() {
    check("I21 I22 I24 runner ‖ runner, take", Bound::Pair, Futex::Block, |_| {
        let [items, values] = counters();
        let input = vec![(0, Counted::new(&items)), (1, Counted::new(&items))];
        let made = Arc::clone(&values);
        let each = Plain(move |(index, item): (usize, Counted)| {
            drop(item);
            (index, Counted::new(&made))
        });
        // SAFETY: models borrow nothing.
        let (entries, handle) = unsafe {
            Batch::create(Map::new(each), input, BatchOptions::default(), 2, 1, true, None)
        };
        let threads = run_all(entries);
        assert!(handle.wait(None));
        assert_eq!(
            count(&items),
            2,
            "I21: each item is taken once, and I22: DONE comes after all of them"
        );
        let output =
            handle.take_done().unwrap_or_else(|_| panic!("I22: DONE")).expect("no item fails");
        assert_eq!(output.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1]);
        drop(output);
        assert_eq!(count(&values), 2);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
    });
}

#[test]
fn i24_an_entry_that_is_given_up_frees_once() {
    type Same =
        Map<Plain<fn(Counted) -> Counted>, Counted, Counted, std::convert::Infallible, (), ()>;
    check("I24 runner ‖ wait, take, give up", Bound::None, Futex::Block, |_| {
        let [drops] = counters();
        let input = vec![Counted::new(&drops), Counted::new(&drops)];
        let mapping: Same = Map::new(Plain(|item| item));
        // SAFETY: models borrow nothing.
        let (mut entries, handle) =
            unsafe { Batch::create(mapping, input, BatchOptions::default(), 2, 1, true, None) };
        let entry = entries.next().expect("one for each runner");
        let runner = spawn(move || entry.run(&Running));
        assert!(handle.wait(None));
        // SAFETY: they are of this batch, which is DONE.
        unsafe { Batch::<Same>::give_up(entries) };
        drop(handle.take_done().unwrap_or_else(|_| panic!("I22: DONE")));
        runner.join().expect("the runner returns");
        assert_eq!(count(&drops), 2, "I24: freed once, with everything in it");
    });
}

#[test]
fn i24_a_late_entry_touches_what_is_there() {
    check("I24 drop of the handle ‖ runner ‖ late entry", Bound::Whole, Futex::Block, |_| {
        let [items, values] = counters();
        let input = vec![Counted::new(&items), Counted::new(&items)];
        let made = Arc::clone(&values);
        // SAFETY: models borrow nothing.
        let (entries, handle) = unsafe {
            let each = Plain(move |_: Counted| Counted::new(&made));
            Batch::create(Map::new(each), input, BatchOptions::default(), 2, 1, true, None)
        };
        let entries: Vec<_> = entries.collect();
        let threads: Vec<_> =
            entries.into_iter().map(|entry| spawn(move || entry.run(&Running))).collect();
        drop(handle);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        assert_eq!(
            (count(&items), count(&values)),
            (2, 2),
            "I24: freed once, with everything in it"
        );
    });
}

#[test]
fn i21_control_a_claim_in_two_steps() {
    control("I21 control: a claim in two steps", Bound::None, Futex::Block, |_| {
        fn claim_lowest(word: &crate::sync::AtomicU64) -> Option<u64> {
            let next = word.load(Ordering::Relaxed);
            (next < 1).then(|| {
                word.store(next + 1, Ordering::Relaxed);
                next
            })
        }
        let word = Arc::new(crate::sync::AtomicU64::new(0));
        let taken = Arc::new(AtomicUsize::new(0));
        let (theirs, counted) = (Arc::clone(&word), Arc::clone(&taken));
        let other = spawn(move || {
            counted.fetch_add(usize::from(claim_lowest(&theirs).is_some()), Std::Relaxed);
        });
        taken.fetch_add(usize::from(claim_lowest(&word).is_some()), Std::Relaxed);
        other.join().expect("the other returns");
        assert_eq!(count(&taken), 1, "I21: each chunk is taken once");
    });
}

#[test]
fn i22_control_chunks_are_accounted_for_before_they_are_done() {
    control("I22 control: accounted for too early", Bound::None, Futex::Block, |_| {
        let [values] = counters();
        let pending = Arc::new(AtomicUsize::new(0));
        let value = Arc::new(Counted::new(&values));
        let left = Arc::new(AtomicU32::new(2));
        let (theirs, early, _keep) = (Arc::clone(&left), Arc::clone(&value), pending);
        let other = spawn(move || {
            theirs.fetch_sub(1, Ordering::AcqRel);
            early.0.write();
        });
        if left.fetch_sub(1, Ordering::AcqRel) == 1 {
            value.0.read();
        }
        other.join().expect("the other returns");
    });
}

#[test]
fn i24_control_the_first_entry_spends_the_queues_right() {
    control(
        "I24 control: the first entry spent clears the queue's bit",
        Bound::Usual,
        Futex::Block,
        |_| {
            let each = Plain(|index: usize| index);
            // SAFETY: models borrow nothing.
            let (mut entries, handle) = unsafe {
                Batch::create(Map::new(each), vec![0, 1], BatchOptions::default(), 2, 1, true, None)
            };
            let (one, two) =
                (entries.next().expect("two entries"), entries.next().expect("two entries"));
            // As if there were one entry only.
            // SAFETY: the entries keep the block alive.
            let block = unsafe {
                Batch::<
                    Map<Plain<fn(usize) -> usize>, usize, usize, std::convert::Infallible, (), ()>,
                >::of(one.id())
            };
            block.rights.store(1, Ordering::Relaxed);
            drop(handle);
            let other = spawn(move || one.run(&Running));
            two.run(&Running);
            other.join().expect("the other returns");
        },
    );
}
