//! The two fences of unequal cost, as what they promise and no more: a light and a heavy one order
//! each other's threads. A light fence and a SeqCst fence do not.
//!
//! Both touch one word by a read-modify-write, so one of the two comes first, and the other thread
//! sees what came before it. Two light fences order each other too, which the system's do not.

use super::execution::state;
use super::failure::dead;
use super::{Ordering, fence};

/// Orders this thread's accesses, for threads that pass the [`heavy`] fence.
pub(crate) fn light() {
    pass();
}

/// Orders the accesses of all threads, for threads that pass the [`light`] fence.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    pass();
}

/// Asks the system for nothing.
pub(crate) fn prepare() {}

fn pass() {
    if !dead() {
        state().barrier.fetch_add(0, Ordering::AcqRel);
    }
}
