//! Submits batches: asks the pool, reads the input, pushes the entries, and waits where the caller does.

use std::time::Duration;

use super::block::{Batch, BatchOptions, Mapping, NewEntries, Source};
use crate::block::{Abort, Outcome, ResultRef, SubmitErrorKind};
use crate::sched::{Permit, Sched, WhenFull};
use crate::worker::{self, Caller, Place, Tie, accepted, outcome_of_borrowed, with_caller};

/// How long a worker that is awake may take to begin.
const WORKER_BEGIN_TIME: Duration = Duration::from_micros(1);
/// A batch that one worker finishes within this time is not worth waking another for it, which takes the waker about as long.
const ONE_WORKER_TIME: Duration = Duration::from_micros(5);

/// The items of a batch that has not been submitted, as an iterator that can be submitted again.
pub(super) enum Input<I: Iterator> {
    Unread(I),
    /// The pool took the work no more when the items had been collected, and gave them back.
    Collected(std::vec::IntoIter<I::Item>),
}

impl<I: Iterator> Input<I> {
    fn read(self) -> Vec<I::Item> {
        match self {
            Self::Unread(items) => items.collect(),
            Self::Collected(items) => items.collect(),
        }
    }
}

impl<I: Iterator> Iterator for Input<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        match self {
            Self::Unread(items) => items.next(),
            Self::Collected(items) => items.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Unread(items) => items.size_hint(),
            Self::Collected(items) => items.size_hint(),
        }
    }
}

/// Submits a batch that borrows nothing, once there is space for it. The pool is asked before the input is read, and once more
/// when the batch is pushed.
///
/// # Errors
///
/// Function and input, if the pool does not take them.
pub(super) fn map_async<M, I>(
    sched: &Sched,
    mapping: M,
    input: Input<I>,
    options: BatchOptions,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, (SubmitErrorKind, M, Input<I>)>
where
    I: Iterator<Item = M::Item>,
    M: Mapping + Send + 'static,
    M::Item: Send + 'static,
    M::Value: Send,
    M::Error: Send,
{
    if let Err(kind) = worker::refusal(sched, worker::place(sched.id), Tie::Async) {
        return Err((kind, mapping, input));
    }
    submit(sched, mapping, input.read(), options)
        .map_err(|(kind, mapping, items)| (kind, mapping, Input::Collected(items.into_iter())))
}

/// # Errors
///
/// Function and items, if the pool does not take them.
fn submit<M>(
    sched: &Sched,
    mapping: M,
    items: Vec<M::Item>,
    options: BatchOptions,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, (SubmitErrorKind, M, Vec<M::Item>)>
where
    M: Mapping + Send + 'static,
    M::Item: Send + 'static,
    M::Value: Send,
    M::Error: Send,
{
    with_caller(sched.id, |caller| {
        let empty = items.is_empty();
        let permit = match admit(sched, caller.place(), Tie::Async, empty) {
            Ok(permit) => permit,
            Err(kind) => return Err((kind, mapping, items)),
        };
        let places = permit.as_ref().and_then(Permit::places);
        let (runners, outside) = (sched.queues.workers(), caller.is_outside());
        // SAFETY: all parts are `Send` and borrow nothing, and `Mapping` asks that `each` may be called by several threads.
        let (mut entries, result) =
            unsafe { Batch::create(mapping, items, options, runners, sched.id, outside, places) };
        if empty {
            // Ready at once: there is nothing for a worker to do but the callback.
            entries.for_each(|entry| entry.run(sched));
            return Ok(result);
        }
        let pushed = push_entries(sched, caller, permit.is_some(), permit, &mut entries, u32::MAX);
        // SAFETY: the handle is the one that `Batch::<M>::create` made above.
        accepted(pushed, result, |result| unsafe { Batch::<M>::take_back(result) })
            .map_err(|(kind, (mapping, items))| (kind, mapping, items))
    })
}

/// Submits a batch and waits for its outcome. Function and items may borrow from the caller's frames. The pool is asked before
/// the input is read.
///
/// # Errors
///
/// If the pool does not take it: why, and nothing stands for "waiting would never end".
pub(super) fn map<M, I>(
    sched: &Sched,
    mapping: M,
    input: Input<I>,
    options: BatchOptions,
) -> Result<Outcome<Vec<M::Value>, M::Error>, Option<SubmitErrorKind>>
where
    I: Iterator<Item = M::Item>,
    M: Mapping + Send,
    M::Item: Send,
    M::Value: Send,
    M::Error: Send,
{
    let place = worker::place(sched.id);
    worker::refusal(sched, place, Tie::Nested).map_err(Some)?;
    if place == Place::Member {
        return Err(None);
    }
    map_collected(sched, mapping, input.read().into(), options)
}

/// As [`map`], for items that are there. A worker of the pool takes part in the work instead of waiting.
///
/// # Errors
///
/// As for [`map`].
pub(super) fn map_collected<M>(
    sched: &Sched,
    mapping: M,
    items: Source<M::Item>,
    options: BatchOptions,
) -> Result<Outcome<Vec<M::Value>, M::Error>, Option<SubmitErrorKind>>
where
    M: Mapping + Send,
    M::Item: Send,
    M::Value: Send,
    M::Error: Send,
{
    with_caller(sched.id, |caller| {
        let empty = items.len() == 0;
        let permit = admit(sched, caller.place(), Tie::Nested, empty).map_err(Some)?;
        if caller.place() == Place::Member {
            return Err(None);
        }
        let places = permit.as_ref().and_then(Permit::places);
        let (runners, outside) = (sched.queues.workers(), caller.is_outside());
        // SAFETY: all parts are `Send`, `Mapping` asks that `each` may be called by several threads, and this frame does not end
        // before the batch is DONE or taken back: nothing below returns or unwinds before.
        let (mut entries, result) =
            unsafe { Batch::create(mapping, items, options, runners, sched.id, outside, places) };
        let guard = Abort("a submission of borrowed work unwound");
        let submitted = if empty || caller.place() == Place::Worker {
            take_part(sched, caller, &mut entries, result)
        } else {
            publish_or_take_back::<M>(sched, caller, permit, &mut entries, result).map_err(Some)
        };
        if !matches!(submitted, Err(None)) {
            // SAFETY: they are of the batch made above. If any are left, it is DONE or was taken back.
            unsafe { Batch::<M>::give_up(entries) };
        }
        guard.disarm();
        submitted.map(outcome_of_borrowed)
    })
}

/// As a worker of the pool, or for an empty batch: shows the other workers the entries, and does what they do not take.
///
/// # Errors
///
/// In the child of a fork that an item has made: nothing there runs or drops what is left of the batch, so the frame may end
/// before it.
fn take_part<T, E>(
    sched: &Sched,
    caller: Caller<'_>,
    entries: &mut NewEntries,
    result: ResultRef<T, E>,
) -> Result<ResultRef<T, E>, Option<SubmitErrorKind>> {
    let own = entries.next().expect("a batch has an entry");
    let shown = entries.len();
    if shown > 0 {
        // Refused or not: what no other worker takes, this one does, or skips if the pool is over.
        let _ = worker::push(sched, caller, &mut *entries);
    }
    worker::as_pool_view(sched, |view| own.run(view));
    if sched.is_forked() && !result.load().is_done() {
        std::mem::forget(result);
        return Err(None);
    }
    worker::take_back(sched.id, result.id(), shown);
    Ok(result)
}

/// From outside: shows the pool the batch, or takes it back if the pool does not take it.
///
/// # Errors
///
/// Why not. Then the batch was taken back.
fn publish_or_take_back<M: Mapping>(
    sched: &Sched,
    caller: Caller<'_>,
    permit: Option<Permit>,
    entries: &mut NewEntries,
    result: ResultRef<Vec<M::Value>, M::Error>,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, SubmitErrorKind> {
    let limited = permit.is_some();
    let shown = publish(sched, caller, permit, entries, &result);
    let late = shown.is_err();
    // SAFETY: the handle is that of a batch that `Batch::<M>::create` made.
    let accepted = accepted(shown, result, |result| unsafe { Batch::<M>::take_back(result) });
    let result = accepted.map_err(|(kind, _)| kind)?;
    if late {
        // A worker has begun. The others may take part, as if they had been shown at once.
        let _ = push_entries(sched, caller, limited, None, entries, u32::MAX);
    }
    Ok(result)
}

/// Shows a batch to the pool from outside. A worker that is awake may be done with it before another one has been woken: it is shown
/// the first entry alone, and the others see the rest if the batch turns out to be worth it. A worker that is asleep wakes the
/// others itself, when this thread has gone to sleep and left its processor to them.
///
/// Ok: it was pushed and will be taken; what is left of `rights` is not needed, since the batch is DONE.
///
/// # Errors
///
/// As for [`push`](worker::push): what was pushed may be taken or not. The rest is left.
fn publish<T, E>(
    sched: &Sched,
    caller: Caller<'_>,
    permit: Option<Permit>,
    entries: &mut NewEntries,
    result: &ResultRef<T, E>,
) -> Result<(), SubmitErrorKind> {
    let limited = permit.is_some();
    let first = if sched.idle.is_anyone_searching() { 1 } else { u32::MAX };
    push_entries(sched, caller, limited, permit, entries, first)?;
    if entries.len() > 0 && !result.spin(WORKER_BEGIN_TIME, ONE_WORKER_TIME) {
        // Refused or not: who has the first entry does what nobody else takes.
        let _ = push_entries(sched, caller, limited, None, entries, u32::MAX);
        // At once: whoever is woken next may want this processor.
        result.sleep(None);
    }
    Ok(())
}

/// As [`worker::admit`], and a batch without items, which no worker gets to see, waits for nothing.
fn admit(
    sched: &Sched,
    place: Place,
    tie: Tie,
    empty: bool,
) -> Result<Option<Permit>, SubmitErrorKind> {
    if empty {
        worker::refusal(sched, place, tie).map(|()| None)
    } else {
        worker::admit(sched, place, tie, WhenFull::Wait)
    }
}

/// Puts up to `count` entries into queues. `limited` says that they hold places there, the first of them that of `permit` if it
/// is there.
///
/// # Errors
///
/// As for [`push`](worker::push).
fn push_entries(
    sched: &Sched,
    caller: Caller<'_>,
    limited: bool,
    permit: Option<Permit>,
    entries: &mut NewEntries,
    count: u32,
) -> Result<(), SubmitErrorKind> {
    if limited {
        sched.inject_with_places(permit, entries.uncounted(count))
    } else {
        worker::push(sched, caller, entries.take(count as usize))
    }
}
