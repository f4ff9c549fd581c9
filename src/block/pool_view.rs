//! What a block's code asks of the pool that runs it.

use super::error::Reason;
use super::header::TaskRef;
use crate::sync::AtomicU32;

/// In the attention word: the pool gives up what has not begun.
pub(crate) const STOP: u32 = 1;
/// In the attention word: work was submitted while every worker was busy.
pub(crate) const WORK: u32 = 2;

/// A pool, or a worker of it, as the work sees it.
pub(crate) trait PoolView {
    /// Set once the pool gives up unstarted work.
    fn stopping(&self) -> Option<Reason>;

    /// The word that a runner looks at before each item: [`STOP`] is up once [`stopping`](Self::stopping) has an answer, [`WORK`] once
    /// somebody has submitted work while every worker was busy. None: neither will ever be.
    fn attention(&self) -> Option<&AtomicU32> {
        None
    }

    /// Which worker of its pool the calling thread is.
    fn worker(&self) -> Option<usize> {
        None
    }

    /// Somebody who waits for the work is about to be woken, and once that is done whoever runs it returns to its loop without
    /// another line of user code.
    fn about_to_wake(&self) {}

    /// Whether a worker's loop runs the work, which can begin something else in its stead.
    fn gives_way(&self) -> bool {
        false
    }

    /// Whether there is something else to begin, by a look that may be old. Only asked where the view gives way.
    fn is_work_waiting(&self) -> bool {
        false
    }

    /// The calling worker is to begin something else before it takes this entry, or any other of its kind, again. None: another entry
    /// of the work lies in a queue already.
    fn give_way(&self, entry: Option<TaskRef>) {
        entry.into_iter().for_each(|entry| self.put_back(entry));
    }

    /// Puts an entry where every worker looks before it takes anything from outside.
    fn put_back(&self, entry: TaskRef);

    /// So many entries, which lie in the queue for submissions from outside or in a worker's deque, have become stale.
    fn entries_died(&self, _outside: bool, _count: usize) {}

    /// A stale entry has been taken out of such a queue.
    fn stale_entry_left(&self, _outside: bool) {}
}

/// A view that never stops and wants to hear nothing: of whoever resolves work without running it, and of tests.
pub(crate) struct Nobody;

impl PoolView for Nobody {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        unreachable!("nobody who hosts nothing calls for help with {entry:?}")
    }
}
