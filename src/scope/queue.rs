//! The queue of a scope's tasks, which its frame and its entries take from.

use std::collections::VecDeque;
use std::mem;

use crate::block::{Stale, TaskRef};

/// In a queue of fewer tasks nothing is swept.
const SWEEP_FROM: usize = 32;

pub(super) struct Queue {
    /// The oldest first.
    pub(super) tasks: VecDeque<TaskRef>,
    /// How many entries lie in the pool's queues, or are on their way.
    pub(super) entries: usize,
    /// How often an entry has been asked whether it is stale, since the last sweep.
    asked: usize,
    /// With so many tasks it is time to look for those that their handles have claimed.
    sweep_at: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { tasks: VecDeque::new(), entries: 0, asked: 0, sweep_at: SWEEP_FROM }
    }

    /// Adds a task with its entry. Gives the tasks that have nothing left to do, if it was time to look for them: they are to be
    /// dropped without the lock.
    pub(super) fn push(&mut self, task: TaskRef) -> Vec<Stale> {
        let stale = if self.tasks.len() >= self.sweep_at { self.sweep() } else { Vec::new() };
        self.tasks.push_back(task);
        self.entries += 1;
        stale
    }

    fn sweep(&mut self) -> Vec<Stale> {
        let mut stale = Vec::new();
        for task in mem::take(&mut self.tasks) {
            match task.retire() {
                Ok(entry) => stale.push(entry),
                Err(alive) => self.tasks.push_back(alive),
            }
        }
        self.sweep_at = (2 * self.tasks.len()).max(SWEEP_FROM);
        self.asked = 0;
        stale
    }

    /// Whether there is an entry too many, which is counted no more then. Once this has been asked as often as there are tasks, those
    /// that their handles have claimed are looked for; they are to be dropped without the lock.
    pub(super) fn retire_entry(&mut self) -> (bool, Vec<Stale>) {
        self.asked += 1;
        let swept = if self.asked > self.tasks.len() { self.sweep() } else { Vec::new() };
        let stale = self.entries > self.tasks.len();
        self.entries -= usize::from(stale);
        (stale, swept)
    }
}
