//! What a model thread sleeps on in the table of timed waits: a word of its own.

use super::clock::Deadline;
use super::{AtomicU32, Ordering, futex};
use std::sync::Arc;

pub(crate) struct Parker(AtomicU32);

/// Makes one: each sleep has its own.
pub(crate) fn take(_table: usize) -> Arc<Parker> {
    Arc::new(Parker(AtomicU32::new(0)))
}

pub(crate) fn put_back(_parker: Arc<Parker>) {}

impl Parker {
    /// Blocks the caller until it is unparked or the deadline has passed. Says whether it was
    /// unparked.
    pub(crate) fn park_until(&self, deadline: &Deadline) -> bool {
        loop {
            // Relaxed: the table promises no order.
            if self.0.load(Ordering::Relaxed) == 1 {
                return true;
            }
            if deadline.passed() {
                return false;
            }
            futex::wait_until(&self.0, 0, deadline);
        }
    }

    pub(crate) fn unpark(&self) {
        self.0.store(1, Ordering::Relaxed);
        futex::wake_one(&self.0);
    }
}
