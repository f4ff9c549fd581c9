//! One batch: a block that any number of runners work on together.
//!
//! The same block stands in the queues several times, once per runner that may join: each entry is a **token**. The
//! queue's bit of the state word stands for all tokens and is cleared by the last. Runners take units (ranges.rs) until
//! none is left, and account for what they took; whoever accounts for the last unit concludes the batch.

use std::alloc::Layout;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::ptr::NonNull;

use super::error::Reason;
use super::handle::ResultRef;
use super::header::{Access, Header, Host, Published, Side, TaskRef, VTable, discharge, publish};
use super::items::{Items, Results};
use super::mapping::Mapping;
use super::pace::Pace;
use super::ranges::{self, Slot};
use super::state::{Claim, Kind, State};
use super::unwind::{call, drop_quietly};
use super::work::Outcome;
use super::{TaskError, block, frame};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// How a batch is cut and when it stops.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut {
    /// Items per chunk, if the caller said so: then a chunk is the unit of failure.
    pub(crate) chunksize: Option<usize>,
    /// Whether the first failure keeps the rest from starting.
    pub(crate) fail_fast: bool,
}

/// # The field contract
///
/// | field | who, when |
/// |---|---|
/// | `tokens` | each token, when it is spent |
/// | `seated`, the slots | any runner, at any time |
/// | `pending` | any runner, after the units it accounts for |
/// | `items[i]`, `results[i]` | the runner that took the unit; after `pending` is 0 the concluder |
/// | `error` | the runner that won `failed`; after `pending` is 0 the concluder |
/// | `mapping` | runners through `&`, between taking a unit and accounting for it; after `pending` is 0 the concluder |
/// | `outcome` | the concluder, before DONE; then as in the header's contract |
#[repr(C)]
pub(crate) struct Batch<M: Mapping> {
    header: Header,
    tokens: AtomicU32,
    seated: AtomicU32,
    failed: AtomicU32,
    slots: u32,
    unit: usize,
    cut: Cut,
    pending: AtomicUsize,
    items: Items<M::Item>,
    results: Results<M::Value>,
    error: UnsafeCell<Option<TaskError<M::Error>>>,
    mapping: UnsafeCell<ManuallyDrop<M>>,
    outcome: UnsafeCell<MaybeUninit<Outcome<Vec<M::Value>, M::Error>>>,
    // followed by the slots
}

/// The tokens of a new batch, to be put into queues or spent on the spot, all of them.
pub(crate) struct Tokens {
    header: NonNull<Header>,
    left: u32,
}

impl Iterator for Tokens {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: the block counts this token, so it is alive until the token is spent.
        Some(unsafe { TaskRef::new(self.header) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Tokens {}

impl<M: Mapping> Batch<M> {
    const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        outcome: Self::outcome,
        drop_outcome: Self::drop_outcome,
        free: Self::free,
    };

    /// Puts items and function into a block for at most `runners` runners, and makes the rights to it: at least one token,
    /// and the handle. Allocates the block and the values' buffer.
    ///
    /// # Safety
    ///
    /// Items, values and errors may go to another thread, the function may be called from other threads, and whatever they
    /// borrow lives until the batch is DONE or has been taken back.
    pub(crate) unsafe fn new(
        mapping: M,
        items: Vec<M::Item>,
        cut: Cut,
        runners: usize,
        pool: u32,
    ) -> (Tokens, ResultRef<Vec<M::Value>, M::Error>) {
        let len = items.len();
        // As many units as a slot can count.
        let unit = cut.chunksize.unwrap_or(1).max(len.div_ceil(u32::MAX as usize)).max(1);
        let units = u32::try_from(len.div_ceil(unit)).expect("units are that large");
        let slots = units.min(u32::try_from(runners).unwrap_or(u32::MAX));
        let tokens = slots.max(1);
        let (layout, offset) = Self::layout(slots);
        let memory = block::alloc(layout);
        let batch = Self {
            header: Header::new(State::new(), pool, const { &Self::VTABLE }),
            tokens: AtomicU32::new(tokens),
            seated: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            slots,
            unit,
            cut,
            pending: AtomicUsize::new(units as usize),
            items: Items::new(items),
            results: Results::new(len),
            error: UnsafeCell::new(None),
            mapping: UnsafeCell::new(ManuallyDrop::new(mapping)),
            outcome: UnsafeCell::new(MaybeUninit::uninit()),
        };
        // SAFETY: the memory is fresh and `layout` begins with a `Self`.
        unsafe { memory.cast::<Self>().write(batch) };
        for index in 0..slots {
            // SAFETY: `layout` has room for that many slots from `offset` on.
            let slot = unsafe { memory.add(offset).cast::<Slot>().add(index as usize) };
            // SAFETY: as above, and aligned by `Layout::extend`.
            unsafe { slot.write(ranges::part(units, slots, index)) };
        }
        let header = memory.cast::<Header>();
        // SAFETY: the block is alive, owned by its handle bit, and its outcome is of this type.
        let handle = unsafe { ResultRef::new(header) };
        (Tokens { header, left: tokens }, handle)
    }

    /// Takes function and items back after a submission that turned out to be refused, unless a runner has begun.
    ///
    /// # Errors
    ///
    /// The handle, if one has: then the batch was accepted after all.
    ///
    /// # Safety
    ///
    /// The handle is that of a block made by `Batch::<M>::new`.
    pub(crate) unsafe fn take_back(
        handle: ResultRef<Vec<M::Value>, M::Error>,
    ) -> Result<(M, Vec<M::Item>), ResultRef<Vec<M::Value>, M::Error>> {
        if !handle.withdraw() {
            return Err(handle);
        }
        let header = handle.into_withdrawn();
        // SAFETY: the handle's bit keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: nobody has begun, and whoever finds the batch withdrawn touches neither.
        let mapping = unsafe { batch.take_mapping() };
        // SAFETY: as above; no item has been taken.
        let items = unsafe { batch.items.take_all() };
        // SAFETY: as above; no value has been written.
        unsafe { batch.results.free(0) };
        let duty = batch.header.state().leave_handle();
        // SAFETY: the duty is of this block.
        unsafe { discharge(header, duty) };
        Ok((mapping, items))
    }

    fn layout(slots: u32) -> (Layout, usize) {
        let slots = Layout::array::<Slot>(slots as usize).expect("fewer slots than workers");
        let (layout, offset) = Layout::new::<Self>().extend(slots).expect("far below the address space");
        (layout.pad_to_align(), offset)
    }

    /// # Safety
    ///
    /// The block is alive for as long as the reference is used.
    #[inline]
    unsafe fn of<'a>(header: NonNull<Header>) -> &'a Self {
        // SAFETY: alive, and a block with this vtable was made as a `Self`, whose first field is the header.
        let batch = unsafe { header.cast::<Self>().as_ref() };
        batch.header.alive().touch();
        batch
    }

    /// # Safety
    ///
    /// The block is alive for as long as the slice is used.
    unsafe fn slots<'a>(header: NonNull<Header>) -> &'a [Slot] {
        // SAFETY: alive.
        let count = unsafe { Self::of(header) }.slots;
        let (_, offset) = Self::layout(count);
        // SAFETY: within the block, by its layout.
        let first = unsafe { header.cast::<u8>().add(offset) }.cast::<Slot>();
        // SAFETY: `new` wrote `count` of them, and they are changed through atomics alone.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), count as usize) }
    }

    /// # Safety
    ///
    /// The caller is the only one to touch the mapping, and takes it once.
    unsafe fn take_mapping(&self) -> M {
        self.mapping.with_mut(|mapping| {
            // SAFETY: the caller's contract.
            let mapping = unsafe { &mut *mapping };
            // SAFETY: the caller's contract.
            unsafe { ManuallyDrop::take(mapping) }
        })
    }

    fn items_of(&self, units: &Range<u32>) -> Range<usize> {
        let bound = |unit: u32| (unit as usize).saturating_mul(self.unit).min(self.items.len());
        bound(units.start)..bound(units.end)
    }

    /// Sets the batch's error, unless it has one: the first in time is the batch's, the others are dropped.
    fn fail(&self, error: TaskError<M::Error>) {
        // Relaxed: it picks a winner; what the winner writes is published when it accounts for its units.
        if self.failed.fetch_or(1, Ordering::Relaxed) == 0 {
            self.error.with_mut(|slot| {
                // SAFETY: the winner's alone until its units are accounted for.
                unsafe { *slot = Some(error) };
            });
        } else {
            drop_quietly(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed) != 0
    }

    /// Calls the function with these items, which the caller has taken.
    fn map(&self, units: &Range<u32>) {
        let mut left = self.items_of(units);
        while !left.is_empty() {
            let result = self.mapping.with(|mapping| {
                call(|| {
                    // SAFETY: between taking a unit and accounting for it a runner may use the mapping through `&`.
                    let mapping = unsafe { &*mapping };
                    while left.start < left.end {
                        let index = left.start;
                        left.start += 1;
                        // SAFETY: the unit is the caller's, and `index` is not visited again.
                        let item = unsafe { self.items.take(index) };
                        match mapping.each(item) {
                            // SAFETY: as above.
                            Ok(value) => unsafe { self.results.put(index, value) },
                            Err(error) => return Some(error),
                        }
                    }
                    None
                })
            });
            let index = left.start.wrapping_sub(1);
            match result {
                Ok(None) => return,
                Ok(Some(error)) => self.fail(TaskError::Failed { error, item: Some(index) }),
                Err(panic) => self.fail(TaskError::Panicked(panic.at(index))),
            }
            self.results.leave_hole(index..index + 1);
            // With a chunk as the unit of failure the rest of it goes; the bite is one chunk.
            if self.cut.chunksize.is_some() {
                return self.skip_items(left);
            }
        }
    }

    /// Drops these items, which the caller has taken.
    fn skip_items(&self, items: Range<usize>) {
        for index in items.clone() {
            // SAFETY: the unit is the caller's, and `index` is visited once.
            drop_quietly(unsafe { self.items.take(index) });
        }
        self.results.leave_hole(items);
    }

    /// Takes units and does `work` with them until none is left; concludes the batch if they were the last.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    unsafe fn work_off(header: NonNull<Header>, pace: &mut Pace, mut work: impl FnMut(&Self, &Range<u32>)) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let slots = unsafe { Self::slots(header) };
        let seat = batch.seated.fetch_add(1, Ordering::Relaxed) as usize;
        let seat = (seat < slots.len()).then_some(seat);
        let mut any = false;
        while let Some(units) = ranges::take(slots, seat, pace.bite()) {
            any = true;
            work(batch, &units);
            pace.bitten();
            // edge UNITS release: values, holes and error of these units → the concluder.
            // edge UNITS acquire: those of all others → the concluder.
            let before = batch.pending.fetch_sub(units.len(), Ordering::AcqRel);
            if before == units.len() {
                // SAFETY: the caller's right, and it has accounted for the last units.
                unsafe { Self::conclude(header) };
            }
        }
        any
    }

    /// Puts the outcome together and publishes it.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block and has accounted for the last unit, or there was none and it has claimed the
    /// batch first.
    unsafe fn conclude(header: NonNull<Header>) {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: every unit is accounted for: no runner touches the mapping any more.
        let mapping = unsafe { batch.take_mapping() };
        // SAFETY: as above; every item has been taken.
        unsafe { batch.items.free() };
        // SAFETY: as above, and whoever wrote the error accounted for its units afterwards.
        let error = batch.error.with_mut(|error| unsafe { mem::take(&mut *error) });
        let (outcome, kind) = match error {
            // SAFETY: every value is in place, for without an error there is no hole.
            None => (Ok(unsafe { batch.results.take_all(batch.items.len()) }), Kind::Value),
            Some(error) => {
                // SAFETY: every value is in place but for the holes.
                unsafe { batch.results.free(batch.items.len()) };
                let kind = error.kind();
                (Err(error), kind)
            }
        };
        let outcome = mapping.conclude(outcome);
        batch.outcome.with_mut(|slot| {
            // SAFETY: before DONE it is the concluder's.
            let slot = unsafe { &mut *slot };
            slot.write(outcome);
        });
        // SAFETY: the outcome is in place; the right is the caller's, and stays.
        if unsafe { publish(header, kind, false) } == Published::Unobserved {
            // SAFETY: the handle left before DONE, so the outcome is the concluder's.
            unsafe { Self::drop_outcome(header) };
        }
    }

    /// A right named by `side` has done its part.
    ///
    /// # Safety
    ///
    /// The caller holds that right; a queue's is gone afterwards.
    unsafe fn spend(header: NonNull<Header>, side: Side) {
        if side == Side::Handle {
            return;
        }
        // SAFETY: the token keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // edge TOKENS release: this token's last access → the last token.
        // edge TOKENS acquire: the same of all others → the last token, which gives up the queue's right.
        if batch.tokens.fetch_sub(1, Ordering::AcqRel) == 1 {
            let duty = batch.header.state().leave_queue();
            // SAFETY: the duty is of this block.
            unsafe { discharge(header, duty) };
        }
    }

    /// # Safety
    ///
    /// See [`VTable::run`].
    unsafe fn run(header: NonNull<Header>, host: &dyn Host, side: Side) {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let claim = batch.header.state().claim();
        if claim != Claim::Withdrawn {
            frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no unit, and the claim was the first.
                    unsafe { Self::conclude(header) };
                }
                let work = |batch: &Self, units: &Range<u32>| {
                    if let Some(reason) = host.stopping() {
                        batch.fail(reason.into());
                        batch.skip_items(batch.items_of(units));
                    } else if batch.cut.fail_fast && batch.has_failed() {
                        batch.skip_items(batch.items_of(units));
                    } else {
                        batch.map(units);
                    }
                };
                // A chunk that the caller has sized is taken whole and alone.
                let mut pace = Pace::new(batch.cut.chunksize.is_none());
                // SAFETY: the caller's right.
                unsafe { Self::work_off(header, &mut pace, work) };
            });
        }
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, side) };
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    unsafe fn resolve(header: NonNull<Header>, reason: Reason, side: Side) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let claim = batch.header.state().claim();
        let any = claim != Claim::Withdrawn
            && frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no unit, and the claim was the first.
                    unsafe { Self::conclude(header) };
                }
                let work = |batch: &Self, units: &Range<u32>| {
                    batch.fail(reason.clone().into());
                    batch.skip_items(batch.items_of(units));
                };
                // SAFETY: the caller's right.
                unsafe { Self::work_off(header, &mut Pace::greedy(), work) }
            });
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, side) };
        any
    }

    /// # Safety
    ///
    /// See [`VTable::outcome`].
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
    /// See [`VTable::drop_outcome`].
    unsafe fn drop_outcome(header: NonNull<Header>) {
        // SAFETY: the caller owns the outcome.
        let outcome = unsafe { Self::outcome(header, Access::Move) };
        // SAFETY: it is in place, and nobody looks at it again.
        drop_quietly(unsafe { outcome.cast::<Outcome<Vec<M::Value>, M::Error>>().read() });
    }

    /// # Safety
    ///
    /// See [`VTable::free`].
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner, so the block is alive until the next line.
        let (layout, _) = Self::layout(unsafe { Self::of(header) }.slots);
        // SAFETY: the layout is the one that `new` allocated with.
        unsafe { block::free(header, layout) };
    }
}
