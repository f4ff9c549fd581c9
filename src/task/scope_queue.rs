//! The queue of a scope's tasks, which its frame and its tokens take from.

use std::collections::VecDeque;
use std::mem;

use super::header::{Stale, TaskRef};

/// In a queue of fewer tasks nothing is swept.
const SWEEP_FROM: usize = 32;

pub(super) struct Queue {
    /// The oldest first.
    pub(super) tasks: VecDeque<TaskRef>,
    /// How many tokens lie in the pool's queues, or are on their way.
    pub(super) tokens: usize,
    /// With so many tasks it is time to look for those that their handles have claimed.
    sweep_at: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { tasks: VecDeque::new(), tokens: 0, sweep_at: SWEEP_FROM }
    }

    /// Adds a task with its token. Gives the tasks that have nothing left to do, if it was time to look for them: they are to be
    /// dropped without the lock.
    pub(super) fn push(&mut self, task: TaskRef) -> Vec<Stale> {
        let mut stale = Vec::new();
        if self.tasks.len() >= self.sweep_at {
            for task in mem::take(&mut self.tasks) {
                match task.retire() {
                    Ok(entry) => stale.push(entry),
                    Err(alive) => self.tasks.push_back(alive),
                }
            }
            self.sweep_at = (2 * self.tasks.len()).max(SWEEP_FROM);
        }
        self.tasks.push_back(task);
        self.tokens += 1;
        stale
    }
}
