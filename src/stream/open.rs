//! Does what the consumer of a stream needs of the pool: opens the stream, sends its entries,
//! ends it.

use super::ring::{StreamOptions, StreamRef, Window};
use crate::block::{Each, Reason, SubmitErrorKind, TaskRef, Uncounted, in_span};
use crate::numbers::End;
use crate::sched::{Permit, Sched};
use crate::worker::{
    CallerKind, Entrance, Tie, admit_by, caller_kind, count_refusal, outlasts_close, push,
    take_back, with_caller,
};

/// If the caller sets no window, at least this many items may be ahead. With fewer, every few items
/// would cost a wake-up.
const MIN_WINDOW_ITEMS: usize = 64;
/// If the caller sets no window, it can grow to this many items.
const MAX_GROWN_WINDOW_ITEMS: usize = 1024;
/// No window is larger than this. A stream allocates its window at once, and counts the slots in 32
/// bits.
const MAX_WINDOW_ITEMS: usize = 1 << 20;

/// Opens a stream, once there is a place for its first entry.
///
/// The input has at most `at_most` items, as far as it knows. The consumer must close the stream,
/// once, with [`Sched::close_stream`]. [LIFE-8]
///
/// # Errors
///
/// If the pool takes no more work, the error says why, and holds the function.
pub(super) fn open_stream<M, A, T, E>(
    sched: &Sched,
    each: M,
    options: StreamOptions,
    at_most: Option<usize>,
    entrance: Entrance,
) -> Result<StreamRef<A, T, E>, (SubmitErrorKind, M)>
where
    M: Each<A, T, E> + Send + Sync + 'static,
    A: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let kind = caller_kind(sched.id);
    let by_permit = matches!(entrance, Entrance::Permit(_));
    let permit = match admit_by(sched, kind, Tie::Async, entrance) {
        Ok(permit) => permit,
        Err(kind) => return Err((kind, each)),
    };
    // The permit only made the caller wait until the pool had room: it is dropped here. Each entry
    // takes a place when it is sent.
    let places = permit.as_ref().and_then(Permit::places);
    let by_worker = outlasts_close(sched, kind, Tie::Async);
    if !sched.open_stream(by_worker, by_permit) {
        // The pool has ended since `admit` looked.
        count_refusal(sched);
        return Err((sched.refusal(by_worker).unwrap_or(SubmitErrorKind::NotRunning), each));
    }
    if let Some(books) = sched.books() {
        // A stream is never queued: it runs as soon as it is open.
        let _slip = books.submits();
        books.left();
    }
    let options = StreamOptions { counted: sched.books().is_some(), ..options };
    let workers = sched.queues.workers();
    let window = match options {
        StreamOptions { buffersize: Some(items), .. } => {
            let items = items.min(MAX_WINDOW_ITEMS);
            Window { least: items, most: items }
        }
        StreamOptions { chunksize, .. } => {
            let least = least_window(sched, chunksize);
            Window { least, most: least.max(MAX_GROWN_WINDOW_ITEMS) }
        }
    };
    // A short input needs a slot for each item, and one for the pull that finds the end, so that
    // the consumer is done with the input at the call. An input that is longer than it says has
    // a small window.
    let needed = at_most.map_or(usize::MAX, |items| items.max(workers).saturating_add(1));
    let window = Window { least: window.least.min(needed), most: window.most.min(needed) };
    // SAFETY: all parts are `Send` and borrow nothing, and the function is `Sync`.
    Ok(unsafe {
        StreamRef::create(
            in_span(each),
            options,
            window,
            workers,
            sched.id,
            kind != CallerKind::Worker,
            places,
        )
    })
}

/// Says how many items may be ahead, at least, if the caller sets no window.
pub(super) fn least_window(sched: &Sched, chunksize: Option<usize>) -> usize {
    let chunks = sched.queues.workers().saturating_mul(4);
    chunks.saturating_mul(chunksize.unwrap_or(1)).clamp(MIN_WINDOW_ITEMS, MAX_WINDOW_ITEMS)
}

/// Does what [`send`] does, for a feeder. The consumer may have closed the stream meanwhile: then
/// the entry is of no use.
///
/// # Errors
///
/// Those of [`send`].
pub(super) fn send_fed(sched: &Sched, entry: TaskRef) -> Result<(), SubmitErrorKind> {
    if entry.has_place() {
        return sched.inject_with_places(None, Uncounted::one(entry));
    }
    if !entry.count() {
        entry.turn_away(Reason::Cancelled);
        return Ok(());
    }
    with_caller(sched.id, |caller| push(sched, caller, [entry]))
}

/// Puts a stream's entry into a queue or, if there is no place for it, into the line. It never
/// waits.
///
/// # Errors
///
/// The error says that the entry was pushed, but that perhaps no worker will take it.
pub(super) fn send(sched: &Sched, entry: TaskRef) -> Result<(), SubmitErrorKind> {
    if entry.has_place() {
        return sched.inject_with_places(None, Uncounted::one(entry));
    }
    // The stream is open, since only its consumer closes it, and this thread is the consumer.
    let counted = entry.count();
    debug_assert!(counted, "an open stream");
    with_caller(sched.id, |caller| push(sched, caller, [entry]))
}

/// Ends a stream, and counts how it has ended. If the consumer is a worker, it takes the stream's
/// entry back.
pub(super) fn end_stream<A, T, E>(sched: &Sched, stream: StreamRef<A, T, E>, end: End) {
    let (pool, id) = (stream.pool(), stream.id());
    if let Some(books) = sched.books() {
        books.ended(end);
    }
    drop(stream);
    take_back(pool, id, 1);
}
