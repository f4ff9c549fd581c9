//! What a runner does with the units that it has taken: call the function with each item, and look up before the next.

use std::ops::Range;
use std::ptr::NonNull;

use super::Batch;
use super::mapping::Mapping;
use crate::sync::{AtomicU32, Ordering, fence};
use crate::task::TaskError;
use crate::task::error::Reason;
use crate::task::header::Header;
use crate::task::host::{self, Host};
use crate::task::turn::Turn;
use crate::task::unwind::{call, drop_quietly};
use crate::task::work::drop_error;

/// In a batch's signal: no runner begins another item.
pub(super) const STOP: u32 = 1 << 31;
/// In a batch's signal: how many runners have left because there was no unit to take, and are to be sent for if there is one.
pub(super) const IDLE: u32 = STOP - 1;

/// What a runner looks at before each item.
struct Heeded<'a> {
    /// The bits of the batch's signal that end its run of items.
    signal: u32,
    /// The same of the pool's attention word.
    attention: u32,
    word: &'a AtomicU32,
}

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
    pub(super) fn items_of(&self, units: &Range<u32>) -> Range<usize> {
        let bound = |unit: u32| (unit as usize).saturating_mul(self.unit).min(self.items.len());
        bound(units.start)..bound(units.end)
    }

    /// Sets the batch's error, unless it has one: the first in time is the batch's, the others are dropped.
    pub(super) fn fail(&self, error: TaskError<M::Error>) {
        // Relaxed: it picks a winner; what the winner writes is published when it accounts for its units.
        if self.failed.fetch_or(1, Ordering::Relaxed) == 0 {
            self.error.with_mut(|slot| {
                // SAFETY: the winner's alone until its units are accounted for.
                unsafe { *slot = Some(error) };
            });
        } else {
            drop_error(error);
        }
        if self.cut.fail_fast {
            self.stop();
        }
    }

    /// From now on no runner begins an item.
    pub(super) fn stop(&self) {
        // Relaxed: a request, which carries nothing.
        self.signal.fetch_or(STOP, Ordering::Relaxed);
    }

    /// Whether no runner may begin another item. If it is the pool that stops, or somebody who cancelled, that is the batch's error.
    fn stops(&self, host: &dyn Host) -> bool {
        // edge STOP acquire: the stage → this runner, which may have seen STOP.
        fence(Ordering::Acquire);
        if let Some(reason) = host.stopping() {
            self.fail(reason.into());
            return true;
        }
        // Relaxed: a request, which carries nothing.
        let stops = self.signal.load(Ordering::Relaxed) & STOP != 0;
        if stops {
            // With `fail_fast` there is an error already, and this one is dropped.
            self.fail(Reason::Cancelled.into());
        }
        stops
    }

    /// Calls the function with the items of these units, which the caller has taken; drops the rest when the batch stops. Says how
    /// many units it has done with: fewer than all if the rest is for others, or for later.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    pub(super) unsafe fn map(
        header: NonNull<Header>,
        units: &Range<u32>,
        host: &dyn Host,
        mut turn: Option<&mut Turn<'_>>,
    ) -> u32 {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let mut left = batch.items_of(units);
        // A unit of several items is done as one: if the caller has sized the chunks, and beyond 2^32 items.
        let mut divisible = batch.unit == 1 && batch.cut.chunksize.is_none();
        loop {
            let before = left.start;
            let turn_ends = turn.as_ref().filter(|_| divisible);
            let most = turn_ends.map_or(usize::MAX, |turn| turn.allowance());
            let heeded = Heeded {
                signal: if divisible { STOP | IDLE } else { STOP },
                attention: turn.as_ref().map_or(host::STOP, |turn| turn.heeded()),
                word: host.attention().unwrap_or(&batch.never),
            };
            batch.call_with(&mut left, most, &heeded);
            let over = turn.as_mut().is_some_and(|turn| turn.looks(left.start - before));
            // In the child of a fork that an item made, the others are the parent's.
            if left.is_empty() || batch.header.is_forked() {
                break;
            }
            if batch.stops(host) {
                batch.skip_items(left);
                break;
            }
            if !divisible {
                continue;
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a unit is an item, and units are counted in 32 bits"
            )]
            let rest = left.start as u32..units.end;
            let idle = batch.signal.load(Ordering::Relaxed) & IDLE > 0;
            if over || idle {
                // SAFETY: the caller's right.
                if unsafe { Self::hand_back(header, rest.clone(), host) } {
                    return rest.start - units.start;
                }
                // The rest cannot be put back, and so is this runner's to do.
                divisible = false;
            }
        }
        units.end - units.start
    }

    /// Calls the function with up to `most` of the items of `left`, or until there is something to heed. After a failure it goes on
    /// behind the failed item, or, if the caller has sized the chunks, leaves the rest of the chunk out.
    fn call_with(&self, left: &mut Range<usize>, most: usize, heeded: &Heeded<'_>) {
        let end = left.end.min(left.start.saturating_add(most));
        // Relaxed, all: requests, which carry nothing.
        let interrupted = || {
            self.signal.load(Ordering::Relaxed) & heeded.signal
                | heeded.word.load(Ordering::Relaxed) & heeded.attention
                != 0
        };
        // One item is begun, unless nothing may be: a runner that only passed its units on would never end.
        let stopped = || {
            self.signal.load(Ordering::Relaxed) & STOP != 0
                || heeded.word.load(Ordering::Relaxed) & host::STOP != 0
                || self.header.is_forked()
        };
        while left.start < end && !stopped() {
            let result = self.mapping.with(|mapping| {
                call(|| {
                    // SAFETY: between taking a unit and accounting for it a runner may use the mapping through `&`.
                    let mapping = unsafe { &*mapping };
                    let mut next = Next { index: left.start, place: &mut left.start };
                    loop {
                        let index = next.index;
                        next.index += 1;
                        // SAFETY: the unit is the caller's, and `index` is not visited again.
                        let item = unsafe { self.items.take(index) };
                        match mapping.each(index, item) {
                            // SAFETY: as above.
                            Ok(value) => unsafe { self.results.put(index, value) },
                            Err(error) => return Some(error),
                        }
                        if next.index == end || interrupted() {
                            return None;
                        }
                    }
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
                self.skip_items(left.start..left.end);
                left.start = left.end;
            }
            if interrupted() {
                return;
            }
        }
    }

    /// Drops these items, which the caller has taken.
    pub(super) fn skip_items(&self, items: Range<usize>) {
        for index in items.clone() {
            // SAFETY: the unit is the caller's, and `index` is visited once.
            drop_quietly(unsafe { self.items.take(index) });
        }
        self.results.leave_hole(items);
    }
}
