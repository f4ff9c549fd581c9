//! Puts work into the pool: asks whether it takes it, waits for a place if it has a limit, and pushes the entry.

use super::context::push;
use super::current::{Caller, Place, with_caller};
use crate::block::{Call, Placed, ResultRef, SubmitErrorKind, TaskRef, Work};
use crate::sched::{Permit, Sched, WhenFull};

/// How a submission is tied to the frame that makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tie {
    /// The frame does not end before the work is done: a blocking call, or a task of a scope.
    Nested,
    /// The submitter gets a handle, or a stream, and goes on.
    Async,
}

/// Whether a submission may come in though the pool is CLOSED: from its own workers, so that
/// accepted work can finish. A strict pool then takes only what its submitter waits for. [LIFE-1]
#[inline]
pub(crate) fn outlasts_close(sched: &Sched, place: Place, tie: Tie) -> bool {
    place == Place::Worker && (tie == Tie::Nested || !sched.is_strict())
}

/// Whether a submission would be refused now, and why. [LIFE-1]
///
/// # Errors
///
/// Why not.
#[inline]
pub(crate) fn refusal(sched: &Sched, place: Place, tie: Tie) -> Result<(), SubmitErrorKind> {
    sched.refusal(outlasts_close(sched, place, tie)).map_or(Ok(()), Err)
}

/// Lets a submission from a thread in, or says why not. In a pool with a limit it needs a place, unless a worker submits. Only
/// outside the pool does it wait for one: one of the pool's own threads would wait for itself. [LIFE-1]
///
/// # Errors
///
/// Why not.
#[inline]
pub(crate) fn admit(
    sched: &Sched,
    place: Place,
    tie: Tie,
    when_full: WhenFull,
) -> Result<Option<Permit>, SubmitErrorKind> {
    match place {
        Place::Outside => sched.admit(when_full),
        Place::Worker => refusal(sched, place, tie).map(|()| None),
        Place::Member => sched.admit_member(),
    }
}

/// What becomes of a submission that was pushed: accepted, or, if the push came too late and no worker has claimed the work, taken
/// back.
///
/// # Errors
///
/// Why the pool does not take it, and what `take_back` gave.
#[inline]
pub(crate) fn accepted<R, B>(
    pushed: Result<(), SubmitErrorKind>,
    result: R,
    take_back: impl FnOnce(R) -> Result<B, R>,
) -> Result<R, (SubmitErrorKind, B)> {
    match pushed {
        Ok(()) => Ok(result),
        Err(kind) => match take_back(result) {
            Ok(back) => Err((kind, back)),
            // A worker has claimed it, and has resolved it or is about to.
            Err(result) => Ok(result),
        },
    }
}

/// Submits work that borrows nothing.
///
/// # Errors
///
/// The work, if the pool does not take it.
#[inline]
pub(crate) fn submit<W>(
    sched: &Sched,
    work: W,
    when_full: WhenFull,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
where
    W: Work + Send + 'static,
    W::Value: Send,
    W::Error: Send,
{
    // SAFETY: the work and its outcome are `Send` and borrow nothing.
    unsafe { submit_borrowing(sched, work, Tie::Async, when_full, |task| task) }
}

/// Submits work, once there is a place for it or as `when_full` says. `entry` makes of the task what is to go into a queue.
///
/// # Errors
///
/// The work, if the pool does not take it.
///
/// # Safety
///
/// As for [`Call::create`].
#[inline]
pub(crate) unsafe fn submit_borrowing<W: Work>(
    sched: &Sched,
    work: W,
    tie: Tie,
    when_full: WhenFull,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    with_caller(sched.id, |caller| match admit(sched, caller.place(), tie, when_full) {
        // SAFETY: the caller's contract.
        Ok(None) => unsafe { push_call(sched, caller, work, entry) },
        Ok(Some(place)) => {
            // SAFETY: the caller's contract.
            unsafe { push_call(sched, caller, Placed { work, place }, entry) }
                .map_err(|(kind, placed)| (kind, placed.work))
        }
        Err(kind) => Err((kind, work)),
    })
}

/// # Safety
///
/// As for [`Call::create`].
#[inline]
unsafe fn push_call<W: Work>(
    sched: &Sched,
    caller: Caller<'_>,
    work: W,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    // SAFETY: the caller's contract.
    let (task, result) = unsafe { Call::create(work, sched.id, caller.is_outside()) };
    let pushed = push(sched, caller, [entry(task)]);
    // SAFETY: the handle is the one that `Call::<W>::create` made above.
    accepted(pushed, result, |result| unsafe { Call::<W>::take_back(result) })
}
