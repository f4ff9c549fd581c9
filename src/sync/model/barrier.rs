//! The two fences of unequal cost, as what they promise together: SeqCst fences.

use super::{Ordering, fence};

/// Orders this thread's accesses, for threads that pass the [`heavy`] fence.
pub(crate) fn light() {
    fence(Ordering::SeqCst);
}

/// Orders the accesses of all threads, for threads that pass the [`light`] fence.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
}

/// Asks the system for nothing.
pub(crate) fn prepare() {}
