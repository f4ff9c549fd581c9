//! One batch: a block on which any number of runners work together.
//!
//! The block stands in the queues several times: once for each runner that may join, as an
//! **entry**. The queue's bit of the state word stands for all entries, and the thread that
//! spends the last entry clears it. Runners claim chunks (`ranges.rs`) until none is left, and
//! account for the chunks that they claimed. The runner that accounts for the last chunk
//! concludes the batch.

mod conclude;
mod each;
mod grain;
mod items;
mod mapping;
mod ranges;
mod run;
mod seats;

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::Arc;

pub(super) use self::items::Source;
use self::items::{Items, Results};
use self::ranges::RangeWord;
use self::seats::Seats;
use crate::block::{
    Access, Entries, Header, Outcome, Places, ResultRef, ResultTable, State, TaskError, TaskRef,
    Uncounted, VTable, discharge, drop_outcome, memory,
};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

pub(crate) use self::mapping::{Map, MapResults, MapSlice, Mapping};

/// How a batch is cut into chunks, and when it stops.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchOptions {
    /// How many items make a chunk, if the caller has said so. Then an item that fails takes
    /// the rest of its chunk with it.
    pub(crate) chunksize: Option<usize>,
    /// Whether the first failure keeps the other items from starting.
    pub(crate) fail_fast: bool,
    /// Whether the pool counts.
    pub(crate) counted: bool,
}

/// The block of a batch. It holds the items and the function, and the outcome after that.
///
/// # The field contract
///
/// | field | who may touch it, and when |
/// |---|---|
/// | `rights` | a thread that spends entries |
/// | | a runner that puts chunks back, for the entries that it sends |
/// | `entries` | a thread that pushes an entry, or takes one out of a queue |
/// | | a thread that leaves nothing for the entries to do |
/// | `signal`, `seats`, the words | any runner, at any time |
/// | `pending` | any runner, after the chunks that it accounts for |
/// | `items[i]`, `results[i]` | the runner that claimed the chunk |
/// | `error` | the runner that won `failed` |
/// | `mapping` | runners through `&`, from claiming a chunk until accounting for it |
/// | `outcome` | the concluder, before DONE; then as in the header's contract |
///
/// After `pending` is 0, `items`, `results`, `error` and `mapping` are the concluder's.
/// `pending` is the number of items in chunks that no runner has accounted for. A thread that
/// resolves the batch counts as a runner here.
#[repr(C)]
pub(crate) struct Batch<M: Mapping> {
    header: Header,
    // count rights: the entries of a batch in queues, and its runners. A runner that puts
    // chunks back raises the count, for runners that have left: at most to the number of
    // entries with which the batch began.
    rights: AtomicU32,
    entries: Entries,
    failed: AtomicU32,
    // count signal: the runners of a batch that have left for want of chunks. Each of them
    // raises the count as it leaves, and spends its entry then: at most the workers.
    signal: AtomicU32,
    /// Always 0. It stands in for the attention word if the pool view has none.
    never: AtomicU32,
    words: u32,
    seats: Seats,
    chunk: usize,
    options: BatchOptions,
    pending: AtomicUsize,
    items: Items<M::Item>,
    results: Results<M::Value>,
    /// Whether the values lie where the items lay.
    in_place: bool,
    error: UnsafeCell<Option<TaskError<M::Error>>>,
    mapping: UnsafeCell<ManuallyDrop<M>>,
    outcome: UnsafeCell<MaybeUninit<Outcome<Vec<M::Value>, M::Error>>>,
    // The words of the ranges follow.
}

/// The entries of a new batch that are in no queue yet. The submitter must push or spend each
/// of them.
///
/// The iterator counts each entry that it gives out as a queue entry. It is for a batch whose
/// entries hold no places.
pub(crate) struct NewEntries {
    header: NonNull<Header>,
    left: u32,
    items: usize,
}

impl NewEntries {
    /// Says how many items the batch has.
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Says how many entries are left.
    pub(crate) fn left(&self) -> usize {
        self.left as usize
    }

    /// Takes up to `count` entries, for a caller that has places for them, or finds places for
    /// them.
    pub(crate) fn uncounted(&mut self, count: u32) -> Uncounted {
        let count = count.min(self.left);
        self.left -= count;
        // SAFETY: the block counts these entries. They were `self`'s, and are the result's
        // now.
        unsafe { Uncounted::new(self.header, count) }
    }
}

impl Iterator for NewEntries {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        let left = self.left.checked_sub(1)?;
        // SAFETY: the block counts this entry, so it is alive until a thread spends the entry.
        let entry = unsafe { TaskRef::new(self.header) };
        if !entry.count() {
            // Other runners have finished the batch. The entry stays here, for the submitter
            // to give up.
            return None;
        }
        self.left = left;
        Some(entry)
    }
}

impl<M: Mapping> Batch<M> {
    const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        entries: Some(Self::entries),
        retire: Self::retire,
        discard: Self::discard,
        free: Self::free,
        result: Some(ResultTable {
            progress: Self::progress,
            outcome: Self::outcome,
            drop_outcome: Self::drop_outcome,
            due: None,
        }),
    };

    /// Puts items and function into a block for at most `runners` runners. Returns the rights
    /// to the block: at least one entry, and the handle.
    ///
    /// It allocates the block, and a buffer for the values if they cannot lie in the items'
    /// buffer. `outside` says that the entries go into the queue for submissions from outside.
    /// If there are `places`, each entry holds one while it is queued.
    ///
    /// # Safety
    ///
    /// Items, values and errors may go to another thread, and other threads may call the
    /// function. Everything that they borrow lives until the batch is DONE or the submitter
    /// has taken it back.
    pub(crate) unsafe fn create(
        mapping: M,
        items: impl Into<Source<M::Item>>,
        options: BatchOptions,
        runners: usize,
        pool: u32,
        outside: bool,
        places: Option<Arc<dyn Places>>,
    ) -> (NewEntries, ResultRef<Vec<M::Value>, M::Error>) {
        let items = items.into();
        let len = items.len();
        // A chunk must be so large that 32 bits can count the chunks.
        let chunk = options.chunksize.unwrap_or(1).max(len.div_ceil(u32::MAX as usize)).max(1);
        let chunks = u32::try_from(len.div_ceil(chunk)).expect("chunks are that large");
        let runners = u32::try_from(runners).unwrap_or(u32::MAX);
        let (words, entries) = (Seats::count(chunks, runners), chunks.min(runners).max(1));
        let (layout, offset) = Self::layout(words);
        // This comes first: if the capacity overflows, it panics here, and the function and
        // the items still have their owners.
        let in_place = items.can_hold::<M::Value>();
        let apart = (!in_place).then(|| Results::new(len));
        let items = Items::new(items);
        let results = apart.unwrap_or_else(|| Results::in_place_of(&items));
        let memory = memory::alloc(layout);
        let batch = Self {
            header: Header::new(State::new(outside), pool, const { &Self::VTABLE }),
            rights: AtomicU32::new(entries),
            entries: Entries::new(places),
            failed: AtomicU32::new(0),
            signal: AtomicU32::new(0),
            never: AtomicU32::new(0),
            words,
            seats: Seats::new(),
            chunk,
            options,
            pending: AtomicUsize::new(len),
            items,
            results,
            in_place,
            error: UnsafeCell::new(None),
            mapping: UnsafeCell::new(ManuallyDrop::new(mapping)),
            outcome: UnsafeCell::new(MaybeUninit::uninit()),
        };
        // SAFETY: the memory is fresh and `layout` begins with a `Self`.
        unsafe { memory.cast::<Self>().write(batch) };
        for index in 0..words {
            // SAFETY: `layout` has room for that many words from `offset` on.
            let word = unsafe { memory.add(offset + index as usize * size_of::<RangeWord>()) };
            // SAFETY: as above, and `Layout::extend` has aligned the words.
            unsafe { word.cast::<RangeWord>().write(ranges::new(chunks, index)) };
        }
        let header = memory.cast::<Header>();
        // SAFETY: the block is alive: its HANDLE bit is up, this is the one right for that
        // bit, and the outcome is of this type.
        let handle = unsafe { ResultRef::new(header) };
        (NewEntries { header, left: entries, items: len }, handle)
    }

    /// Takes function and items back after the pool has refused the submission, unless a
    /// runner has begun.
    ///
    /// # Errors
    ///
    /// The call returns the handle if a runner has begun. The pool has accepted the batch
    /// then, after all.
    ///
    /// # Safety
    ///
    /// `Batch::<M>::create` made the block of this handle.
    pub(crate) unsafe fn take_back(
        handle: ResultRef<Vec<M::Value>, M::Error>,
    ) -> Result<(M, Vec<M::Item>), ResultRef<Vec<M::Value>, M::Error>> {
        if !handle.withdraw() {
            return Err(handle);
        }
        let header = handle.into_withdrawn();
        // SAFETY: the handle's bit keeps the block alive.
        let batch = unsafe { Self::of(header) };
        batch.entries.close();
        // SAFETY: no runner has begun. A thread that finds the batch withdrawn touches neither
        // the function nor the items.
        let mapping = unsafe { batch.take_mapping() };
        // SAFETY: as above, and no item has been taken.
        let items = unsafe { batch.items.take_all() };
        if !batch.in_place {
            // SAFETY: as above, and no value has been written.
            unsafe { batch.results.free(0) };
        }
        let duty = batch.header.state().leave_handle();
        // SAFETY: the duty is of this block.
        unsafe { discharge(header, duty) };
        Ok((mapping, items))
    }

    fn layout(words: u32) -> (Layout, usize) {
        let words = Layout::array::<RangeWord>(words as usize).expect("at most 64 words");
        let (layout, offset) =
            Layout::new::<Self>().extend(words).expect("far below the address space");
        (layout.pad_to_align(), offset)
    }

    /// # Safety
    ///
    /// The block is alive for as long as the reference is used.
    #[inline]
    unsafe fn of<'a>(header: NonNull<Header>) -> &'a Self {
        // SAFETY: the block is alive. A block with this vtable was made as a `Self`, and the
        // header is the first field of a `Self`.
        let batch = unsafe { header.cast::<Self>().as_ref() };
        batch.header.alive().touch();
        batch
    }

    /// # Safety
    ///
    /// The block is alive for as long as the slice is used.
    unsafe fn words<'a>(header: NonNull<Header>) -> &'a [RangeWord] {
        // SAFETY: the block is alive.
        let count = unsafe { Self::of(header) }.words;
        let (_, offset) = Self::layout(count);
        // SAFETY: the words lie within the block, by its layout.
        let first = unsafe { header.cast::<u8>().add(offset) }.cast::<RangeWord>();
        // SAFETY: `create` wrote `count` words, and threads change them through atomics alone.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), count as usize) }
    }

    /// # Safety
    ///
    /// No other thread touches the mapping, and the caller takes it once.
    unsafe fn take_mapping(&self) -> M {
        self.mapping.with_mut(|mapping| {
            // SAFETY: the caller's contract.
            let mapping = unsafe { &mut *mapping };
            // SAFETY: the caller's contract.
            unsafe { ManuallyDrop::take(mapping) }
        })
    }

    /// # Safety
    ///
    /// See [`VTable::retire`].
    unsafe fn retire(header: NonNull<Header>) -> bool {
        // SAFETY: the entry keeps the block alive.
        unsafe { Self::of(header) }.entries.is_closed()
    }

    /// # Safety
    ///
    /// See [`VTable::discard`].
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller has this entry.
        unsafe { Self::spend_rights(header, 1) };
    }

    /// # Safety
    ///
    /// See [`VTable::entries`].
    unsafe fn entries(header: NonNull<Header>) -> NonNull<Entries> {
        // SAFETY: the block is alive.
        NonNull::from(unsafe { &Self::of(header).entries })
    }

    /// # Safety
    ///
    /// See [`ResultTable::progress`].
    unsafe fn progress(header: NonNull<Header>) -> (usize, usize) {
        // SAFETY: the caller has a right to the block.
        let batch = unsafe { Self::of(header) };
        // Relaxed: a number to show, which publishes nothing.
        let pending = batch.pending.load(Ordering::Relaxed);
        (batch.items.len() - pending, batch.items.len())
    }

    /// # Safety
    ///
    /// See [`ResultTable::outcome`].
    unsafe fn outcome(header: NonNull<Header>, access: Access) -> NonNull<()> {
        // SAFETY: the caller may touch the outcome, so the block is alive.
        let batch = unsafe { Self::of(header) };
        let pointer = match access {
            Access::Read => batch.outcome.with(<*const _>::cast_mut),
            Access::Move => batch.outcome.with_mut(|outcome| outcome),
        };
        // SAFETY: it points into the block.
        unsafe { NonNull::new_unchecked(pointer) }.cast()
    }

    /// # Safety
    ///
    /// See [`ResultTable::drop_outcome`].
    unsafe fn drop_outcome(header: NonNull<Header>) {
        // SAFETY: the caller owns the outcome.
        let outcome = unsafe { Self::outcome(header, Access::Move) };
        // SAFETY: the outcome is in place, and no thread looks at it again.
        let outcome = unsafe { outcome.cast::<Outcome<Vec<M::Value>, M::Error>>().read() };
        // SAFETY: the caller owns the outcome, so the block is alive.
        let pool = unsafe { header.as_ref() }.pool();
        drop_outcome(outcome, mapping::drop_each, pool, M::TOLD);
    }

    /// # Safety
    ///
    /// See [`VTable::free`].
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner: no other thread touches the batch.
        let batch = unsafe { header.cast::<Self>().as_mut() };
        batch.entries.end();
        let (layout, _) = Self::layout(batch.words);
        // SAFETY: the layout is the one that `create` allocated with.
        unsafe { memory::free(header, layout) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::Nobody;
    use crate::block::Plain;
    use std::convert::Infallible;

    /// A sanitizer sees whether the values' buffer is freed too.
    #[test]
    fn what_is_taken_back_is_whole_and_its_entries_find_nothing() {
        type Same = Map<Plain<fn(String) -> String>, String, String, Infallible, (), ()>;
        let items = vec![String::from("one"), String::from("two")];
        let mapping: Same = Map::new(Plain(|text| text));
        // SAFETY: the test borrows nothing.
        let (entries, handle) =
            unsafe { Batch::create(mapping, items, BatchOptions::default(), 2, 1, true, None) };
        // SAFETY: the handle is that of the batch made above.
        let Ok((_, items)) = (unsafe { Batch::<Same>::take_back(handle) }) else {
            panic!("nobody has begun")
        };
        entries.for_each(|entry| entry.run(&Nobody));
        assert_eq!(items, ["one", "two"]);
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../../loom-tests/models/batch.rs"]
mod models;
