//! The pool as a worker's tasks see it.

use super::context::Context;
use crate::block::{PoolView, Reason, TaskRef};
use crate::sync::AtomicU32;

/// The pool view of the work that the loop itself runs.
impl PoolView for Context {
    fn stopping(&self) -> Option<Reason> {
        self.sched.stopping()
    }

    fn attention(&self) -> Option<&AtomicU32> {
        self.sched.attention()
    }

    /// Makes the worker a searcher before it wakes a thread, if it has nothing else to do. The
    /// woken thread may submit the next task before this worker looks again, and would wake
    /// another worker for it.
    fn about_to_wake(&self) {
        if self.deque.is_empty() && self.sched.queues.is_injector_empty() && !self.searching.get() {
            self.searching.set(self.sched.idle.try_search());
        }
    }

    fn gives_way(&self) -> bool {
        true
    }

    fn is_work_waiting(&self) -> bool {
        self.sched.queues.any_work()
    }

    fn is_work_left(&self) -> bool {
        self.sched.queues.any_work_for_sure()
    }

    fn give_way(&self, entry: Option<TaskRef>) {
        self.gave_way.set(true);
        entry.into_iter().for_each(|entry| self.sched.put_back(entry));
    }

    fn put_back(&self, entry: TaskRef) {
        self.sched.put_back(entry);
    }

    fn entries_died(&self, outside: bool, count: usize) {
        self.sched.count_dead(Some(self.index), outside, count);
    }

    fn stale_entry_left(&self, outside: bool) {
        self.sched.count_left(Some(self.index), outside);
    }
}

/// The pool view of the work that a task runs while it waits. Its worker does not return to
/// the loop, so it gives no way, and it wakes like any other thread.
pub(super) struct Inline<'a>(pub(super) &'a Context);

impl PoolView for Inline<'_> {
    fn stopping(&self) -> Option<Reason> {
        self.0.sched.stopping()
    }

    fn attention(&self) -> Option<&AtomicU32> {
        self.0.sched.attention()
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.sched.put_back(entry);
    }

    fn entries_died(&self, outside: bool, count: usize) {
        self.0.entries_died(outside, count);
    }

    fn stale_entry_left(&self, outside: bool) {
        self.0.stale_entry_left(outside);
    }
}
