//! The pool view: the pool as its tasks see it. It takes what runners put back, counts the
//! entries that become stale, and calls runners for attention.

use std::iter;
use std::sync::Arc;

use super::{Sched, Stage};
use crate::block::{Panic, PoolView, Reason, TaskRef, WORK};
use crate::sync::{AtomicU32, Ordering, fence};

impl Sched {
    /// Puts an entry where every worker looks before it takes anything from outside.
    ///
    /// In a pool with a limit the entry may need a place, like a submission. Then it goes into
    /// the injector, or stands in the line until there is a place.
    pub(crate) fn put_back(&self, entry: TaskRef) {
        match &self.space {
            Some(space) if entry.has_place() => {
                space.push(self, None, iter::once(entry), || self.gone())
            }
            _ if entry.count() => self.queues.put_back(entry),
            _ => return entry.turn_away(self.reason_of_closed()),
        }
        if self.tell_workers(true).is_err() {
            // A terminator may have passed while the entry was in no queue.
            self.resolve_late(None);
        }
    }

    /// Says why a block is closed that has something left to do: a runner may have put chunks
    /// back since.
    pub(super) fn reason_of_closed(&self) -> Reason {
        // edge STOP acquire: the stage, from the thread that closed the block → this thread,
        // which has seen the block closed.
        fence(Ordering::Acquire);
        self.stopping().unwrap_or(Reason::Cancelled)
    }

    /// Counts entries that have become stale, and sweeps if it is time. `worker` is the worker
    /// that says so, or None if another thread does. [SWEEP-3]
    pub(crate) fn count_dead(&self, worker: Option<usize>, outside: bool, count: usize) {
        if !outside {
            self.queues.count_stale_in_deques(worker, count, 0);
        } else if self.queues.count_stale_outside(count) && !self.is_forked() {
            // (In the child of a fork a mark may be up for ever: its worker is in the parent.)
            let Some(stale) = self.queues.sweep() else { return };
            if self.tell_workers(true).is_err() {
                self.resolve_late(None);
            }
            let inside = stale.iter().filter(|entry| !entry.is_outside()).count();
            self.queues.count_stale_in_deques(worker, 0, inside);
            drop(stale);
        }
    }

    /// Takes one stale entry, which has left a queue, off the count.
    pub(crate) fn count_left(&self, worker: Option<usize>, outside: bool) {
        if outside {
            self.queues.uncount_stale_outside();
        } else {
            self.queues.count_stale_in_deques(worker, 0, 1);
        }
    }

    /// Tells the runners of batches and streams that work lies in a queue and no worker is
    /// idle. One of them gives way.
    #[inline]
    pub(super) fn call_runners(&self) {
        // edge ATTENTION fence: the work → the look of a runner that takes WORK away. Or: WORK
        // taken away by that runner → this look. The fence stands between the work and this
        // look, in `tell_workers` and in `stop_searching`.
        if self.attention.load(Ordering::Relaxed) & WORK == 0 {
            self.attention.fetch_or(WORK, Ordering::Relaxed);
        }
    }
}

impl PoolView for Sched {
    #[inline]
    fn stopping(&self) -> Option<Reason> {
        match self.stage() {
            Stage::Terminate => Some(Reason::Terminated),
            Stage::Broken => {
                let unknown = || Arc::new(Panic::new(Box::new("an initializer panicked")));
                Some(Reason::Broken(self.broken_by().map_or_else(unknown, Arc::clone)))
            }
            _ => None,
        }
    }

    fn attention(&self) -> Option<&AtomicU32> {
        Some(&self.attention)
    }

    fn put_back(&self, entry: TaskRef) {
        Self::put_back(self, entry);
    }

    fn entries_died(&self, outside: bool, count: usize) {
        self.count_dead(None, outside, count);
    }

    fn stale_entry_left(&self, outside: bool) {
        self.count_left(None, outside);
    }
}
