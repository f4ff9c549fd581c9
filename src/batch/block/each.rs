//! What a runner does with the chunks that it has claimed: it calls the function with each
//! item, and looks up before the next.

use std::ops::Range;
use std::ptr::NonNull;

use super::Batch;
use super::mapping::Mapping;
use crate::block::{
    Header, PoolView, Reason, STOP as POOL_STOP, TaskError, Turn, catch_panic, drop_error,
    drop_quietly,
};
use crate::sync::{AtomicU32, Ordering, fence};

/// A bit of a batch's signal: no runner begins another item.
pub(super) const STOP: u32 = 1 << 31;
/// Bits of a batch's signal: how many runners have left because there was no chunk to take. A
/// runner that puts chunks back sends for them.
pub(super) const IDLE: u32 = STOP - 1;

/// What a runner looks at before each item.
struct Heeded<'a> {
    /// The bits of the batch's signal at which the runner stops calling the function.
    signal: u32,
    /// The bits of the pool's attention word at which it does so.
    attention: u32,
    word: &'a AtomicU32,
}

/// The index of the next item. The loop counts it here, and not in `place` with each item.
/// `place` gets the index when the loop ends, and also when the loop unwinds.
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

    /// Makes this the batch's error, if it is the first in time. Drops any later error. With
    /// `fail_fast` it also stops the batch.
    pub(super) fn fail(&self, error: TaskError<M::Error>) {
        // Relaxed: it picks a winner. The winner publishes what it writes when it accounts for
        // its chunks.
        if self.failed.fetch_or(1, Ordering::Relaxed) == 0 {
            self.error.with_mut(|word| {
                // SAFETY: the error is the winner's alone until the winner accounts for its
                // chunks.
                unsafe { *word = Some(error) };
            });
        } else {
            drop_error(error);
        }
        if self.options.fail_fast {
            self.stop();
        }
    }

    /// Keeps every runner from beginning another item.
    pub(super) fn stop(&self) {
        // Relaxed: a request, which carries nothing.
        self.signal.fetch_or(STOP, Ordering::Relaxed);
    }

    /// Says whether no runner may begin another item. If the pool stops, or if a thread has
    /// cancelled the batch, the runner makes that the batch's error.
    fn stops(&self, view: &dyn PoolView) -> bool {
        // This comes before the look at the stage. The thread that ends the pool changes the
        // stage, passes the fence of [LIFE-7], and then stops the batch. So a batch that it has
        // stopped is not taken for one that was cancelled. Relaxed: the fence below orders it.
        let stops = self.signal.load(Ordering::Relaxed) & STOP != 0;
        // edge STOP acquire: the stage, from the thread that ended the pool → this runner,
        // which may have seen STOP.
        fence(Ordering::Acquire);
        if let Some(reason) = view.stopping() {
            self.fail(reason.into());
            return true;
        }
        if stops {
            // With `fail_fast` the batch has an error already, and `fail` drops this one.
            self.fail(Reason::Cancelled.into());
        }
        stops
    }

    /// Calls the function with the items of these chunks, which the caller has claimed. When
    /// the batch stops, the call drops the items that are left. Returns how many chunks the
    /// runner is done with. If these are fewer than all, the runner has put the rest back, for
    /// other runners or for later.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block.
    pub(super) unsafe fn map(
        header: NonNull<Header>,
        chunks: &Range<u32>,
        seat: Option<usize>,
        view: &dyn PoolView,
        mut turn: Option<&mut Turn<'_>>,
    ) -> u32 {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        let mut left = batch.items_of(chunks);
        // A runner does a chunk of several items as one. There are such chunks if the caller
        // has sized them, and if there are more than 2^32 items.
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
            // In the child of a fork that an item made, the other items are the parent's.
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
                // SAFETY: the caller holds a right to the block.
                if unsafe { Self::hand_back(header, seat, rest.clone(), view) } {
                    return rest.start - chunks.start;
                }
                // The runner could not put the rest back, so it does the rest itself.
                divisible = false;
            }
        }
        chunks.end - chunks.start
    }

    /// Calls the function with up to `most` of the items of `left`, and ends earlier if there
    /// is something to heed.
    ///
    /// After a failure it goes on behind the failed item. But if the caller has sized the
    /// chunks, it drops the rest of the chunk.
    fn call_with(&self, left: &mut Range<usize>, most: usize, heeded: &Heeded<'_>) {
        let end = left.end.min(left.start.saturating_add(most));
        // Relaxed, all: requests, which carry nothing.
        let interrupted = || {
            self.signal.load(Ordering::Relaxed) & heeded.signal
                | heeded.word.load(Ordering::Relaxed) & heeded.attention
                != 0
        };
        // The runner begins one item before it heeds anything, unless no item may begin. A
        // runner that only passed its chunks on would never end.
        let stopped = || {
            self.signal.load(Ordering::Relaxed) & STOP != 0
                || heeded.word.load(Ordering::Relaxed) & POOL_STOP != 0
                || self.header.is_forked()
        };
        while left.start < end && !stopped() {
            let result = self.mapping.with(|mapping| {
                catch_panic(|| {
                    // SAFETY: a runner may use the mapping through `&` from when it claims a
                    // chunk until it accounts for that chunk.
                    let mapping = unsafe { &*mapping };
                    let mut next = Next { index: left.start, place: &mut left.start };
                    loop {
                        let index = next.index;
                        next.index += 1;
                        // SAFETY: the chunk is the caller's, and the loop does not visit
                        // `index` again.
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

    /// Drops these items, which the caller has claimed, and leaves a hole for their values.
    pub(super) fn skip_items(&self, items: Range<usize>) {
        for index in items.clone() {
            // SAFETY: the chunk is the caller's, and the loop visits `index` once.
            drop_quietly(unsafe { self.items.take(index) });
        }
        self.results.leave_hole(items);
    }
}
