//! Tests that take a runner's steps by hand. They look at what a runner puts back, what it
//! gives up, and what it counts.

#[cfg(all(test, not(loom)))]
use super::super::{BatchOptions, Map};
use super::*;
use crate::block::{Plain, ResultRef, TaskError};
use crate::sync::AtomicU32;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering as Std};
use std::sync::{Arc, Mutex};

const ALL: usize = 100_000;
const CLAIM: u32 = 50_000;

/// Makes a batch, shows its handle to `show`, claims the first half of its chunks, and then
/// runs the batch to its end.
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
    let chunks =
        Taker::new(&batch.seats, Some(0)).take(words, CLAIM).expect("nobody has taken any");
    // SAFETY: as above.
    let done = unsafe { Batch::<M>::map(entry.id(), &chunks, Some(0), &Nobody, None) };
    assert_eq!(done, CLAIM);
    let before = batch.pending.fetch_sub(done as usize, Ordering::Relaxed);
    assert!(before > done as usize || done == CLAIM);
    if before == done as usize {
        // SAFETY: the entry is a right to the block, and these were the last chunks.
        unsafe { Batch::<M>::conclude(entry.id(), &Nobody) };
    }
    entry.run(&Nobody);
}

// covers F-47
#[test]
fn a_batch_that_is_cancelled_again_and_again_counts_nothing() {
    type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
    let mapping: Same = Map::new(Plain(|item| item));
    // SAFETY: the test borrows nothing.
    let (entries, handle) =
        unsafe { Batch::create(mapping, vec![1, 2, 3], BatchOptions::default(), 2, 1, true, None) };
    let entries: Vec<_> = entries.collect();
    // SAFETY: the handle keeps the block alive.
    let batch = unsafe { Batch::<Same>::of(handle.id()) };
    (0..1_000).for_each(|_| _ = handle.resolve(Reason::Cancelled));
    let idle = || batch.signal.load(Ordering::Relaxed) & IDLE;
    assert_eq!(idle(), 0);
    entries.into_iter().for_each(|entry| entry.run(&Nobody));
    assert_eq!(idle(), 2, "each of two runners has left once");
}

/// The pool view of a worker. It counts the entries that a runner puts back.
struct Seated(AtomicUsize);

impl PoolView for Seated {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.fetch_add(1, Std::Relaxed);
        assert!(entry.count(), "the batch is open");
        entry.resolve(Reason::Cancelled);
    }
}

// covers TIME-05
#[test]
fn a_runner_puts_its_rest_back_for_runners_that_have_left() {
    type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
    let mapping: Same = Map::new(Plain(|item| item));
    // SAFETY: the test borrows nothing.
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
    let chunks = Taker::new(&batch.seats, Some(0)).take(words, 50).expect("nobody has taken any");
    batch.signal.fetch_add(1, Ordering::Relaxed);
    let view = Seated(AtomicUsize::new(0));
    // SAFETY: the entry keeps the block alive.
    let done = unsafe { Batch::<Same>::map(entry.id(), &chunks, Some(0), &view, None) };
    assert_eq!(
        (done, view.0.load(Std::Relaxed)),
        (1, 1),
        "one item is begun, and one runner is sent for"
    );
    batch.pending.fetch_sub(done as usize, Ordering::Relaxed);
    entry.run(&Nobody);
}

/// The pool view of a worker whose pool is terminated just after it has looked at the stage.
struct Ending<'a>(&'a AtomicU32, AtomicUsize);

impl PoolView for Ending<'_> {
    fn stopping(&self) -> Option<Reason> {
        let looked = self.1.fetch_add(1, Std::Relaxed) > 0;
        self.0.fetch_or(STOP, Ordering::Relaxed);
        looked.then_some(Reason::Terminated)
    }

    fn put_back(&self, entry: TaskRef) {
        assert!(entry.count(), "the batch is open");
        entry.resolve(Reason::Terminated);
    }
}

// covers LIFE-06
#[test]
fn a_batch_whose_pool_ends_is_not_taken_for_a_cancelled_one() {
    type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
    let mapping: Same = Map::new(Plain(|item| item));
    let items: Vec<_> = (0..100).collect();
    // SAFETY: the test borrows nothing.
    let (mut entries, result) =
        unsafe { Batch::create(mapping, items, BatchOptions::default(), 1, 1, true, None) };
    let entry = entries.next().expect("a batch has an entry");
    // SAFETY: the entry keeps the block alive.
    let words = unsafe { Batch::<Same>::words(entry.id()) };
    // SAFETY: as above.
    let batch = unsafe { Batch::<Same>::of(entry.id()) };
    let chunks = Taker::new(&batch.seats, Some(0)).take(words, 50).expect("nobody has taken any");
    // A runner has left, so this one looks up after its first item.
    batch.signal.fetch_add(1, Ordering::Relaxed);
    let view = Ending(&batch.signal, AtomicUsize::new(0));
    // SAFETY: the entry keeps the block alive.
    let done = unsafe { Batch::<Same>::map(entry.id(), &chunks, Some(0), &view, None) };
    // SAFETY: the entry is a right to the block, and `map` was done with so many of the chunks that
    // this test has claimed. In this batch a chunk is an item.
    unsafe { Batch::<Same>::account(entry.id(), done as usize, &view) };
    entry.resolve(Reason::Terminated);
    let Ok(outcome) = result.take_done() else { panic!("it is done") };
    assert!(matches!(outcome, Err(TaskError::Terminated)), "{outcome:?}");
}

// covers RES-15
#[test]
fn a_cancelled_batch_gives_up_at_once_the_items_that_its_runner_has_taken() {
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

// covers TIME-05
#[test]
fn a_runner_without_a_seat_claims_one_item_at_a_time() {
    type Told = Map<Plain<Box<dyn Fn(usize)>>, usize, (), Infallible, (), ()>;
    let handle = Arc::new(Mutex::new(None::<ResultRef<Vec<()>, Infallible>>));
    let (shown, begun) = (Arc::clone(&handle), AtomicUsize::new(0));
    let mapping: Told = Map::new(Plain(Box::new(move |_| {
        let (done, _) = shown.lock().unwrap().as_ref().expect("it was shown").progress();
        let begun = begun.fetch_add(1, Std::Relaxed);
        assert_eq!(done, begun, "the items before are accounted for");
    })));
    let items: Vec<_> = (0..1_000).collect();
    // SAFETY: the test borrows nothing.
    let (mut entries, result) =
        unsafe { Batch::create(mapping, items, BatchOptions::default(), 1, 1, true, None) };
    // SAFETY: the handle keeps the block alive.
    let batch = unsafe { Batch::<Told>::of(result.id()) };
    assert_eq!(batch.seats.take(batch.words), Some(0));
    *handle.lock().unwrap() = Some(result);
    entries.next().expect("a batch has an entry").run(&Nobody);
    let result = handle.lock().unwrap().take().expect("it was shown");
    assert!(matches!(result.take_done(), Ok(Ok(_))));
}
