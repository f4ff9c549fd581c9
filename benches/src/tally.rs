//! How a submitter knows that all tasks have run whose results it does not take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

/// Counts tasks that have run, and wakes its owner when all have. It is one word for all of them:
/// some tens of nanoseconds per task, in the figures of each contestant.
#[derive(Debug)]
pub struct Tally {
    ran: AtomicU64,
    all: AtomicU64,
    owner: Thread,
}

impl Tally {
    /// A tally that tasks may name, and that this thread waits for.
    #[must_use]
    pub fn forever() -> &'static Self {
        Box::leak(Box::new(Self {
            ran: AtomicU64::new(0),
            all: AtomicU64::new(0),
            owner: thread::current(),
        }))
    }

    /// Begins a round of so many tasks, when those of the last round have run.
    pub fn expect(&self, tasks: u64) {
        self.ran.store(0, Ordering::Relaxed);
        self.all.store(tasks, Ordering::Relaxed);
    }

    /// One task has run.
    pub fn note(&self) {
        // The round began before its tasks were submitted, so its size is what is read here.
        if self.ran.fetch_add(1, Ordering::Release) + 1 == self.all.load(Ordering::Relaxed) {
            self.owner.unpark();
        }
    }

    /// Waits for all tasks of the round, and gives their number.
    pub fn wait(&self) -> u64 {
        while self.ran.load(Ordering::Acquire) < self.all.load(Ordering::Relaxed) {
            thread::park();
        }
        self.ran.load(Ordering::Relaxed)
    }
}
