//! Waits for the outcome of submitted work. A worker does the awaited work itself where no
//! other thread has begun it.

use super::context::help;
use super::current::{CallerKind, caller_kind};
use crate::block::{Abort, Outcome, ResultRef};
use crate::sched::end_burst;
use crate::sync::identity;

/// Waits for the outcome without a time limit. A worker of the pool first does the parts of
/// the work that no thread has started.
///
/// Returns false where the wait could never end: for a task that runs below on this stack, on
/// a thread of the pool that runs no tasks, and in the child of a fork.
#[inline]
pub(crate) fn wait_for<T, E>(result: &ResultRef<T, E>) -> bool {
    if result.load().is_done() {
        return true;
    }
    if result.is_running_here() || identity::is_forked(result.pool()) {
        return false;
    }
    match caller_kind(result.pool()) {
        CallerKind::Worker => {
            help(result);
            if result.load().is_done() {
                return true;
            }
            if identity::is_forked(result.pool()) {
                // An item of the work has forked, and this is the child.
                return false;
            }
        }
        CallerKind::Member => return false,
        CallerKind::Outside => end_burst(),
    }
    result.wait(None)
}

/// Does the parts of the work that no thread has started, if the caller is a worker of its
/// pool. Returns whether there was anything to do.
pub(crate) fn help_with<T, E>(result: &ResultRef<T, E>) -> bool {
    !result.load().is_done()
        && !is_foreign(result.pool())
        && caller_kind(result.pool()) == CallerKind::Worker
        && help(result)
}

/// Waits for work that may borrow from the caller's frames. It returns after DONE and never
/// unwinds before.
pub(crate) fn outcome_of_borrowed<T, E>(result: ResultRef<T, E>) -> Outcome<T, E> {
    let guard = Abort("a wait for borrowed work unwound");
    let done = result.wait(None);
    assert!(done, "a wait without a limit ends with DONE");
    guard.disarm();
    result.take_done().unwrap_or_else(|_| unreachable!("DONE was seen"))
}

/// Says whether a pool's workers are in another process.
pub(crate) fn is_foreign(pool: u32) -> bool {
    identity::is_forked(pool)
}
