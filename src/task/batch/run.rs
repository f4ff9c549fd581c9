//! What runners do with a batch: take units, call the function, account, and, whoever is last, conclude.

use std::mem;
use std::ops::Range;
use std::ptr::NonNull;

use super::mapping::Mapping;
use super::pace::Pace;
use super::{Batch, Tokens, ranges};
use crate::sync::Ordering;
use crate::sync::clock::Stopwatch;
use crate::task::TaskError;
use crate::task::error::Reason;
use crate::task::frame;
use crate::task::header::{Header, Host, Nobody, Published, Side, discharge, publish};
use crate::task::state::{Claim, Kind};
use crate::task::unwind::{call, drop_quietly};
use crate::task::work::drop_error;

/// The next item's index, which is put in its place when the loop ends, and also if it unwinds: not with each item.
struct Next<'a> {
    index: usize,
    place: &'a mut usize,
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        *self.place = self.index;
    }
}

impl<M: Mapping> Batch<M> {
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
            drop_error(error);
        }
    }

    /// Why the rest is not to be done, if it is not. A pool that stops becomes the batch's error.
    fn stops(&self, host: &dyn Host) -> bool {
        if let Some(reason) = host.stopping() {
            self.fail(reason.into());
            return true;
        }
        // Relaxed, both: hints. Somebody who cancels a batch fails it first, and then asks; one that is asked and has not failed
        // has nothing left that could be kept from starting.
        self.failed.load(Ordering::Relaxed) != 0 && (self.cut.fail_fast || self.header.state().is_asked())
    }

    /// Calls the function with these items, which the caller has taken; drops the rest when the batch stops. Says how many
    /// units it has done with: fewer than all if they turned out to be slow, so that others can have the rest.
    fn map(&self, units: &Range<u32>, host: &dyn Host) -> u32 {
        /// Between two looks at the clock and at whether to stop; it grows to this from one.
        const STRIDE: usize = 1024;
        let mut left = self.items_of(units);
        let (mut stride, watch) = (1, Stopwatch::start());
        // In the child of a fork that an item made, the others are the parent's.
        while !left.is_empty() && !self.header.is_forked() {
            if self.stops(host) {
                self.skip_items(left);
                break;
            }
            // A chunk is done as one.
            let chunk = self.cut.chunksize.is_some();
            let end = if chunk { left.end } else { left.end.min(left.start + stride) };
            self.call_with(&mut left, end);
            if chunk || self.unit > 1 {
                continue;
            }
            stride = (2 * stride).min(STRIDE);
            if !left.is_empty() && watch.elapsed() > Pace::LONG {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a unit is an item, and units are counted in 32 bits"
                )]
                return (left.start - units.start as usize) as u32;
            }
        }
        units.end - units.start
    }

    /// Calls the function with the items of `left` up to `end`. After a failure it goes on behind the failed item, or, if the
    /// caller has sized the chunks, leaves the rest of the chunk out.
    fn call_with(&self, left: &mut Range<usize>, end: usize) {
        while left.start < end {
            let result = self.mapping.with(|mapping| {
                call(|| {
                    // SAFETY: between taking a unit and accounting for it a runner may use the mapping through `&`.
                    let mapping = unsafe { &*mapping };
                    let mut next = Next { index: left.start, place: &mut left.start };
                    while next.index < end {
                        let index = next.index;
                        next.index += 1;
                        // SAFETY: the unit is the caller's, and `index` is not visited again.
                        let item = unsafe { self.items.take(index) };
                        match mapping.each(index, item) {
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
            if self.cut.chunksize.is_some() {
                self.skip_items(left.start..end);
                left.start = end;
            }
            if self.cut.fail_fast {
                return;
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

    /// Takes units and does `work` with them until none is left; concludes the batch if they were the last. `work` says how many
    /// it has done with; the others go back to where they were taken from. Says whether there was any.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    unsafe fn work_off(
        header: NonNull<Header>,
        pace: &mut Pace,
        host: &dyn Host,
        mut work: impl FnMut(&Self, &Range<u32>) -> u32,
    ) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: as above.
        let slots = unsafe { Self::slots(header) };
        // A look first: whoever asks again and again, by `cancel` say, must not drive the count
        // round, or two runners have one seat.
        let left = (batch.seated.load(Ordering::Relaxed) as usize) < slots.len();
        let seat = left.then(|| batch.seated.fetch_add(1, Ordering::Relaxed) as usize);
        let seat = seat.filter(|seat| *seat < slots.len());
        let mut any = false;
        while let Some(units) = ranges::take(slots, seat, pace.bite()) {
            any = true;
            let mut done = work(batch, &units);
            while units.start + done < units.end
                && !ranges::give_back(slots, seat, units.start + done..units.end)
            {
                done += work(batch, &(units.start + done..units.end));
            }
            pace.bitten();
            if batch.header.is_forked() {
                // Nothing is accounted for, so in the child the batch is never concluded.
                return true;
            }
            // edge UNITS release: values, holes and error of these units → the concluder.
            // edge UNITS acquire: those of all others → the concluder.
            let done = batch.items_of(&(units.start..units.start + done)).len();
            if batch.pending.fetch_sub(done, Ordering::AcqRel) == done {
                // SAFETY: the caller's right, and it has accounted for the last units.
                unsafe { Self::conclude(header, host) };
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
    unsafe fn conclude(header: NonNull<Header>, host: &dyn Host) {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // SAFETY: every unit is accounted for: no runner touches the mapping any more.
        let mapping = unsafe { batch.take_mapping() };
        if !batch.in_place {
            // SAFETY: as above; every item has been taken, and the values lie elsewhere.
            unsafe { batch.items.free() };
        }
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
        // A callback's panic has taken the value's place.
        let kind = if kind == Kind::Value && outcome.is_err() { Kind::Failed } else { kind };
        batch.outcome.with_mut(|slot| {
            // SAFETY: before DONE it is the concluder's.
            let slot = unsafe { &mut *slot };
            slot.write(outcome);
        });
        // SAFETY: the outcome is in place; the right is the caller's, and stays.
        if unsafe { publish(header, kind, false, host) } == Published::Unobserved {
            // SAFETY: the handle left before DONE, so the outcome is the concluder's.
            unsafe { Self::drop_outcome(header) };
        }
    }

    /// Gives up tokens that nobody needs: all at once, and without running anything.
    ///
    /// # Safety
    ///
    /// They are of a batch made by `Batch::<M>::create`, which is DONE or was taken back.
    pub(crate) unsafe fn give_up(tokens: Tokens) {
        if tokens.left > 0 {
            // SAFETY: the tokens are the caller's, and are forgotten here.
            unsafe { Self::spend_tokens(tokens.header, tokens.left) };
        }
    }

    /// A right named by `side` has done its part.
    ///
    /// # Safety
    ///
    /// The caller holds that right; a queue's is gone afterwards.
    unsafe fn spend(header: NonNull<Header>, side: Side) {
        if side == Side::Queue {
            // SAFETY: the caller's contract.
            unsafe { Self::spend_tokens(header, 1) };
        }
    }

    /// # Safety
    ///
    /// The caller holds so many tokens, at least one; they are gone afterwards.
    unsafe fn spend_tokens(header: NonNull<Header>, count: u32) {
        // SAFETY: a token keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // edge TOKENS release: these tokens' last access → the last token.
        // edge TOKENS acquire: the same of all others → the last token, which gives up the queue's right.
        if batch.tokens.fetch_sub(count, Ordering::AcqRel) == count {
            let duty = batch.header.state().leave_queue();
            // SAFETY: the duty is of this block.
            unsafe { discharge(header, duty) };
        }
    }

    /// # Safety
    ///
    /// See [`VTable::run`].
    pub(super) unsafe fn run(header: NonNull<Header>, host: &dyn Host, side: Side) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let claim = batch.header.state().claim();
        let any = claim != Claim::Withdrawn
            && frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no unit, and the claim was the first.
                    unsafe { Self::conclude(header, host) };
                }
                // A chunk that the caller has sized is taken whole and alone.
                let mut pace = Pace::new(batch.cut.chunksize.is_none());
                let work = |batch: &Self, units: &Range<u32>| batch.map(units, host);
                // SAFETY: the caller's right.
                unsafe { Self::work_off(header, &mut pace, host, work) }
            });
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, side) };
        any
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    pub(super) unsafe fn resolve(header: NonNull<Header>, reason: Reason, side: Side) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let claim = batch.header.state().claim();
        let any = claim != Claim::Withdrawn
            && frame::enter(header, || {
                if claim == Claim::First && batch.items.len() == 0 {
                    // SAFETY: there is no unit, and the claim was the first.
                    unsafe { Self::conclude(header, &Nobody) };
                }
                let work = |batch: &Self, units: &Range<u32>| {
                    batch.fail(reason.clone().into());
                    batch.skip_items(batch.items_of(units));
                    units.end - units.start
                };
                // SAFETY: the caller's right.
                unsafe { Self::work_off(header, &mut Pace::greedy(), &Nobody, work) }
            });
        // SAFETY: the caller's right is handed on.
        unsafe { Self::spend(header, side) };
        any
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::{Cut, Map};
    use super::*;
    use crate::task::{Plain, ResultRef};
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering as Std};
    use std::sync::{Arc, Mutex};

    const ALL: usize = 100_000;
    const BITE: u32 = 50_000;

    /// A batch whose first bite is half of it; `show` is given the handle before that.
    fn bite_half<M: Mapping>(
        mapping: M,
        items: Vec<M::Item>,
        show: impl FnOnce(ResultRef<Vec<M::Value>, M::Error>),
    ) {
        // SAFETY: the tests borrow nothing.
        let (mut tokens, handle) = unsafe { Batch::create(mapping, items, Cut::default(), 1, 1) };
        show(handle);
        let token = tokens.next().expect("a batch has a token");
        // SAFETY: the token keeps the block alive.
        let batch = unsafe { Batch::<M>::of(token.id()) };
        // SAFETY: as above.
        let slots = unsafe { Batch::<M>::slots(token.id()) };
        let units = ranges::take(slots, Some(0), BITE).expect("nobody has taken any");
        let done = batch.map(&units, &Nobody);
        assert!(done == BITE || ranges::give_back(slots, Some(0), units.start + done..units.end));
        let before = batch.pending.fetch_sub(done as usize, Ordering::Relaxed);
        assert!(before > done as usize || done == BITE);
        if before == done as usize {
            // SAFETY: the token's right, and these were the last units.
            unsafe { Batch::<M>::conclude(token.id(), &Nobody) };
        }
        token.run(&Nobody);
    }

    #[test]
    fn f47_a_batch_that_is_cancelled_again_and_again_counts_no_further_than_its_seats() {
        type Same = Map<Plain<fn(u32) -> u32>, u32, u32, Infallible, (), ()>;
        let mapping: Same = Map::new(Plain(|item| item));
        let items = vec![1, 2, 3];
        // SAFETY: it borrows nothing.
        let (tokens, handle) = unsafe { Batch::create(mapping, items, Cut::default(), 2, 1) };
        let seated = || {
            // SAFETY: the handle keeps the block alive.
            let batch = unsafe { Batch::<Same>::of(handle.id()) };
            batch.seated.load(Ordering::Relaxed)
        };
        (0..1_000).for_each(|_| _ = handle.resolve(Reason::Cancelled));
        assert_eq!(seated(), 2);
        tokens.for_each(|token| token.run(&Nobody));
        assert_eq!(seated(), 2);
    }

    #[test]
    fn res_15_a_cancelled_batch_gives_up_what_its_runner_has_taken_in_one_go() {
        let (handle, ran) = (Arc::new(Mutex::new(None::<ResultRef<_, _>>)), Arc::new(AtomicUsize::new(0)));
        let (shown, count) = (Arc::clone(&handle), Arc::clone(&ran));
        let each = Plain(move |_: usize| {
            if count.fetch_add(1, Std::Relaxed) == 10 {
                let handle = shown.lock().unwrap();
                let handle = handle.as_ref().expect("it was shown");
                assert!(handle.resolve(Reason::Cancelled), "the other half is kept from starting");
                handle.ask();
            }
        });
        bite_half(Map::new(each), (0..ALL).collect(), |result| *handle.lock().unwrap() = Some(result));
        let result = handle.lock().unwrap().take().expect("it was shown");
        assert!(matches!(result.take_done(), Ok(Err(TaskError::Cancelled))));
        let ran = ran.load(Std::Relaxed);
        assert!(ran <= 11 + 1024, "{ran} items ran");
    }
}
