//! What a caller does, on whatever thread it is: put work into the pool, and wait for what comes of it.

use super::context::{Place, help, place, push};
use crate::sched::Sched;
use crate::task::{Abort, Call, Outcome, ResultRef, SubmitErrorKind, Work};

/// Submits work that borrows nothing.
///
/// # Errors
///
/// The work, if the pool does not take it.
#[inline]
pub(crate) fn submit<W>(sched: &Sched, work: W) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
where
    W: Work + Send + 'static,
    W::Value: Send,
    W::Error: Send,
{
    // SAFETY: the work and its outcome are `Send` and borrow nothing.
    unsafe { submit_borrowing(sched, work) }
}

/// Submits work and waits for its outcome. The work may borrow from the caller's frames.
///
/// # Errors
///
/// The work, if the pool does not take it; [`SubmitErrorKind`] says why, and nothing stands for "waiting would never end".
pub(crate) fn call_and_wait<W>(
    sched: &Sched,
    work: W,
) -> Result<Outcome<W::Value, W::Error>, (Option<SubmitErrorKind>, W)>
where
    W: Work + Send,
    W::Value: Send,
    W::Error: Send,
{
    match place(sched.id) {
        // A worker would wait for what it can as well do itself.
        Place::Worker => match sched.refusal(true) {
            None => return Ok(work.run()),
            Some(kind) => return Err((Some(kind), work)),
        },
        Place::Member => return Err((None, work)),
        Place::Outside => {}
    }
    // SAFETY: the work is `Send`, and this frame does not end before the task is DONE: nothing below returns or unwinds
    // before the wait is over.
    let result = unsafe { submit_borrowing(sched, work) }.map_err(|(kind, work)| (Some(kind), work))?;
    let guard = Abort("a wait for borrowed work unwound");
    let done = result.wait(None);
    assert!(done, "a wait without a limit ends with DONE");
    guard.disarm();
    Ok(result.take_done().unwrap_or_else(|_| unreachable!("DONE was seen")))
}

/// # Safety
///
/// As for [`Call::new`].
#[inline]
unsafe fn submit_borrowing<W: Work>(
    sched: &Sched,
    work: W,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    if let Some(kind) = sched.refusal(place(sched.id) == Place::Worker) {
        return Err((kind, work)); // [LIFE-1]
    }
    // SAFETY: the caller's contract.
    let (task, result) = unsafe { Call::new(work, sched.id) };
    match push(sched, [task]) {
        Ok(()) => Ok(result),
        // SAFETY: the handle is the one that `Call::<W>::new` made above.
        Err(kind) => match unsafe { Call::<W>::take_back(result) } {
            Ok(work) => Err((kind, work)),
            // Somebody took it after all, and has resolved it or is about to.
            Err(result) => Ok(result),
        },
    }
}

/// Waits without a time limit: as a worker of the pool, by doing what nobody has started. False where it could only be for
/// ever: for a task that is running below on this stack, or on a thread of the pool that runs no tasks.
#[inline]
pub(crate) fn wait_for<T, E>(result: &ResultRef<T, E>) -> bool {
    if result.load().is_done() {
        return true;
    }
    if result.is_running_here() {
        return false;
    }
    match place(result.pool()) {
        Place::Worker => help(result),
        Place::Member => return false,
        Place::Outside => {}
    }
    result.wait(None)
}
