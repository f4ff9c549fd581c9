//! Waits for the outcome of submitted work. A worker does the awaited work itself where no
//! other thread has begun it.

use super::context::help;
use super::current::{CallerKind, caller_kind};
use crate::block::{Abort, Outcome, ResultRef};
use crate::sched::end_burst;
use crate::sync::{futex, identity};

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
        CallerKind::Outside => {
            end_burst();
            // The worker that this thread has woken may be waiting for this very processor.
            if futex::has_woken() && !result.load().is_claimed() {
                return result.sleep(None);
            }
        }
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
    end_burst();
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::submit::submit;
    use super::*;
    use crate::block::Job;
    use crate::sched::{Sched, in_burst};

    #[test]
    fn a_wait_that_blocks_ends_the_burst_and_a_result_that_is_there_does_not() {
        let (sched, _deques) = Sched::new(1);
        let call = || submit(&sched, Job::plain(|| 7), None).unwrap_or_else(|_| panic!("it runs"));
        let run = || sched.queues.take_injected(0).expect("it is queued").run(&sched);
        let there = call();
        run();
        assert!(wait_for(&there) && in_burst());
        // The other thread may be so fast that the result is there before the wait.
        let blocks = |_: &i32| {
            let result = call();
            std::thread::scope(|scope| {
                scope.spawn(run);
                assert!(wait_for(&result));
            });
            !in_burst()
        };
        assert!((0..1_000).any(|attempt| blocks(&attempt)));
    }
}
