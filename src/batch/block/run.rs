//! Runners: take chunks, account for them, leave or give way, and, for the one that is last, conclude.

use std::cell::RefCell;
use std::mem;
use std::ops::Range;
use std::ptr::NonNull;

use super::each::{IDLE, STOP};
use super::grain::Grain;
use super::mapping::Mapping;
use super::{Batch, NewEntries, ranges};
use crate::block::{
    Claim, Header, Kind, Nobody, Owner, PoolView, Published, Reason, Taken, TaskRef, Turn,
    discharge, frame, publish, registry,
};
use crate::sync::{Ordering, fence};

impl<M: Mapping> Batch<M> {
    /// Puts chunks that the caller has taken back into its range, and sends for the runners that have left for want of chunks. False
    /// if the chunks are still the caller's. [CHUNKS-2]
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    pub(super) unsafe fn hand_back(
        header: NonNull<Header>,
        rest: Range<u32>,
        view: &dyn PoolView,
    ) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let words = unsafe { Self::words(header) };
        let count = rest.end - rest.start;
        if !ranges::give_back(words, batch.seat(view), rest) {
            return false;
        }
        // edge AWAY fence: the chunks → a leaving runner's second look, or that runner counted as away → the look below.
        fence(Ordering::SeqCst);
        for _ in 0..batch.send_for(count) {
            // SAFETY: `send_for` has counted this entry.
            view.put_back(unsafe { TaskRef::new(header) });
        }
        true
    }

    /// Counts entries for up to `most` of the runners that have left for want of chunks, and says for how many.
    fn send_for(&self, most: u32) -> u32 {
        let mut seen = self.signal.load(Ordering::Relaxed);
        let sent = loop {
            let sent = most.min(seen & IDLE);
            match self.signal.compare_exchange(
                seen,
                seen - sent,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break sent,
                Err(now) => seen = now,
            }
        };
        // Relaxed, both: new entries are published with the queue, and none is made of none: once the last was spent, the queue's
        // right is gone, and a waiting worker that helps by its handle's right does the rest alone.
        let mut entries = self.rights.load(Ordering::Relaxed);
        while entries > 0 {
            match self.rights.compare_exchange(
                entries,
                entries + sent,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return sent,
                Err(now) => entries = now,
            }
        }
        0
    }

    /// The range of the calling worker. No other thread has it: a worker runs one entry of a batch at a time.
    fn seat(&self, view: &dyn PoolView) -> Option<usize> {
        view.worker().filter(|worker| *worker < self.words as usize)
    }

    /// Takes chunks and does `work` with them, and concludes the batch if they were the last; until none is left, or until `ends` after
    /// some chunks. `work` says how many chunks it has done with; the others it has put back. Says whether there was any.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    unsafe fn work_off(
        header: NonNull<Header>,
        seat: Option<usize>,
        grain: &mut Grain,
        view: &dyn PoolView,
        mut work: impl FnMut(&Range<u32>) -> u32,
        mut ends: impl FnMut() -> bool,
    ) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let words = unsafe { Self::words(header) };
        let mut any = false;
        while let Some(chunks) = ranges::take(words, seat, grain.chunks()) {
            any = true;
            let end = chunks.start + work(&chunks);
            grain.claimed();
            if batch.header.is_forked() {
                // Nothing is accounted for, so in the child the batch is never concluded.
                return true;
            }
            if end < chunks.end {
                grain.restart();
            }
            let done = batch.items_of(&(chunks.start..end)).len();
            // edge CHUNKS release: values, holes and error of these chunks → the concluder.
            // edge CHUNKS acquire: those of all others → the concluder.
            if batch.pending.fetch_sub(done, Ordering::AcqRel) == done {
                // SAFETY: the caller's right, and it has accounted for the last chunks.
                unsafe { Self::conclude(header, view) };
            }
            if ends() {
                break;
            }
        }
        any
    }

    /// Works until no chunk is left to take, and leaves: true. Or until other work may have its turn: false.
    ///
    /// # Safety
    ///
    /// The caller holds an entry.
    unsafe fn run_for_a_turn(
        header: NonNull<Header>,
        view: &dyn PoolView,
        grain: &mut Grain,
    ) -> bool {
        // SAFETY: the entry keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let words = unsafe { Self::words(header) };
        let turn = RefCell::new(Turn::begin(view));
        loop {
            let work = |chunks: &Range<u32>| {
                // SAFETY: the entry.
                unsafe { Self::map(header, chunks, view, turn.borrow_mut().as_mut()) }
            };
            let is_over = || turn.borrow().as_ref().is_some_and(Turn::is_over);
            // SAFETY: the entry.
            unsafe { Self::work_off(header, batch.seat(view), grain, view, work, is_over) };
            if batch.header.is_forked() {
                return true;
            }
            // Units that were put back beside somebody who stops the batch, and who has not seen them, are this runner's to drop. The
            // fence before this look is that of `hand_back`.
            if is_over() && !ranges::are_empty(words) {
                if batch.signal.load(Ordering::Relaxed) & STOP != 0 {
                    continue;
                }
                return false;
            }
            // Relaxed: ordered by the fence.
            batch.signal.fetch_add(1, Ordering::Relaxed); // [CHUNKS-1]
            // edge AWAY fence: this runner counted as away → the look of a runner that puts chunks back, or those chunks → the look
            // below.
            fence(Ordering::SeqCst);
            if ranges::are_empty(words) {
                return true;
            }
            batch.come_back();
        }
    }

    /// A runner that was counted as away has seen chunks. If it has been sent for meanwhile it is no longer counted, and the entry
    /// that was put back for it is for another.
    fn come_back(&self) {
        let mut seen = self.signal.load(Ordering::Relaxed);
        while seen & IDLE > 0 {
            match self.signal.compare_exchange(seen, seen - 1, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Puts the outcome together and publishes it.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block and has accounted for the last chunk, or there was none and it has claimed the
    /// batch first.
    pub(super) unsafe fn conclude(header: NonNull<Header>, view: &dyn PoolView) {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // Before any user code: a callback may wait for a place.
        let stale = batch.entries.close() as usize;
        // SAFETY: every chunk is accounted for: no runner touches the mapping any more.
        let mapping = unsafe { batch.take_mapping() };
        if !batch.in_place {
            // SAFETY: as above; every item has been taken, and the values lie elsewhere.
            unsafe { batch.items.free() };
        }
        // SAFETY: as above, and whoever wrote the error accounted for its chunks afterwards.
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
        // A callback's panic has taken the value's place.
        let kind = if kind == Kind::Value && outcome.is_err() { Kind::Failed } else { kind };
        batch.outcome.with_mut(|word| {
            // SAFETY: before DONE it is the concluder's.
            let word = unsafe { &mut *word };
            word.write(outcome);
        });
        // SAFETY: the outcome is in place; the right is the caller's, and stays.
        if unsafe { publish(header, kind, false, view) } == Published::Unobserved {
            // SAFETY: the handle left before DONE, so the outcome is the concluder's.
            unsafe { Self::drop_outcome(header) };
        }
        if stale > 0 {
            view.entries_died(batch.header.state().is_outside(), stale);
        }
    }

    /// Gives up entries that nobody needs: all at once, and without running anything.
    ///
    /// # Safety
    ///
    /// They are of a batch made by `Batch::<M>::create`, which is DONE or was taken back.
    pub(crate) unsafe fn give_up(entries: NewEntries) {
        if entries.left > 0 {
            // SAFETY: the entries are the caller's, and are forgotten here.
            unsafe { Self::spend_rights(entries.header, entries.left) };
        }
    }

    /// A right named by `owner` has done its part.
    ///
    /// # Safety
    ///
    /// The caller holds that right; an entry is gone afterwards.
    pub(super) unsafe fn spend(header: NonNull<Header>, owner: Owner) {
        if owner != Owner::Handle {
            // SAFETY: the caller's contract.
            unsafe { Self::spend_rights(header, 1) };
        }
    }

    /// # Safety
    ///
    /// The caller holds so many entries, at least one; they are gone afterwards.
    pub(super) unsafe fn spend_rights(header: NonNull<Header>, count: u32) {
        // SAFETY: an entry keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // edge RIGHTS release: these entries' last access → the last entry.
        // edge RIGHTS acquire: the same of all others → the last entry, which gives up the queue's right.
        if batch.rights.fetch_sub(count, Ordering::AcqRel) == count {
            let duty = batch.header.state().leave_queue();
            // SAFETY: the duty is of this block.
            unsafe { discharge(header, duty) };
        }
    }

    /// # Safety
    ///
    /// See [`VTable::run`].
    pub(super) unsafe fn run(header: NonNull<Header>, view: &dyn PoolView, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        if owner == Owner::Queue && batch.entries.taken() == Taken::Stale {
            view.stale_entry_left(batch.header.state().is_outside());
        }
        let claim = batch.header.state().claim();
        if claim == Claim::Withdrawn {
            // SAFETY: the caller's right is handed on.
            unsafe { Self::spend(header, owner) };
            return false;
        }
        if claim == Claim::First && batch.items.len() == 0 {
            // SAFETY: there is no chunk, and the claim was the first.
            frame::enter(header, || unsafe { Self::conclude(header, view) });
        }
        // A chunk that the caller has sized is taken whole and alone.
        let mut grain = Grain::new(batch.options.chunksize.is_none());
        if owner == Owner::Handle {
            // SAFETY: the caller's right.
            let work = |chunks: &Range<u32>| unsafe { Self::map(header, chunks, view, None) };
            // SAFETY: the caller's right.
            return frame::enter(header, || unsafe {
                Self::work_off(header, batch.seat(view), &mut grain, view, work, || false)
            });
        }
        // SAFETY: the entry.
        if !frame::enter(header, || unsafe { Self::run_for_a_turn(header, view, &mut grain) }) {
            // Outside of the frame: the next runner of this entry may free the block before this returns.
            // SAFETY: the entry is this runner's, which touches the batch no more once it has given it away.
            view.give_way(Some(unsafe { TaskRef::new(header) }));
            return true;
        }
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, owner) };
        true
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    pub(super) unsafe fn resolve(header: NonNull<Header>, reason: Reason, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let words = unsafe { Self::words(header) };
        if owner == Owner::Line && batch.entries.is_closed() && ranges::are_empty(words) {
            // SAFETY: the caller's right is handed on.
            unsafe { Self::spend(header, owner) };
            return false;
        }
        // Runners that hold chunks drop those that they have not begun.
        batch.stop();
        // edge AWAY fence: STOP → the look of a runner that puts chunks back, or these chunks → the looks below.
        // edge STOP fence: the stage → whoever finds the batch closed and asks for the reason.
        fence(Ordering::SeqCst);
        // Before any user code: the `Drop` of an item may wait for a place.
        let stale = batch.entries.close();
        if owner == Owner::Handle && stale > 0 {
            registry::entries_died(
                batch.header.pool(),
                batch.header.state().is_outside(),
                stale as usize,
            );
        }
        let claim = batch.header.state().claim();
        let any = claim != Claim::Withdrawn
            && frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no chunk, and the claim was the first.
                    unsafe { Self::conclude(header, &Nobody) };
                }
                let work = |chunks: &Range<u32>| {
                    batch.fail(reason.clone().into());
                    batch.skip_items(batch.items_of(chunks));
                    chunks.end - chunks.start
                };
                // SAFETY: the caller's right.
                unsafe {
                    Self::work_off(header, None, &mut Grain::greedy(), &Nobody, work, || false)
                }
            });
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, owner) };
        any
    }
}

#[cfg(all(test, not(loom)))]
#[path = "run_tests.rs"]
mod tests;
