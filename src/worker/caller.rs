//! What a caller does, on whatever thread it is: put work into the pool, and wait for what comes of it.

use std::time::Duration;

use super::context::{Place, as_host, help, place, push, take_back};
use crate::sched::{Permit, Sched, WhenFull};
use crate::sync::identity;
use crate::task::{
    Abort, Batch, Call, Cut, Mapping, Outcome, Placed, ResultRef, SubmitErrorKind, Tokens, Work,
};

/// How long a worker that is awake may take to begin.
const BEGINNING: Duration = Duration::from_micros(1);
/// A batch that one worker finishes within this time is not worth waking another for it, which takes the waker about as long.
const ALONE: Duration = Duration::from_micros(5);

/// How a submission is tied to the frame that makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tie {
    /// The frame does not end before the work is done: a blocking call, or a task of a scope.
    Nested,
    /// The submitter gets a handle, or a stream, and goes on.
    Async,
}

/// Whether a submission may come in though the pool is CLOSED: from its own workers, so that
/// accepted work can finish. A strict pool then takes only what its submitter waits for. [LIFE-1]
#[inline]
pub(super) fn outlasts_close(sched: &Sched, place: Place, tie: Tie) -> bool {
    place == Place::Worker && (tie == Tie::Nested || !sched.is_strict())
}

/// Whether a submission would be refused now, and why. [LIFE-1]
#[inline]
fn refusal(sched: &Sched, place: Place, tie: Tie) -> Result<(), SubmitErrorKind> {
    sched.refusal(outlasts_close(sched, place, tie)).map_or(Ok(()), Err)
}

/// Lets a submission from a thread in, or says why not. In a pool with a limit it needs a place, unless a worker submits. Only
/// outside the pool does it wait for one: one of the pool's own threads would wait for itself. [LIFE-1]
#[inline]
pub(super) fn admit(
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

/// Whether the pool would take a batch from this thread now. The submitter asks before it reads the
/// input, and the pool looks once more when the batch is submitted. [LIFE-1]
///
/// # Errors
///
/// Why not.
pub(crate) fn may_submit(sched: &Sched) -> Result<(), SubmitErrorKind> {
    refusal(sched, place(sched.id), Tie::Async)
}

/// As [`may_submit`], for a batch that is to be waited for.
///
/// # Errors
///
/// Why not; nothing stands for "waiting would never end".
pub(crate) fn may_wait(sched: &Sched) -> Result<(), Option<SubmitErrorKind>> {
    let place = place(sched.id);
    refusal(sched, place, Tie::Nested).map_err(Some)?;
    if place == Place::Member { Err(None) } else { Ok(()) }
}

/// Submits work that borrows nothing, once there is space for it.
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
    unsafe { submit_borrowing(sched, work, WhenFull::Wait) }
}

/// As [`submit`], and a full pool refuses.
///
/// # Errors
///
/// The work, if the pool does not take it.
pub(crate) fn submit_nonblocking<W>(
    sched: &Sched,
    work: W,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
where
    W: Work + Send + 'static,
    W::Value: Send,
    W::Error: Send,
{
    // SAFETY: the work and its outcome are `Send` and borrow nothing.
    unsafe { submit_borrowing(sched, work, WhenFull::Refuse) }
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
    let place = place(sched.id);
    if let Err(kind) = refusal(sched, place, Tie::Nested) {
        return Err((Some(kind), work));
    }
    match place {
        // A worker would wait for what it can as well do itself.
        Place::Worker => return Ok(work.run().0),
        Place::Member => return Err((None, work)),
        Place::Outside => {}
    }
    // SAFETY: the work is `Send`, and this frame does not end before the task is DONE: nothing below returns or unwinds
    // before the wait is over.
    let result = unsafe { submit_borrowing(sched, work, WhenFull::Wait) }
        .map_err(|(kind, work)| (Some(kind), work))?;
    Ok(outcome_of_borrowed(result))
}

/// Waits for work that may borrow from the caller's frames: returns after DONE and never unwinds before.
fn outcome_of_borrowed<T, E>(result: ResultRef<T, E>) -> Outcome<T, E> {
    let guard = Abort("a wait for borrowed work unwound");
    let done = result.wait(None);
    assert!(done, "a wait without a limit ends with DONE");
    guard.disarm();
    result.take_done().unwrap_or_else(|_| unreachable!("DONE was seen"))
}

/// # Safety
///
/// As for [`Call::create`].
#[inline]
unsafe fn submit_borrowing<W: Work>(
    sched: &Sched,
    work: W,
    when_full: WhenFull,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    let place = place(sched.id);
    let outside = place != Place::Worker;
    match admit(sched, place, Tie::Async, when_full) {
        // SAFETY: the caller's contract.
        Ok(None) => unsafe { push_call(sched, work, outside) },
        Ok(Some(place)) => {
            // SAFETY: the caller's contract.
            unsafe { push_call(sched, Placed { work, place }, outside) }
                .map_err(|(kind, placed)| (kind, placed.work))
        }
        Err(kind) => Err((kind, work)),
    }
}

/// # Safety
///
/// As for [`Call::create`].
#[inline]
unsafe fn push_call<W: Work>(
    sched: &Sched,
    work: W,
    outside: bool,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    // SAFETY: the caller's contract.
    let (task, result) = unsafe { Call::create(work, sched.id, outside) };
    match push(sched, [task]) {
        Ok(()) => Ok(result),
        // SAFETY: the handle is the one that `Call::<W>::create` made above.
        Err(kind) => match unsafe { Call::<W>::take_back(result) } {
            Ok(work) => Err((kind, work)),
            // Somebody took it after all, and has resolved it or is about to.
            Err(result) => Ok(result),
        },
    }
}

/// As [`admit`], and a batch without items, which no worker gets to see, waits for nothing.
fn admit_batch(
    sched: &Sched,
    place: Place,
    tie: Tie,
    empty: bool,
) -> Result<Option<Permit>, SubmitErrorKind> {
    if empty { refusal(sched, place, tie).map(|()| None) } else { admit(sched, place, tie, WhenFull::Wait) }
}

/// Puts up to `count` tokens into queues. `limited` says that they hold places there, the first of them that of `permit` if it
/// is there.
///
/// # Errors
///
/// As for [`push`].
fn push_tokens(
    sched: &Sched,
    limited: bool,
    permit: Option<Permit>,
    tokens: &mut Tokens,
    count: u32,
) -> Result<(), SubmitErrorKind> {
    if limited {
        sched.inject_with_places(permit, tokens.uncounted(count))
    } else {
        push(sched, tokens.take(count as usize))
    }
}

/// Submits a batch that borrows nothing, once there is space for it.
///
/// # Errors
///
/// Function and items, if the pool does not take them.
pub(crate) fn submit_map<M>(
    sched: &Sched,
    mapping: M,
    items: Vec<M::Item>,
    cut: Cut,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, (SubmitErrorKind, M, Vec<M::Item>)>
where
    M: Mapping + Send + 'static,
    M::Item: Send + 'static,
    M::Value: Send,
    M::Error: Send,
{
    let (place, empty) = (place(sched.id), items.is_empty());
    let permit = match admit_batch(sched, place, Tie::Async, empty) {
        Ok(permit) => permit,
        Err(kind) => return Err((kind, mapping, items)),
    };
    let places = permit.as_ref().and_then(Permit::places);
    let (runners, outside) = (sched.queues.workers(), place != Place::Worker);
    // SAFETY: all parts are `Send` and borrow nothing, and `Mapping` asks that `each` may be called by several threads.
    let (mut tokens, result) =
        unsafe { Batch::create(mapping, items, cut, runners, sched.id, outside, places) };
    if empty {
        // Ready at once: there is nothing for a worker to do but the callback.
        tokens.for_each(|token| token.run(sched));
        return Ok(result);
    }
    match push_tokens(sched, permit.is_some(), permit, &mut tokens, u32::MAX) {
        Ok(()) => Ok(result),
        // SAFETY: the handle is the one that `Batch::<M>::create` made above.
        Err(kind) => match unsafe { Batch::<M>::take_back(result) } {
            Ok((mapping, items)) => Err((kind, mapping, items)),
            // A runner has begun: it was accepted, and the pool's end resolves the rest.
            Err(result) => Ok(result),
        },
    }
}

/// Submits a batch and waits for its outcome. Function and items may borrow from the caller's frames. A worker of the pool
/// takes part in the work instead of waiting.
///
/// # Errors
///
/// If the pool does not take it: why, and nothing stands for "waiting would never end".
pub(crate) fn map_and_wait<M>(
    sched: &Sched,
    mapping: M,
    items: Vec<M::Item>,
    cut: Cut,
) -> Result<Outcome<Vec<M::Value>, M::Error>, Option<SubmitErrorKind>>
where
    M: Mapping + Send,
    M::Item: Send,
    M::Value: Send,
    M::Error: Send,
{
    let place = place(sched.id);
    let empty = items.is_empty();
    let permit = admit_batch(sched, place, Tie::Nested, empty).map_err(Some)?;
    if place == Place::Member {
        return Err(None);
    }
    let limited = permit.is_some();
    let places = permit.as_ref().and_then(Permit::places);
    let (runners, outside) = (sched.queues.workers(), place != Place::Worker);
    // SAFETY: all parts are `Send`, `Mapping` asks that `each` may be called by several threads, and this frame does not end
    // before the batch is DONE or taken back: nothing below returns or unwinds before.
    let (mut tokens, mut result) =
        unsafe { Batch::create(mapping, items, cut, runners, sched.id, outside, places) };
    let guard = Abort("a submission of borrowed work unwound");
    if place == Place::Worker || empty {
        let own = tokens.next().expect("a batch has a token");
        let shown = tokens.len();
        if shown > 0 {
            // Refused or not: what nobody else takes, this worker does, or skips if the pool is over.
            let _ = push(sched, &mut tokens);
        }
        as_host(sched, |host| own.run(host));
        if sched.is_forked() && !result.load().is_done() {
            // An item has forked, and this is the child. Nothing here runs or drops what is left
            // of the batch, so the frame may end before it.
            guard.disarm();
            std::mem::forget(result);
            return Err(None);
        }
        take_back(sched.id, result.id(), shown);
    } else if let Err(kind) = show(sched, permit, &mut tokens, &result) {
        // SAFETY: the handle is the one that `Batch::<M>::create` made above.
        match unsafe { Batch::<M>::take_back(result) } {
            Ok(_) => {
                // SAFETY: they are of the batch made above, which was taken back.
                unsafe { Batch::<M>::give_up(tokens) };
                guard.disarm();
                return Err(Some(kind));
            }
            Err(accepted) => {
                // A worker has begun. The others may take part, as if they had been shown at once.
                let _ = push_tokens(sched, limited, None, &mut tokens, u32::MAX);
                result = accepted;
            }
        }
    }
    // SAFETY: they are of the batch made above. If any are left, it is DONE.
    unsafe { Batch::<M>::give_up(tokens) };
    guard.disarm();
    Ok(outcome_of_borrowed(result))
}

/// Shows a batch to the pool from outside. A worker that is awake may be done with it before another one has been woken: it is shown
/// the first entry alone, and the others see the rest if the batch turns out to be worth it. A worker that is asleep wakes the
/// others itself, when this thread has gone to sleep and left its processor to them.
///
/// Ok: it was pushed and will be taken; what is left of `tokens` is not needed, since the batch is DONE.
///
/// # Errors
///
/// As for [`push`]: what was pushed may be taken or not. The rest is left.
fn show<T, E>(
    sched: &Sched,
    permit: Option<Permit>,
    tokens: &mut Tokens,
    result: &ResultRef<T, E>,
) -> Result<(), SubmitErrorKind> {
    let limited = permit.is_some();
    let first = if sched.idle.is_anyone_searching() { 1 } else { u32::MAX };
    push_tokens(sched, limited, permit, tokens, first)?;
    if tokens.len() > 0 && !result.spin(BEGINNING, ALONE) {
        // Refused or not: who has the first token does what nobody else takes.
        let _ = push_tokens(sched, limited, None, tokens, u32::MAX);
        // At once: whoever is woken next may want this processor.
        result.sleep(None);
    }
    Ok(())
}

/// Waits without a time limit: as a worker of the pool, by doing what nobody has started. False where it could only be for
/// ever: for a task that is running below on this stack, or on a thread of the pool that runs no tasks.
#[inline]
pub(crate) fn wait_for<T, E>(result: &ResultRef<T, E>) -> bool {
    if result.load().is_done() {
        return true;
    }
    if result.is_running_here() || identity::is_forked(result.pool()) {
        return false;
    }
    match place(result.pool()) {
        Place::Worker => {
            help(result);
            if identity::is_forked(result.pool()) && !result.load().is_done() {
                // An item of it has forked, and this is the child.
                return false;
            }
        }
        Place::Member => return false,
        Place::Outside => {}
    }
    result.wait(None)
}

/// As a worker of the task's pool: does what nobody has started of it. Says whether there was anything.
pub(crate) fn help_with<T, E>(result: &ResultRef<T, E>) -> bool {
    !result.load().is_done()
        && !is_foreign(result.pool())
        && place(result.pool()) == Place::Worker
        && help(result)
}

/// Whether a pool's workers are in another process.
pub(crate) fn is_foreign(pool: u32) -> bool {
    identity::is_forked(pool)
}
