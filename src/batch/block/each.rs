//! What a runner does with the chunks that it has taken: call the function with each item, and look up before the next.

use std::ops::Range;
use std::ptr::NonNull;

use super::Batch;
use super::mapping::Mapping;
use crate::block::{
    Header, PoolView, Reason, STOP as POOL_STOP, TaskError, Turn, catch_panic, drop_error,
    drop_quietly,
};
use crate::sync::{AtomicU32, Ordering, fence};

/// In a batch's signal: no runner begins another item.
pub(super) const STOP: u32 = 1 << 31;
/// In a batch's signal: how many runners have left because there was no chunk to take, and are to be sent for if there is one.
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
    pub(super) fn items_of(&self, chunks: &Range<u32>) -> Range<usize> {
        let bound = |chunk: u32| (chunk as usize).saturating_mul(self.chunk).min(self.items.len());
        bound(chunks.start)..bound(chunks.end)
    }

    /// Sets the batch's error, unless it has one: the first in time is the batch's, the others are dropped.
    pub(super) fn fail(&self, error: TaskError<M::Error>) {
        // Relaxed: it picks a winner; what the winner writes is published when it accounts for its chunks.
        if self.failed.fetch_or(1, Ordering::Relaxed) == 0 {
            self.error.with_mut(|word| {
                // SAFETY: the winner's alone until its chunks are accounted for.
                unsafe { *word = Some(error) };
            });
        } else {
            drop_error(error);
        }
        if self.options.fail_fast {
            self.stop();
        }
    }

    /// From now on no runner begins an item.
    pub(super) fn stop(&self) {
        // Relaxed: a request, which carries nothing.
        self.signal.fetch_or(STOP, Ordering::Relaxed);
    }

    /// Whether no runner may begin another item. If it is the pool that stops, or somebody who cancelled, that is the batch's error.
    fn stops(&self, view: &dyn PoolView) -> bool {
        // edge STOP acquire: the stage → this runner, which may have seen STOP.
        fence(Ordering::Acquire);
        if let Some(reason) = view.stopping() {
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

    /// Calls the function with the items of these chunks, which the caller has taken; drops the rest when the batch stops. Says how
    /// many chunks it has done with: fewer than all if the rest is for others, or for later.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    pub(super) unsafe fn map(
        header: NonNull<Header>,
        chunks: &Range<u32>,
        view: &dyn PoolView,
        mut turn: Option<&mut Turn<'_>>,
    ) -> u32 {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let mut left = batch.items_of(chunks);
        // A chunk of several items is done as one: if the caller has sized the chunks, and beyond 2^32 items.
        let mut divisible = batch.chunk == 1 && batch.options.chunksize.is_none();
        loop {
            let before = left.start;
            let turn_ends = turn.as_ref().filter(|_| divisible);
            let most = turn_ends.map_or(usize::MAX, |turn| turn.allowance());
            let heeded = Heeded {
                signal: if divisible { STOP | IDLE } else { STOP },
                attention: turn.as_ref().map_or(POOL_STOP, |turn| turn.heeded()),
                word: view.attention().unwrap_or(&batch.never),
            };
            batch.call_with(&mut left, most, &heeded);
            let over = turn.as_mut().is_some_and(|turn| turn.looks(left.start - before));
            // In the child of a fork that an item made, the others are the parent's.
            if left.is_empty() || batch.header.is_forked() {
                break;
            }
            if batch.stops(view) {
                batch.skip_items(left);
                break;
            }
            if !divisible {
                continue;
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a chunk is an item, and chunks are counted in 32 bits"
            )]
            let rest = left.start as u32..chunks.end;
            let idle = batch.signal.load(Ordering::Relaxed) & IDLE > 0;
            if over || idle {
                // SAFETY: the caller's right.
                if unsafe { Self::hand_back(header, rest.clone(), view) } {
                    return rest.start - chunks.start;
                }
                // The rest cannot be put back, and so is this runner's to do.
                divisible = false;
            }
        }
        chunks.end - chunks.start
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
        // One item is begun, unless nothing may be: a runner that only passed its chunks on would never end.
        let stopped = || {
            self.signal.load(Ordering::Relaxed) & STOP != 0
                || heeded.word.load(Ordering::Relaxed) & POOL_STOP != 0
                || self.header.is_forked()
        };
        while left.start < end && !stopped() {
            let result = self.mapping.with(|mapping| {
                catch_panic(|| {
                    // SAFETY: between taking a chunk and accounting for it a runner may use the mapping through `&`.
                    let mapping = unsafe { &*mapping };
                    let mut next = Next { index: left.start, place: &mut left.start };
                    loop {
                        let index = next.index;
                        next.index += 1;
                        // SAFETY: the chunk is the caller's, and `index` is not visited again.
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
            if self.options.chunksize.is_some() {
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
            // SAFETY: the chunk is the caller's, and `index` is visited once.
            drop_quietly(unsafe { self.items.take(index) });
        }
        self.results.leave_hole(items);
    }
}
