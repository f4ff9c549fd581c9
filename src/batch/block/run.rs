//! The runners of a batch. A runner claims chunks, does them, and leaves or gives way.

use std::cell::RefCell;
use std::mem;
use std::ops::Range;
use std::ptr::NonNull;

use super::each::{IDLE, STOP};
use super::grain::Grain;
use super::mapping::Mapping;
use super::ranges::Taker;
use super::{Batch, NewEntries, ranges};
use crate::block::{
    Claim, Header, Nobody, Owner, PoolView, Reason, Taken, TaskRef, Turn, discharge, frame,
    registry,
};
use crate::numbers::{self, Shows};
use crate::sync::{Ordering, fence};

impl<M: Mapping> Batch<M> {
    /// Puts chunks that the caller has claimed back into its range, and sends for the runners
    /// that have left for want of chunks. Returns false if the chunks are still the caller's.
    /// [CHUNKS-2]
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    pub(super) unsafe fn hand_back(
        header: NonNull<Header>,
        seat: Option<usize>,
        rest: Range<u32>,
        view: &dyn PoolView,
    ) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let words = unsafe { Self::words(header) };
        let count = rest.end - rest.start;
        if !ranges::give_back(words, seat, rest) {
            return false;
        }
        // edge AWAY release: the chunks, from this runner → a runner that leaves, or a thread
        // that stops the batch. That thread changes `signal` too, as `send_for` does below. If
        // its change comes second, it sees the chunks. If it comes first, `send_for` sees the
        // change.
        fence(Ordering::Release);
        for _ in 0..batch.send_for(count) {
            // SAFETY: `send_for` has counted this entry.
            view.put_back(unsafe { TaskRef::new(header) });
        }
        true
    }

    /// Counts an entry for each of up to `most` runners that have left for want of chunks.
    /// Returns how many it has counted.
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
        // Relaxed, both: the queue publishes the new entries. If no entry is left, the queue's
        // right is gone, and the call makes none. Its caller is a waiting worker then, which
        // helps by its handle's right and does the rest alone.
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

    /// Claims chunks and does `work` with them, until no chunk is left, or until `ends` says
    /// so after some chunks. If the caller accounts for the last chunk, it concludes the
    /// batch. Returns whether there was any chunk.
    ///
    /// `work` says how many of the chunks it is done with. It has put the others back.
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
        let (mut any, mut taker, mut done) = (false, Taker::new(&batch.seats, seat), 0);
        while let Some(chunks) = taker.take(words, grain.chunks()) {
            any = true;
            let end = chunks.start + work(&chunks);
            let looked = grain.claimed();
            if batch.header.is_forked() {
                // The child accounts for nothing, so the batch is never concluded there.
                return true;
            }
            if end < chunks.end {
                grain.restart();
            }
            done += batch.items_of(&(chunks.start..end)).len();
            let ends = ends();
            if looked || ends {
                // SAFETY: the caller holds a right. `done` has counted the items of what this call
                // has claimed and is done with, since it last accounted for some.
                unsafe { Self::account(header, mem::take(&mut done), view) };
            }
            if ends {
                break;
            }
        }
        // SAFETY: as above.
        unsafe { Self::account(header, done, view) };
        any
    }

    /// Works until no chunk is left, or until this runner's turn is over. Returns true if the
    /// runner has left, and false if it must give way.
    ///
    /// # Safety
    ///
    /// The caller holds an entry.
    unsafe fn run_for_a_turn(
        header: NonNull<Header>,
        seat: Option<usize>,
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
                // SAFETY: the entry is a right to the block.
                unsafe { Self::map(header, chunks, seat, view, turn.borrow_mut().as_mut()) }
            };
            let is_over = || turn.borrow().as_ref().is_some_and(Turn::is_over);
            // SAFETY: the entry is a right to the block.
            unsafe { Self::work_off(header, seat, grain, view, work, is_over) };
            if batch.header.is_forked() {
                return true;
            }
            // This runner may have put chunks back that a thread which stops the batch has not
            // seen. Then the runner sees STOP here, because it has changed `signal` in
            // `hand_back` after that thread. So it goes on, and drops those chunks.
            if is_over() && !ranges::are_empty(words) {
                if batch.signal.load(Ordering::Relaxed) & STOP != 0 {
                    continue;
                }
                return false;
            }
            // Relaxed: the fence below orders it.
            batch.signal.fetch_add(1, Ordering::Relaxed); // [CHUNKS-1]
            // edge AWAY acquire: the chunks, from a runner whose change of `signal` came
            // before this one → the look below.
            fence(Ordering::Acquire);
            if ranges::are_empty(words) {
                return true;
            }
            batch.come_back();
        }
    }

    /// Takes this runner, which has seen chunks, out of the count of those that have left. If
    /// the count is 0, another runner has sent for it meanwhile. Then the entry that was put
    /// back for it is for another worker.
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

    /// Counts that the batch has left the queue, if the claim is the first one. Returns whether
    /// the pool counts.
    fn count_claim(&self, claim: Claim) -> bool {
        if self.options.counted && claim == Claim::First {
            numbers::count_left(self.header.pool());
        }
        self.options.counted
    }

    /// Gives up entries that no worker needs: all at once, and without running anything.
    ///
    /// # Safety
    ///
    /// They are of a batch made by `Batch::<M>::create`, which is DONE, was taken back, or has
    /// no chunk left to account for.
    pub(crate) unsafe fn give_up(entries: NewEntries) {
        if entries.left > 0 {
            // SAFETY: the entries are the caller's, and this call forgets them.
            unsafe { Self::spend_rights(entries.header, entries.left) };
        }
    }

    /// Gives up the right that `owner` names, unless it is the handle's, which its holder
    /// keeps.
    ///
    /// # Safety
    ///
    /// The caller holds that right. If the right is an entry, it is gone afterwards.
    pub(super) unsafe fn spend(header: NonNull<Header>, owner: Owner) {
        if owner != Owner::Handle {
            // SAFETY: the caller's contract.
            unsafe { Self::spend_rights(header, 1) };
        }
    }

    /// # Safety
    ///
    /// The caller holds `count` entries, at least one. They are gone afterwards.
    pub(super) unsafe fn spend_rights(header: NonNull<Header>, count: u32) {
        // SAFETY: an entry keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // edge RIGHTS release: this thread's last access under these entries → the thread that
        // spends the last entry.
        // edge RIGHTS acquire: the last accesses under all other entries → this thread, if it
        // spends the last entry. It then gives up the queue's right.
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
            // SAFETY: the caller hands its right on.
            unsafe { Self::spend(header, owner) };
            return false;
        }
        let _shows = batch.count_claim(claim).then(|| Shows::begin(batch.header.pool(), M::NAME));
        if claim == Claim::First && batch.items.len() == 0 {
            // SAFETY: there is no chunk, and this thread was the first to claim.
            frame::enter(header, || unsafe { Self::conclude(header, view) });
        }
        let seat = batch.seats.take(batch.words);
        // If the caller has sized the chunks, a runner claims one chunk at a time, whole. So does
        // a runner without a seat, which has no range to put chunks back into.
        let mut grain = Grain::new(batch.options.chunksize.is_none() && seat.is_some());
        if owner == Owner::Handle {
            // SAFETY: the caller holds a right to the block.
            let work = |chunks: &Range<u32>| unsafe { Self::map(header, chunks, seat, view, None) };
            // SAFETY: the caller holds a right to the block.
            let any = frame::enter(header, || unsafe {
                Self::work_off(header, seat, &mut grain, view, work, || false)
            });
            batch.seats.leave(seat);
            return any;
        }
        // SAFETY: the caller's right is an entry here.
        let all = frame::enter(header, || unsafe {
            Self::run_for_a_turn(header, seat, view, &mut grain)
        });
        batch.seats.leave(seat);
        if !all {
            // This comes outside of the frame: the next runner of this entry may free the
            // block before `give_way` returns.
            // SAFETY: the entry is this runner's. The runner does not touch the batch after it
            // has given the entry away.
            view.give_way(Some(unsafe { TaskRef::new(header) }));
            return true;
        }
        // SAFETY: the caller hands its right on.
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
            // SAFETY: the caller hands its right on.
            unsafe { Self::spend(header, owner) };
            return false;
        }
        // Runners that hold chunks drop the items that they have not begun.
        batch.stop();
        // edge AWAY acquire: the chunks, from a runner whose change of `signal` came before
        // STOP → the looks below.
        // edge STOP release: the stage, from this thread if it ended the pool → a thread that
        // finds the batch closed and asks for the reason.
        fence(Ordering::AcqRel);
        // This comes before any user code: the `Drop` of an item may wait for a place.
        let stale = batch.entries.close();
        if owner == Owner::Handle && stale > 0 {
            registry::entries_died(
                batch.header.pool(),
                batch.header.state().is_outside(),
                stale as usize,
            );
        }
        let claim = batch.header.state().claim();
        batch.count_claim(claim);
        let any = claim != Claim::Withdrawn
            && frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no chunk, and this thread was the first to claim.
                    unsafe { Self::conclude(header, &Nobody) };
                }
                let work = |chunks: &Range<u32>| {
                    batch.fail(reason.clone().into());
                    batch.skip_items(batch.items_of(chunks));
                    chunks.end - chunks.start
                };
                // SAFETY: the caller holds a right to the block.
                unsafe {
                    Self::work_off(header, None, &mut Grain::greedy(), &Nobody, work, || false)
                }
            });
        // SAFETY: the caller hands its right on.
        unsafe { Self::spend(header, owner) };
        any
    }
}

#[cfg(all(test, not(loom)))]
#[path = "run_tests.rs"]
mod tests;
