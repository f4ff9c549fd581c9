//! The queue of a scope's tasks. The scope's frame and its entries take tasks from it.

use std::collections::VecDeque;
use std::mem;

use crate::block::{Stale, TaskRef};
use crate::sync::step::Passage;

/// A submitter sweeps no queue of fewer tasks.
const SWEEP_FROM: usize = 32;

pub(super) struct Queue {
    /// The tasks, the oldest first.
    tasks: VecDeque<(TaskRef, Passage)>,
    /// How many entries of the scope lie in the pool's queues, or are on their way there.
    pub(super) entries: usize,
    /// How often a thread has asked whether an entry is stale, since the last sweep.
    asked: usize,
    /// With so many tasks it is time to look for the tasks that their handles have claimed.
    sweep_at: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { tasks: VecDeque::new(), entries: 0, asked: 0, sweep_at: SWEEP_FROM }
    }

    /// Adds a task, and counts its entry.
    ///
    /// If it is time to look for tasks that have nothing left to do, it gives them to the
    /// caller. The caller must drop them without the lock.
    pub(super) fn push(&mut self, task: TaskRef) -> Vec<Stale> {
        let stale = if self.tasks.len() >= self.sweep_at { self.sweep() } else { Vec::new() };
        self.tasks.push_back((task, Passage::begin()));
        self.entries += 1;
        stale
    }

    /// Takes the oldest task.
    pub(super) fn pop(&mut self) -> Option<TaskRef> {
        let (task, passage) = self.tasks.pop_front()?;
        passage.end();
        Some(task)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    fn sweep(&mut self) -> Vec<Stale> {
        let mut stale = Vec::new();
        for (task, passage) in mem::take(&mut self.tasks) {
            match task.retire() {
                Ok(entry) => stale.push(entry),
                Err(alive) => self.tasks.push_back((alive, passage)),
            }
        }
        self.sweep_at = (2 * self.tasks.len()).max(SWEEP_FROM);
        self.asked = 0;
        stale
    }

    /// Says whether there is an entry too many, and if so takes it out of the count.
    ///
    /// If threads have asked this more often than there are tasks, it looks for the tasks that
    /// their handles have claimed, and gives them to the caller. The caller must drop them
    /// without the lock.
    pub(super) fn retire_entry(&mut self) -> (bool, Vec<Stale>) {
        self.asked += 1;
        let swept = if self.asked > self.tasks.len() { self.sweep() } else { Vec::new() };
        let stale = self.entries > self.tasks.len();
        self.entries -= usize::from(stale);
        (stale, swept)
    }
}
