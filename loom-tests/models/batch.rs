//! A batch, I21 to I25: its chunks, its error, its entries and its end.

use super::each::STOP as STOP_ITEMS;
use super::*;
use crate::block::{Fallible, Plain, PoolView, Reason, Tell};
use crate::models::harness::{Bound, Futex, Running, Watched, check, control, spawn};
use crate::sync::Ordering;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::sync::{Arc, Mutex};

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
    check("I21 I22 I24 runner ‖ runner, take", Bound::Whole, Futex::Block, |_| {
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
fn i23_i25_the_first_error_wins_and_the_others_are_dropped() {
    check("I23 I25 two failing items and a value", Bound::Whole, Futex::Block, |outcomes| {
        let [values, errors] = counters();
        let (made, failed) = (Arc::clone(&values), Arc::clone(&errors));
        let told = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&told);
        let each = Fallible(move |index: usize| {
            if index == 1 { Ok(Counted::new(&made)) } else { Err((index, Counted::new(&failed))) }
        });
        let map = Map {
            each,
            on_value: (),
            on_error: Tell(move |_: &TaskError<(usize, Counted)>| {
                tell.fetch_add(1, Std::Relaxed);
            }),
            types: std::marker::PhantomData,
        };
        // SAFETY: models borrow nothing.
        let (entries, handle) =
            unsafe { Batch::create(map, vec![0, 1, 2], BatchOptions::default(), 2, 1, true, None) };
        let threads = run_all(entries);
        assert!(handle.wait(None));
        let error =
            handle.take_done().unwrap_or_else(|_| panic!("DONE")).err().expect("two items fail");
        outcomes.insert(error.item());
        drop(error);
        threads.into_iter().for_each(|thread| thread.join().expect("a runner returns"));
        assert_eq!(count(&told), 1, "I23: one error, and one call for it");
        assert_eq!(
            (count(&values), count(&errors)),
            (1, 2),
            "I25: each value and each error is dropped once"
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
fn i23_control_the_error_slot_is_taken_in_two_steps() {
    control("I23 control: the error word in two steps", Bound::None, Futex::Block, |_| {
        let failed = Arc::new(AtomicU32::new(0));
        let word = Arc::new(Watched::new());
        let fail = |failed: &AtomicU32, word: &Watched| {
            if failed.load(Ordering::Relaxed) == 0 {
                failed.store(1, Ordering::Relaxed);
                word.write();
            }
        };
        let (theirs, their_slot) = (Arc::clone(&failed), Arc::clone(&word));
        let other = spawn(move || fail(&theirs, &their_slot));
        fail(&failed, &word);
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

#[test]
fn i25_control_the_loser_keeps_its_error() {
    control(
        "I25 control: an error that comes second is not dropped",
        Bound::None,
        Futex::Block,
        |_| {
            let [errors] = counters();
            let failed = Arc::new(AtomicU32::new(0));
            let fail = |failed: &AtomicU32, error: Counted| {
                if failed.swap(1, Ordering::AcqRel) == 0 {
                    drop(error);
                } else {
                    std::mem::forget(error);
                }
            };
            let (theirs, other) = (Arc::clone(&failed), Counted::new(&errors));
            let other = spawn(move || fail(&theirs, other));
            fail(&failed, Counted::new(&errors));
            other.join().expect("the other returns");
            assert_eq!(count(&errors), 2, "I25: each value and each error is dropped once");
        },
    );
}

// ---- I41: chunks that are put back ----

/// A worker's view; what is put back lies in the list.
#[derive(Clone)]
struct Seated(usize, Arc<Mutex<Vec<TaskRef>>>);

impl PoolView for Seated {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn worker(&self) -> Option<usize> {
        Some(self.0)
    }

    fn put_back(&self, entry: TaskRef) {
        if entry.count() {
            self.1.lock().expect("no panic").push(entry);
        } else {
            entry.turn_away(Reason::Cancelled);
        }
    }
}

type Numbers = Map<Plain<fn(usize) -> usize>, usize, usize, std::convert::Infallible, (), ()>;

/// Worker 0 has all four chunks in its hands, has done one of them and puts the others back, and then stays in its item until they
/// are done; worker 1 `leaves` meanwhile for want of chunks, and runs what has been put back for it.
fn put_back_for_one_that_leaves(leaves: fn(TaskRef, &Seated)) {
    let back = Arc::new(Mutex::new(Vec::new()));
    let mapping: Numbers = Map::new(Plain(|number| number));
    // SAFETY: models borrow nothing.
    let (mut entries, handle) = unsafe {
        Batch::create(
            mapping,
            (0..4).collect::<Vec<_>>(),
            BatchOptions::default(),
            2,
            1,
            true,
            None,
        )
    };
    let (one, two) = (entries.next().expect("two entries"), entries.next().expect("two entries"));
    // SAFETY: the entry keeps the block alive.
    let words = unsafe { Batch::<Numbers>::words(one.id()) };
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
    let late = Seated(1, Arc::clone(&back));
    let other = spawn(move || {
        leaves(two, &late);
        // What the scheduler does: an entry that is put back reaches a worker.
        loop {
            let entry = late.1.lock().expect("no panic").pop();
            let Some(entry) = entry else { return };
            entry.run(&late);
        }
    });
    let view = Seated(0, Arc::clone(&back));
    // SAFETY: the entry keeps the block alive.
    let is_back = unsafe { Batch::<Numbers>::hand_back(one.id(), 1..4, &view) };
    assert!(is_back, "the range is its own and empty");
    other.join().expect("the other worker returns");
    // An entry may have come after the other worker had looked: another worker takes it.
    let entries = std::mem::take(&mut *back.lock().expect("no panic"));
    entries.into_iter().for_each(|entry| entry.run(&Seated(1, Arc::clone(&back))));
    // SAFETY: as above.
    let left = unsafe { Batch::<Numbers>::of(one.id()) }.pending.load(Ordering::Relaxed);
    assert_eq!(left, 1, "I41: chunks that were put back wait for a runner that is in a long item");
    // The long item ends.
    // SAFETY: as above.
    let done = unsafe { Batch::<Numbers>::map(one.id(), &(0..1), &view, None) };
    // SAFETY: as above.
    let batch = unsafe { Batch::<Numbers>::of(one.id()) };
    assert_eq!(batch.pending.fetch_sub(done as usize, Ordering::AcqRel), 1);
    // SAFETY: the entry's right, and these were the last chunks.
    unsafe { Batch::<Numbers>::conclude(one.id(), &view) };
    one.run(&view);
    assert_eq!(
        handle.take_done().unwrap_or_else(|_| panic!("DONE")).expect("no item fails"),
        [0, 1, 2, 3]
    );
}

#[test]
fn i41_chunks_that_are_put_back_are_taken() {
    check("I41 put chunks back ‖ leave", Bound::None, Futex::Block, |_| {
        put_back_for_one_that_leaves(|entry, view| entry.run(view));
    });
}

#[test]
fn i41_control_a_runner_leaves_without_a_second_look() {
    control(
        "I41 control: a runner leaves without a second look",
        Bound::None,
        Futex::Block,
        |_| {
            put_back_for_one_that_leaves(|entry, _| {
                // SAFETY: the entry keeps the block alive.
                let batch = unsafe { Batch::<Numbers>::of(entry.id()) };
                // SAFETY: as above.
                if ranges::are_empty(unsafe { Batch::<Numbers>::words(entry.id()) }) {
                    batch.signal.fetch_add(1, Ordering::Relaxed);
                    // SAFETY: the entry is spent here.
                    unsafe { Batch::<Numbers>::spend(entry.id(), crate::block::Owner::Queue) };
                } else {
                    entry.run(&Running);
                }
            });
        },
    );
}

/// Worker 0 has begun one of four chunks, puts the others back and gives way, beside a cancel. The entry that it leaves in the
/// queue is not run: a sweep takes it, if it is stale.
#[test]
fn i41_chunks_that_are_put_back_beside_a_cancel_are_dropped() {
    check("I41 put chunks back, give way ‖ cancel", Bound::None, Futex::Block, |_| {
        let mapping: Numbers = Map::new(Plain(|number| number));
        let options = BatchOptions::default();
        let input: Vec<_> = (0..4).collect();
        // SAFETY: models borrow nothing.
        let (mut entries, handle) =
            unsafe { Batch::create(mapping, input, options, 1, 1, true, None) };
        let one = entries.next().expect("one entry");
        let id = one.id();
        // SAFETY: the entry keeps the block alive.
        let batch = unsafe { Batch::<Numbers>::of(id) };
        // SAFETY: as above.
        let words = unsafe { Batch::<Numbers>::words(id) };
        words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        // The entry has left its queue, and the runner has claimed the batch.
        assert_eq!(batch.entries.taken(), crate::block::Taken::Live);
        let _ = batch.header.state().claim();
        let canceller = spawn(move || {
            handle.resolve(Reason::Cancelled);
            drop(handle);
        });
        let view = Seated(0, Arc::default());
        // SAFETY: the entry's right.
        assert!(unsafe { Batch::<Numbers>::hand_back(id, 1..4, &view) });
        let stops = batch.signal.load(Ordering::Relaxed) & STOP_ITEMS != 0;
        let queued = if !stops && one.count() { Ok(one) } else { Err(one) };
        canceller.join().expect("the canceller returns");
        let left = match queued {
            // The runner goes on, or turns its entry away: it drops what it sees.
            Err(one) => {
                one.turn_away(Reason::Cancelled);
                None
            }
            Ok(one) => match one.retire() {
                Ok(stale) => Some(stale),
                Err(_) => panic!("I41: the cancelled batch has an entry that is alive"),
            },
        };
        if left.is_some() {
            let pending = batch.pending.load(Ordering::Relaxed);
            assert_eq!(pending, 1, "I41: chunks that were put back are lost with a stale entry");
            // The item that the runner is in ends.
            // SAFETY: the stale entry's right; the chunk is the runner's.
            let done = unsafe { Batch::<Numbers>::map(id, &(0..1), &view, None) };
            assert_eq!(batch.pending.fetch_sub(done as usize, Ordering::AcqRel), 1);
            // SAFETY: as above, and these were the last chunks.
            unsafe { Batch::<Numbers>::conclude(id, &view) };
        }
        drop(left);
    });
}
