//! Puts work into the pool: asks whether the pool takes it, waits for a place if the pool has
//! a limit, and pushes the entry.

use super::context::push;
use super::current::{Caller, CallerKind, with_caller};
use crate::block::{
    Call, Outcome, Placed, ResultRef, SubmitErrorKind, TaskRef, Watched, Work, in_span, out_of_span,
};
use crate::numbers::Books;
use crate::sched::{Permit, Reservation, Sched, WhenFull};
use crate::sync::futex;

/// Says how a submission is tied to the frame that makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tie {
    /// The frame does not end before the work is done: a blocking call, or a task of a scope.
    Nested,
    /// The submitter gets a handle, or a stream, and goes on.
    Async,
}

/// Says whether a submission may come in though the pool is CLOSED. The pool's own workers may
/// submit then, so that accepted work can finish. A strict pool then takes from them only the
/// work that its submitter waits for. [LIFE-1]
#[inline]
pub(crate) fn outlasts_close(sched: &Sched, kind: CallerKind, tie: Tie) -> bool {
    kind == CallerKind::Worker && (tie == Tie::Nested || !sched.is_strict())
}

/// Says whether the pool would refuse a submission now, and why. [LIFE-1]
///
/// # Errors
///
/// The caller gets the reason, if the pool would refuse.
#[inline]
pub(crate) fn refusal(sched: &Sched, kind: CallerKind, tie: Tie) -> Result<(), SubmitErrorKind> {
    sched.refusal(outlasts_close(sched, kind, tie)).map_or(Ok(()), Err)
}

/// How a submission comes by its place, in a pool with a limit.
pub(crate) enum Entrance {
    /// The submission asks for a place. Without a word on what to do while the pool is full, the
    /// pool's builder has said it.
    Ask(Option<WhenFull>),
    /// A permit was used. It has no reservation if the pool has no limit, or if one of the pool's
    /// own threads has made it.
    Permit(Option<Reservation>),
}

impl Entrance {
    /// Sets what to do while the pool is full. A permit has its place already.
    pub(crate) fn set(&mut self, when_full: WhenFull) {
        if let Self::Ask(said) = self {
            *said = Some(when_full);
        }
    }

    /// Says how the work may ask again if the pool refuses it now. A permit is used by then.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Ask(when_full) => Self::Ask(*when_full),
            Self::Permit(_) => Self::Ask(None),
        }
    }
}

/// Does what [`refusal`] does, for a submission that comes in as `entrance` says. \[LIFE-1,
/// LIFE-10]
///
/// # Errors
///
/// The caller gets the reason, if the pool would refuse.
pub(crate) fn refusal_by(
    sched: &Sched,
    kind: CallerKind,
    tie: Tie,
    entrance: &Entrance,
) -> Result<(), SubmitErrorKind> {
    match entrance {
        Entrance::Permit(_) if kind != CallerKind::Worker => {
            sched.refusal_of_permit().map_or(Ok(()), Err)
        }
        _ => refusal(sched, kind, tie),
    }
}

/// Lets a thread's submission in, or says why not. It comes by its place as `entrance` says. A
/// pool that counts, counts a refusal here. [LIFE-1]
///
/// # Errors
///
/// The caller gets the reason, if the pool refuses.
#[inline]
pub(crate) fn admit_by(
    sched: &Sched,
    kind: CallerKind,
    tie: Tie,
    entrance: Entrance,
) -> Result<Option<Permit>, SubmitErrorKind> {
    let admitted = match entrance {
        Entrance::Ask(when_full) => admit(sched, kind, tie, when_full),
        // The place of the permit is free when a worker has it: `entrance` is dropped here.
        Entrance::Permit(_) if kind == CallerKind::Worker => {
            refusal(sched, kind, tie).map(|()| None)
        }
        Entrance::Permit(reservation) => sched.admit_reserved(reservation),
    };
    if admitted.is_err() {
        count_refusal(sched);
    }
    admitted
}

/// Lets a submission in that has no permit, or says why not.
///
/// In a pool with a limit the submission needs a place, unless a worker submits. Only a thread
/// from outside waits for a place: one of the pool's own threads would wait for itself.
/// [LIFE-1]
///
/// # Errors
///
/// The caller gets the reason, if the pool refuses.
#[inline]
fn admit(
    sched: &Sched,
    kind: CallerKind,
    tie: Tie,
    when_full: Option<WhenFull>,
) -> Result<Option<Permit>, SubmitErrorKind> {
    match kind {
        CallerKind::Outside => sched.admit(when_full),
        CallerKind::Worker => refusal(sched, kind, tie).map(|()| None),
        CallerKind::Member => sched.admit_member(),
    }
}

/// Says what becomes of a submission that was pushed. If the push came too late and no other
/// thread has claimed the work, the submitter takes it back, and a pool that counts, counts that.
/// Otherwise the work is accepted.
///
/// # Errors
///
/// The caller gets the reason why the pool does not take the work, and what `take_back` gave.
#[inline]
pub(crate) fn accepted<R, B>(
    sched: &Sched,
    pushed: Result<(), SubmitErrorKind>,
    result: R,
    take_back: impl FnOnce(R) -> Result<B, R>,
) -> Result<R, (SubmitErrorKind, B)> {
    match pushed {
        Ok(()) => Ok(result),
        Err(kind) => match take_back(result) {
            Ok(back) => {
                if let Some(books) = sched.books() {
                    books.takes_back();
                }
                Err((kind, back))
            }
            // Another thread has claimed the work, and has resolved it or is about to.
            Err(result) => Ok(result),
        },
    }
}

/// Submits work that borrows nothing.
///
/// # Errors
///
/// The work comes back if the pool does not take it.
#[inline]
pub(crate) fn submit<W>(
    sched: &Sched,
    work: W,
    when_full: Option<WhenFull>,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
where
    W: Work + Send + 'static,
    W::Value: Send,
    W::Error: Send,
{
    // SAFETY: the work and its outcome may go to another thread, and must outlive their use
    // there. Both are `Send` and borrow nothing.
    unsafe { submit_borrowing(sched, work, Tie::Async, when_full, |task| task) }
}

/// Submits work that borrows nothing, and that comes by its place as `entrance` says.
///
/// # Errors
///
/// The work comes back if the pool does not take it.
#[inline]
pub(crate) fn submit_by<W>(
    sched: &Sched,
    work: W,
    entrance: Entrance,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
where
    W: Work + Send + 'static,
    W::Value: Send,
    W::Error: Send,
{
    with_caller(sched.id, |caller| {
        let admitted = admit_by(sched, caller.kind(), Tie::Async, entrance);
        match sched.books() {
            // SAFETY: the work and its outcome may go to another thread, and must outlive their
            // use there. Both are `Send` and borrow nothing.
            None => unsafe { push_admitted(sched, caller, work, admitted, |task| task) },
            // SAFETY: the work and its outcome may go to another thread, and must outlive their
            // use there. Both are `Send` and borrow nothing.
            Some(books) => unsafe {
                push_counted(sched, books, caller, work, admitted, |task| task)
            },
        }
    })
}

/// Submits work, once there is a place for it or as `when_full` says. `entry` turns the task
/// into the entry that goes into a queue.
///
/// # Errors
///
/// The work comes back if the pool does not take it.
///
/// # Safety
///
/// The contract of [`Call::create`] is the caller's to keep.
#[inline]
pub(crate) unsafe fn submit_borrowing<W: Work>(
    sched: &Sched,
    work: W,
    tie: Tie,
    when_full: Option<WhenFull>,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    with_caller(sched.id, |caller| match sched.books() {
        None => {
            let admitted = admit(sched, caller.kind(), tie, when_full);
            // SAFETY: `push_admitted` asks for the contract of `Call::create`, which the caller
            // keeps.
            unsafe { push_admitted(sched, caller, work, admitted, entry) }
        }
        Some(books) => {
            let admitted = admit_by(sched, caller.kind(), tie, Entrance::Ask(when_full));
            // SAFETY: `push_counted` asks for the contract of `Call::create`, which the caller
            // keeps.
            unsafe { push_counted(sched, books, caller, work, admitted, entry) }
        }
    })
}

/// Makes the call's block, with the place if there is one, and pushes its entry, in a pool that
/// does not count.
///
/// # Errors
///
/// The work comes back if the pool has not `admitted` it, or does not take it.
///
/// # Safety
///
/// The contract of [`Call::create`] is the caller's to keep.
#[inline]
unsafe fn push_admitted<W: Work>(
    sched: &Sched,
    caller: Caller<'_>,
    work: W,
    admitted: Result<Option<Permit>, SubmitErrorKind>,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    match admitted {
        Err(kind) => Err((kind, work)),
        // SAFETY: `push_call` asks for the contract of `Call::create`, which the caller keeps.
        Ok(None) => out_of_span(unsafe { push_call(sched, caller, in_span(work), entry) }),
        Ok(Some(permit)) => {
            let placed = Placed { work: in_span(work), permit };
            // SAFETY: `push_call` asks for the contract of `Call::create`, which the caller
            // keeps.
            let pushed = unsafe { push_call(sched, caller, placed, entry) };
            out_of_span(pushed.map_err(|(kind, placed)| (kind, placed.work)))
        }
    }
}

/// Does what [`push_admitted`] does, in a pool that counts.
///
/// # Errors
///
/// The work comes back if the pool has not `admitted` it, or does not take it.
///
/// # Safety
///
/// The contract of [`Call::create`] is the caller's to keep.
#[cold]
unsafe fn push_counted<W: Work>(
    sched: &Sched,
    books: &Books,
    caller: Caller<'_>,
    work: W,
    admitted: Result<Option<Permit>, SubmitErrorKind>,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    let permit = match admitted {
        Ok(permit) => permit,
        Err(kind) => return Err((kind, work)),
    };
    let watched = Watched { work: in_span(work), permit, slip: books.submits() };
    // SAFETY: the caller keeps the contract of `Call::create`.
    let pushed = unsafe { push_call(sched, caller, watched, entry) };
    out_of_span(pushed.map_err(|(kind, watched)| (kind, watched.work)))
}

/// Runs work on the worker that would wait for it.
pub(crate) fn run_at_once<W: Work>(
    sched: &Sched,
    work: W,
) -> (Outcome<W::Value, W::Error>, W::After) {
    match sched.books() {
        Some(books) => Watched { work, permit: None::<Permit>, slip: books.submits() }.run(),
        None => work.run(),
    }
}

/// Counts a refusal, if the pool counts. [`admit_by`] has counted those that it has made.
#[cold]
pub(crate) fn count_refusal(sched: &Sched) {
    if let Some(books) = sched.books() {
        books.refuses();
    }
}

/// Makes the call's block and pushes its entry. From outside this may go on with a burst
/// [SLEEP-7].
///
/// # Safety
///
/// The contract of [`Call::create`] is the caller's to keep.
#[inline]
unsafe fn push_call<W: Work>(
    sched: &Sched,
    caller: Caller<'_>,
    work: W,
    entry: impl FnOnce(TaskRef) -> TaskRef,
) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)> {
    let outside = caller.is_outside();
    // SAFETY: the caller keeps the contract of `Call::create`.
    let (task, result) = unsafe { Call::create(work, sched.id, outside) };
    if outside {
        // A wait for this call asks later whether this thread has woken a worker for it.
        let _ = futex::has_woken();
    }
    let pushed = push(sched, caller, [entry(task)]);
    if outside && pushed.is_ok() {
        sched.go_on_with_burst();
    }
    // SAFETY: the handle must be that of a block that `Call::<W>::create` made. It was made
    // above.
    accepted(sched, pushed, result, |result| unsafe { Call::<W>::take_back(result) })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::Job;

    // covers NUM-02
    #[test]
    fn a_call_that_is_pushed_too_late_counts_as_refused() {
        let (mut sched, _deques) = Sched::new(1);
        sched.open_books(0);
        let sched = sched.share(None);
        let counts = || {
            let stats = sched.books().expect("the books are open").stats();
            [stats.submitted, stats.queued, stats.refused]
        };
        let push = || {
            with_caller(sched.id, |caller| {
                let (books, job) = (sched.books().expect("the books are open"), Job::plain(|| 7));
                // SAFETY: the work and its outcome must outlive their use, and may go to another
                // thread. They borrow nothing, and are `Send`.
                unsafe { push_counted(&sched, books, caller, job, Ok(None), |task| task) }
            })
        };
        let taken = push();
        assert!(taken.is_ok());
        assert_eq!(counts(), [1, 1, 0]);
        // The pool ends after it has let the second call in, and before the push.
        sched.terminate();
        assert_eq!(counts(), [1, 0, 0]);
        let late = push();
        let kind = late.map(drop).map_err(|(kind, _)| kind);
        assert_eq!(kind, Err(SubmitErrorKind::NotRunning));
        assert_eq!(counts(), [1, 0, 1], "the submission was taken off, and counts as refused");
    }
}
