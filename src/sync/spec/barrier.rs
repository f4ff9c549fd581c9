//! The two fences of unequal cost: nothing to do, since the pool's words are sequentially
//! consistent here.

/// Orders this thread's accesses, for threads that pass the [`heavy`] fence.
pub(crate) fn light() {}

/// Orders the accesses of all threads, for threads that pass the [`light`] fence.
pub(crate) fn heavy() {}

/// Asks the system for nothing.
pub(crate) fn prepare() {}
