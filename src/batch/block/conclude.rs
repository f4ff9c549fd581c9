//! The end of a batch: runners account for the items that they are done with, and the one that
//! accounts for the last concludes the batch.

use std::mem;
use std::ptr::NonNull;

use super::Batch;
use super::mapping::Mapping;
use crate::block::{Header, Kind, PoolView, Published, end_of, publish};
use crate::numbers;
use crate::sync::{Ordering, step};

impl<M: Mapping> Batch<M> {
    /// Accounts for so many items. If these were the last, the call concludes the batch.
    ///
    /// Every runner writes this count. So a runner accounts for several claims at once, while they
    /// are short.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block. It has claimed the chunks of so many items, is done
    /// with them, and has not accounted for them before.
    pub(super) unsafe fn account(header: NonNull<Header>, done: usize, view: &dyn PoolView) {
        if done == 0 {
            return;
        }
        step::end();
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // edge CHUNKS release: the values, holes and error of these chunks, from this
        // runner → the concluder.
        // edge CHUNKS acquire: the values, holes and error of all other chunks, from their
        // runners → this runner, if it concludes.
        if batch.pending.fetch_sub(done, Ordering::AcqRel) == done {
            // SAFETY: the caller holds a right. Each runner has accounted once for what it was done
            // with, and nothing is left: so this thread has accounted for the last chunk.
            unsafe { Self::conclude(header, view) };
        }
    }

    /// Puts the outcome together and publishes it.
    ///
    /// # Safety
    ///
    /// The caller holds a right to the block. It has accounted for the last chunk; or there
    /// was none, and the caller was the first to claim the batch.
    pub(super) unsafe fn conclude(header: NonNull<Header>, view: &dyn PoolView) {
        // SAFETY: the caller's right keeps the block alive.
        let batch = unsafe { Self::of(header) };
        // This comes before any user code: a callback may wait for a place.
        let stale = batch.entries.close() as usize;
        // SAFETY: every chunk is accounted for, so no runner touches the mapping any more.
        let mapping = unsafe { batch.take_mapping() };
        if !batch.in_place {
            // SAFETY: as above. Every item has been taken, and the values lie elsewhere.
            unsafe { batch.items.free() };
        }
        // SAFETY: as above. The runner that wrote the error accounted for its chunks
        // afterwards.
        let error = batch.error.with_mut(|error| unsafe { mem::take(&mut *error) });
        let (outcome, kind) = match error {
            // SAFETY: every value is in place, because there is no hole without an error.
            None => (Ok(unsafe { batch.results.take_all(batch.items.len()) }), Kind::Value),
            Some(error) => {
                // SAFETY: every value is in place, except for the holes.
                unsafe { batch.results.free(batch.items.len()) };
                let kind = error.kind();
                (Err(error), kind)
            }
        };
        let outcome = mapping.conclude(outcome);
        if batch.options.counted {
            numbers::count_end(batch.header.pool(), end_of(&outcome));
        }
        // If a callback has panicked, its panic has taken the value's place.
        let kind = if kind == Kind::Value && outcome.is_err() { Kind::Failed } else { kind };
        batch.outcome.with_mut(|word| {
            // SAFETY: before DONE the outcome is the concluder's.
            let word = unsafe { &mut *word };
            word.write(outcome);
        });
        // SAFETY: the outcome is in place. The caller has a right to the block, and keeps it.
        if unsafe { publish(header, kind, false, view) } == Published::Unobserved {
            // SAFETY: the handle left before DONE, so the outcome is the concluder's.
            unsafe { Self::drop_outcome(header) };
        }
        if stale > 0 {
            view.entries_died(batch.header.state().is_outside(), stale);
        }
    }
}
