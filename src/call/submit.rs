//! Submits a call and waits for its outcome.

use crate::block::{Outcome, SubmitErrorKind, Work};
use crate::sched::Sched;
use crate::worker::{self, CallerKind, Tie};

/// Submits work and waits for its outcome. The work may borrow from the caller's frames.
///
/// # Errors
///
/// The error says why the pool does not take the work. `None` says that the wait would never end.
pub(super) fn call_and_wait<W>(
    sched: &Sched,
    work: W,
) -> Result<Outcome<W::Value, W::Error>, Option<SubmitErrorKind>>
where
    W: Work + Send,
    W::Value: Send,
    W::Error: Send,
{
    let kind = worker::caller_kind(sched.id);
    if let Err(refused) = worker::refusal(sched, kind, Tie::Nested) {
        worker::count_refusal(sched);
        return Err(Some(refused));
    }
    match kind {
        // A worker would wait for work that it can as well do itself.
        CallerKind::Worker => return Ok(worker::run_at_once(sched, work).0),
        CallerKind::Member => {
            worker::count_refusal(sched);
            return Err(None);
        }
        CallerKind::Outside => {}
    }
    // SAFETY: the work is `Send`. It borrows from frames that outlive this one, and this frame does
    // not end before the task is DONE: nothing below returns or unwinds before the wait is over.
    let result = unsafe { worker::submit_borrowing(sched, work, Tie::Async, None, |task| task) }
        .map_err(|(kind, _)| Some(kind))?;
    Ok(worker::outcome_of_borrowed(result))
}
