//! The pool view: what a block's code asks of the pool that runs it.

use super::error::Reason;
use super::header::TaskRef;
use crate::sync::{AtomicU32, Ordering, fence};

/// A bit of the attention word: the pool gives up the work that has not begun.
pub(crate) const STOP: u32 = 1;
/// A bit of the attention word: a thread has submitted work while every worker was busy.
pub(crate) const WORK: u32 = 2;

/// Says why the pool gives up the work that has not begun, if it does. A runner of a stream
/// asks before each item.
#[inline]
pub(crate) fn stop_reason(view: &dyn PoolView) -> Option<Reason> {
    match view.attention() {
        // Relaxed: a request, which carries nothing.
        Some(word) if word.load(Ordering::Relaxed) & STOP == 0 => None,
        _ => {
            // edge STOP acquire: the stage, from the thread that ended the pool → this runner,
            // which has seen STOP.
            fence(Ordering::Acquire);
            view.stopping()
        }
    }
}

/// The pool view: a pool, or a worker of it, as the work sees it.
pub(crate) trait PoolView {
    /// Says why the pool gives up unstarted work, once it does.
    fn stopping(&self) -> Option<Reason>;

    /// Returns the word that a runner looks at before each item. [`STOP`] is up once
    /// [`stopping`](Self::stopping) has an answer. [`WORK`] is up once a thread has submitted
    /// work while every worker was busy. None says that neither bit will ever be up.
    fn attention(&self) -> Option<&AtomicU32> {
        None
    }

    /// Tells the view that the caller is about to wake a thread that waits for the work. After
    /// the wake-up the caller runs no more user code before it returns to its loop.
    fn about_to_wake(&self) {}

    /// Says whether a worker's loop runs the work. Such a worker can begin other work instead.
    fn gives_way(&self) -> bool {
        false
    }

    /// Says whether there is other work to begin, by a look that may be old. The caller asks
    /// only if the view gives way.
    fn is_work_waiting(&self) -> bool {
        false
    }

    /// Says whether there is other work to begin, by a look that misses no work whose submitter
    /// has not seen what the caller did before its last SeqCst fence.
    fn is_work_left(&self) -> bool {
        self.is_work_waiting()
    }

    /// Makes the calling worker begin other work before it takes this entry, or any other that
    /// was put back. None says that nothing is put back: another entry of the work lies in a
    /// queue already, or the work has ended.
    fn give_way(&self, entry: Option<TaskRef>) {
        entry.into_iter().for_each(|entry| self.put_back(entry));
    }

    /// Puts an entry where every worker looks before it takes anything from outside. In a pool
    /// with a limit the entry may go into the injector or the line instead.
    fn put_back(&self, entry: TaskRef);

    /// Tells the view that entries have become stale. They lie in the queue for submissions
    /// from outside, or in a worker's deque.
    fn entries_died(&self, _outside: bool, _count: usize) {}

    /// Tells the view that a stale entry has left such a queue.
    fn stale_entry_left(&self, _outside: bool) {}
}

/// The pool view of threads that resolve work without running it, and of tests. It never stops
/// the work, and hears of nothing.
pub(crate) struct Nobody;

impl PoolView for Nobody {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        unreachable!("nobody who hosts nothing calls for help with {entry:?}")
    }
}
