//! Runners by hand: what they put back, what they give up, what they count.

#[cfg(all(test, not(loom)))]
use super::super::{BatchOptions, Map};
use super::*;
use crate::block::{Plain, ResultRef, TaskError};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::sync::{Arc, Mutex};

const ALL: usize = 100_000;
const CLAIM: u32 = 50_000;

/// A batch whose first claim is half of it; `show` is given the handle before that.
fn claim_half<M: Mapping>(
    mapping: M,
    items: Vec<M::Item>,
    show: impl FnOnce(ResultRef<Vec<M::Value>, M::Error>),
) {
    // SAFETY: the tests borrow nothing.
    let (mut entries, handle) =
        unsafe { Batch::create(mapping, items, BatchOptions::default(), 1, 1, true, None) };
    show(handle);
    let entry = entries.next().expect("a batch has an entry");
    // SAFETY: the entry keeps the block alive.
    let batch = unsafe { Batch::<M>::of(entry.id()) };
    // SAFETY: as above.
    let words = unsafe { Batch::<M>::words(entry.id()) };
    let chunks = ranges::take(words, Some(0), CLAIM).expect("nobody has taken any");
    // SAFETY: as above.
    let done = unsafe { Batch::<M>::map(entry.id(), &chunks, &Nobody, None) };
    assert_eq!(done, CLAIM);
    let before = batch.pending.fetch_sub(done as usize, Ordering::Relaxed);
    assert!(before > done as usize || done == CLAIM);
    if before == done as usize {
        // SAFETY: the entry's right, and these were the last chunks.
        unsafe { Batch::<M>::conclude(entry.id(), &Nobody) };
    }
    entry.run(&Nobody);
}

#[test]
fn f47_a_batch_that_is_cancelled_again_and_again_counts_nothing() {
    type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
    let mapping: Same = Map::new(Plain(|item| item));
    // SAFETY: it borrows nothing.
    let (entries, handle) =
        unsafe { Batch::create(mapping, vec![1, 2, 3], BatchOptions::default(), 2, 1, true, None) };
    // SAFETY: the handle keeps the block alive.
    let batch = unsafe { Batch::<Same>::of(handle.id()) };
    (0..1_000).for_each(|_| _ = handle.resolve(Reason::Cancelled));
    let idle = || batch.signal.load(Ordering::Relaxed) & IDLE;
    assert_eq!(idle(), 0);
    entries.for_each(|entry| entry.run(&Nobody));
    assert_eq!(idle(), 2, "each of two runners has left once");
}

/// The view of a worker, which counts what is put back.
struct Seated(AtomicUsize);

impl PoolView for Seated {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn worker(&self) -> Option<usize> {
        Some(0)
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.fetch_add(1, Std::Relaxed);
        entry.count_anyhow();
        entry.resolve(Reason::Cancelled);
    }
}

#[test]
fn time_05_a_runner_puts_its_rest_back_for_runners_that_have_left() {
    type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
    let mapping: Same = Map::new(Plain(|item| item));
    // SAFETY: it borrows nothing.
    let (mut entries, _handle) = unsafe {
        Batch::create(
            mapping,
            (0..100).collect::<Vec<_>>(),
            BatchOptions::default(),
            1,
            1,
            true,
            None,
        )
    };
    let entry = entries.next().expect("a batch has an entry");
    // SAFETY: the entry keeps the block alive.
    let words = unsafe { Batch::<Same>::words(entry.id()) };
    // SAFETY: as above.
    let batch = unsafe { Batch::<Same>::of(entry.id()) };
    let chunks = ranges::take(words, Some(0), 50).expect("nobody has taken any");
    batch.signal.fetch_add(1, Ordering::Relaxed);
    let view = Seated(AtomicUsize::new(0));
    // SAFETY: the entry.
    let done = unsafe { Batch::<Same>::map(entry.id(), &chunks, &view, None) };
    assert_eq!(
        (done, view.0.load(Std::Relaxed)),
        (1, 1),
        "one item is begun, and one runner is sent for"
    );
    batch.pending.fetch_sub(done as usize, Ordering::Relaxed);
    entry.run(&Nobody);
}

#[test]
fn res_15_a_cancelled_batch_gives_up_what_its_runner_has_taken_in_one_go() {
    let (handle, ran) =
        (Arc::new(Mutex::new(None::<ResultRef<_, _>>)), Arc::new(AtomicUsize::new(0)));
    let (shown, count) = (Arc::clone(&handle), Arc::clone(&ran));
    let each = Plain(move |_: usize| {
        if count.fetch_add(1, Std::Relaxed) == 10 {
            let handle = shown.lock().unwrap();
            let handle = handle.as_ref().expect("it was shown");
            assert!(handle.resolve(Reason::Cancelled), "the other half is kept from starting");
            handle.ask();
        }
    });
    claim_half(Map::new(each), (0..ALL).collect(), |result| *handle.lock().unwrap() = Some(result));
    let result = handle.lock().unwrap().take().expect("it was shown");
    assert!(matches!(result.take_done(), Ok(Err(TaskError::Cancelled))));
    let ran = ran.load(Std::Relaxed);
    assert_eq!(ran, 11, "{ran} items ran");
}
