//! Submits batches: asks the pool, reads the input, pushes the entries, and waits if the caller
//! does.

use std::time::Duration;

use super::Input;
use super::block::{Batch, BatchOptions, Mapping, NewEntries, Source};
use crate::block::{Abort, Outcome, ResultRef, Spanned, SubmitErrorKind, in_span, out_of_span};
use crate::numbers::Books;
use crate::sched::{Permit, Sched};
use crate::sync::step;
use crate::worker::{
    self, Caller, CallerKind, Entrance, Tie, accepted, outcome_of_borrowed, with_caller,
};

/// The time that a worker that is awake may take to begin.
const WORKER_BEGIN_TIME: Duration = Duration::from_micros(1);
/// A batch that one worker finishes within this time is not worth the wake-up of another worker,
/// which takes the submitter about as long.
const ONE_WORKER_TIME: Duration = Duration::from_micros(5);
/// So many items take longer than that, even if each takes a nanosecond.
const MANY_ITEMS: usize = 8_192;

/// Submits a batch that borrows nothing, once there is a place for it.
///
/// The submitter asks the pool before it reads the input, and once more when it pushes the batch.
///
/// # Errors
///
/// If the pool does not take the batch, the error says why, and holds function and input.
#[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
pub(super) fn map_async<M, I>(
    sched: &Sched,
    mapping: M,
    input: Input<I>,
    options: BatchOptions,
    entrance: Entrance,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, (SubmitErrorKind, M, Input<I>)>
where
    I: Iterator<Item = M::Item>,
    M: Mapping + Send + 'static,
    M::Item: Send + 'static,
    M::Value: Send,
    M::Error: Send,
{
    step::call("map_async");
    let kind = worker::caller_kind(sched.id);
    if let Err(kind) = refusal(sched, kind, Tie::Async, &entrance) {
        worker::count_refusal(sched);
        return Err((kind, mapping, input));
    }
    let options = counting(sched, options);
    let submitted = submit(sched, in_span(mapping), input.read(), options, entrance);
    out_of_span(submitted.map_err(|(kind, mapping, items)| ((kind, items), mapping)))
        .map_err(|((kind, items), mapping)| (kind, mapping, Input::collected(items)))
}

/// Says in the options whether the pool counts.
fn counting(sched: &Sched, options: BatchOptions) -> BatchOptions {
    BatchOptions { counted: sched.books().is_some(), ..options }
}

/// Submits a batch whose items are collected, and which borrows nothing.
///
/// # Errors
///
/// If the pool does not take the batch, the error says why, and holds function and items.
fn submit<M>(
    sched: &Sched,
    mapping: M,
    items: Vec<M::Item>,
    options: BatchOptions,
    entrance: Entrance,
) -> Result<ResultRef<Vec<M::Value>, M::Error>, (SubmitErrorKind, M, Vec<M::Item>)>
where
    M: Mapping + Send + 'static,
    M::Item: Send + 'static,
    M::Value: Send,
    M::Error: Send,
{
    with_caller(sched.id, |caller| {
        let empty = items.is_empty();
        let permit = match admit(sched, caller.kind(), Tie::Async, empty, entrance) {
            Ok(permit) => permit,
            Err(kind) => return Err((kind, mapping, items)),
        };
        let _slip = sched.books().map(Books::submits);
        let places = permit.as_ref().and_then(Permit::places);
        let (runners, outside) = (sched.queues.workers(), caller.is_outside());
        // SAFETY: all parts are `Send` and borrow nothing. `Mapping` asks that several threads may
        // call `each`.
        let (mut entries, result) =
            unsafe { Batch::create(mapping, items, options, runners, sched.id, outside, places) };
        if empty {
            // The batch is ready at once. A worker would have nothing to do but the callback.
            entries.for_each(|entry| entry.run(sched));
            return Ok(result);
        }
        let pushed = push_entries(sched, caller, permit.is_some(), permit, &mut entries, u32::MAX);
        // SAFETY: the handle is the one that `Batch::<M>::create` made above.
        let accepted =
            accepted(sched, pushed, result, |result| unsafe { Batch::<M>::take_back(result) });
        // SAFETY: the entries are of the batch made above. If any are left, other runners have
        // finished it.
        unsafe { Batch::<M>::give_up(entries) };
        accepted.map_err(|(kind, (mapping, items))| (kind, mapping, items))
    })
}

/// Submits a batch and waits for its outcome. Function and items may borrow from the caller's
/// frames.
///
/// The submitter asks the pool before it reads the input.
///
/// # Errors
///
/// The error says why the pool does not take the batch. `None` says that the wait would never end.
#[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
pub(super) fn map<M, I>(
    sched: &Sched,
    mapping: M,
    input: Input<I>,
    options: BatchOptions,
    entrance: Entrance,
) -> Result<Outcome<Vec<M::Value>, M::Error>, Option<SubmitErrorKind>>
where
    I: Iterator<Item = M::Item>,
    M: Mapping + Send,
    M::Item: Send,
    M::Value: Send,
    M::Error: Send,
{
    let kind = worker::caller_kind(sched.id);
    let refused = match refusal(sched, kind, Tie::Nested, &entrance) {
        Ok(()) if kind == CallerKind::Member => None,
        Ok(()) => return map_collected(sched, mapping, input.read().into(), options, entrance),
        Err(kind) => Some(kind),
    };
    worker::count_refusal(sched);
    Err(refused)
}

/// Does what [`map`] does, for items that are collected. A worker of the pool takes part in the
/// work before it waits.
///
/// # Errors
///
/// Those of [`map`].
#[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
pub(super) fn map_collected<M>(
    sched: &Sched,
    mapping: M,
    items: Source<M::Item>,
    options: BatchOptions,
    entrance: Entrance,
) -> Result<Outcome<Vec<M::Value>, M::Error>, Option<SubmitErrorKind>>
where
    M: Mapping + Send,
    M::Item: Send,
    M::Value: Send,
    M::Error: Send,
{
    step::call("map");
    let (mapping, options) = (in_span(mapping), counting(sched, options));
    with_caller(sched.id, |caller| {
        let empty = items.len() == 0;
        let permit = match admit(sched, caller.kind(), Tie::Nested, empty, entrance) {
            Ok(_) if caller.kind() == CallerKind::Member => {
                worker::count_refusal(sched);
                return Err(None);
            }
            Ok(permit) => permit,
            Err(kind) => return Err(Some(kind)),
        };
        let _slip = sched.books().map(Books::submits);
        let places = permit.as_ref().and_then(Permit::places);
        let (runners, outside) = (sched.queues.workers(), caller.is_outside());
        // SAFETY: all parts are `Send`, and `Mapping` asks that several threads may call `each`.
        // This frame does not end before the batch is DONE or taken back: nothing below returns
        // or unwinds before.
        let (mut entries, result) =
            unsafe { Batch::create(mapping, items, options, runners, sched.id, outside, places) };
        let guard = Abort("a submission of borrowed work unwound");
        let submitted = if empty || caller.kind() == CallerKind::Worker {
            take_part(sched, caller, &mut entries, result)
        } else {
            publish_or_take_back::<Spanned<M>>(sched, caller, permit, &mut entries, result)
                .map_err(Some)
        };
        if !matches!(submitted, Err(None)) {
            // SAFETY: the entries are of the batch made above. If any are left, the batch is
            // DONE or was taken back.
            unsafe { Batch::<Spanned<M>>::give_up(entries) };
        }
        guard.disarm();
        submitted.map(outcome_of_borrowed)
    })
}

/// Shows the other workers the entries, and does the chunks that they do not take. The caller is a
/// worker of the pool, or the batch is empty.
///
/// # Errors
///
/// `None` in the child of a fork that an item has made. No thread there runs or drops the rest of
/// the batch, so the frame may end before the batch does.
fn take_part<T, E>(
    sched: &Sched,
    caller: Caller<'_>,
    entries: &mut NewEntries,
    result: ResultRef<T, E>,
) -> Result<ResultRef<T, E>, Option<SubmitErrorKind>> {
    let own = entries.next().expect("a batch has an entry");
    let shown = entries.left();
    if shown > 0 {
        // Whether the pool refused the push does not matter. This worker does the chunks that no
        // other worker takes, or skips them if the pool is over.
        let _ = worker::push(sched, caller, &mut *entries);
    }
    step::pass();
    worker::as_pool_view(sched, |view| own.run(view));
    if sched.is_forked() && !result.load().is_done() {
        std::mem::forget(result);
        return Err(None);
    }
    worker::take_back(sched.id, result.id(), shown);
    Ok(result)
}

/// Shows the pool a batch from outside, or takes the batch back if the pool does not take it.
///
/// # Errors
///
/// The error says why the pool does not take the batch. The submitter has taken it back then.
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
    let accepted =
        accepted(sched, shown, result, |result| unsafe { Batch::<M>::take_back(result) });
    let result = accepted.map_err(|(kind, _)| kind)?;
    if late {
        // A worker has begun, so the batch is accepted. The submitter shows the other entries now,
        // so that other workers may take part.
        let _ = push_entries(sched, caller, limited, None, entries, u32::MAX);
    }
    Ok(result)
}

/// Shows a batch to the pool from outside.
///
/// A worker that is awake may finish the batch before another worker has come round. So, if some
/// worker is awake and looks for work, the submitter pushes the first entry alone. It pushes the
/// rest at once if the batch has many items, and else only if the batch turns out to be worth more
/// workers. If no worker looks for work, the submitter pushes all entries. The worker that it wakes
/// wakes the others itself, when the submitter has gone to sleep and left its processor to them.
///
/// `Ok` says that the batch was pushed and will be taken. If `entries` are left, nothing needs
/// them, since the batch is DONE.
///
/// # Errors
///
/// Those of [`push`](worker::push): a worker may take what was pushed, or not. The entries that
/// were not pushed are left.
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
    let one_may_do =
        || entries.items() < MANY_ITEMS && result.spin(WORKER_BEGIN_TIME, ONE_WORKER_TIME);
    if entries.left() > 0 && !one_may_do() {
        // Whether the pool refused the push does not matter. The worker that has the first entry
        // does the chunks that no other worker takes.
        let _ = push_entries(sched, caller, limited, None, entries, u32::MAX);
        // The submitter sleeps at once, since the worker that is woken next may need this
        // processor.
        result.sleep(None);
    }
    Ok(())
}

/// Says why the pool would refuse a batch now, before the caller reads the input. A full pool that
/// refuses is full at a look that may be old: the answer that counts comes after the input.
fn refusal(
    sched: &Sched,
    kind: CallerKind,
    tie: Tie,
    entrance: &Entrance,
) -> Result<(), SubmitErrorKind> {
    worker::refusal_by(sched, kind, tie, entrance)?;
    match entrance {
        Entrance::Ask(when_full)
            if kind == CallerKind::Outside && sched.would_be_full(*when_full) =>
        {
            Err(SubmitErrorKind::Full)
        }
        _ => Ok(()),
    }
}

/// Does what [`worker::admit_by`] does. A batch without items waits for no place: no worker sees
/// it.
fn admit(
    sched: &Sched,
    kind: CallerKind,
    tie: Tie,
    empty: bool,
    entrance: Entrance,
) -> Result<Option<Permit>, SubmitErrorKind> {
    if empty {
        worker::refusal_by(sched, kind, tie, &entrance)
            .map(|()| None)
            .inspect_err(|_| worker::count_refusal(sched))
    } else {
        worker::admit_by(sched, kind, tie, entrance)
    }
}

/// Puts up to `count` entries into queues.
///
/// `limited` says that each entry holds a place there. The first entry takes the place of `permit`,
/// if there is a permit.
///
/// # Errors
///
/// Those of [`push`](worker::push).
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::block::Map;
    use super::*;
    use crate::block::Plain;
    use std::convert::Infallible;

    // covers NUM-02
    #[test]
    fn a_batch_that_is_pushed_too_late_counts_as_refused() {
        type Same = Map<Plain<fn(u8) -> u8>, u8, u8, Infallible, (), ()>;
        let (mut sched, _deques) = Sched::new(1);
        sched.open_books(0);
        let sched = sched.share(None);
        let counts = || {
            let stats = sched.books().expect("the books are open").stats();
            [stats.submitted, stats.queued, stats.running, stats.terminated, stats.refused]
        };
        let push = || {
            let _slip = sched.books().map(Books::submits);
            let (mapping, options) = (Same::new(Plain(|x| x)), BatchOptions::default());
            let options = counting(&sched, options);
            // SAFETY: the mapping and the items borrow nothing, and are `Send`.
            let (mut entries, result) =
                unsafe { Batch::create(mapping, vec![1, 2], options, 1, sched.id, true, None) };
            let pushed = with_caller(sched.id, |caller| {
                push_entries(&sched, caller, false, None, &mut entries, u32::MAX)
            });
            // SAFETY: the handle is that of the batch made above.
            let took = accepted(&sched, pushed, result, |result| unsafe {
                Batch::<Same>::take_back(result)
            });
            // SAFETY: the entries are of the batch made above, and none is left if it was pushed.
            unsafe { Batch::<Same>::give_up(entries) };
            took.map_err(|(kind, (_, items))| (kind, items))
        };
        let taken = push();
        assert!(taken.is_ok());
        assert_eq!(counts(), [1, 1, 0, 0, 0]);
        // The pool ends after it has let the second batch in, and before the push.
        sched.terminate();
        assert_eq!(counts(), [1, 0, 0, 1, 0]);
        let late = push().map(drop);
        assert_eq!(late, Err((SubmitErrorKind::NotRunning, vec![1, 2])));
        assert_eq!(counts(), [1, 0, 0, 1, 1], "the submission was taken off, and is refused");
    }
}
