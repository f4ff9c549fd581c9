//! Streams: what their consumer needs of the pool.

use super::ring::{StreamOptions, StreamRef, Window};
use crate::block::{Each, SubmitErrorKind, TaskRef, Uncounted};
use crate::sched::{Permit, Sched, WhenFull};
use crate::worker::{Place, Tie, admit, outlasts_close, place, push, take_back, with_caller};

/// Without a word from the caller at least this many items may be ahead: fewer, and every few items wake somebody...
const MIN_WINDOW_ITEMS: usize = 64;
/// ... and up to this many, if they are short.
const MAX_GROWN_WINDOW_ITEMS: usize = 1024;
/// Whatever the caller says: the window is allocated at once, and its slots are counted in 32 bits.
const MAX_WINDOW_ITEMS: usize = 1 << 20;

/// Opens a stream of at most so many items as far as its input knows, once there is space for its first entries. Its consumer must close it, once: [`Sched::close_stream`]. [LIFE-8]
///
/// # Errors
///
/// The function, if the pool takes no more work.
pub(super) fn open_stream<M, A, T, E>(
    sched: &Sched,
    each: M,
    options: StreamOptions,
    at_most: Option<usize>,
) -> Result<StreamRef<A, T, E>, (SubmitErrorKind, M)>
where
    M: Each<A, T, E> + Send + Sync + 'static,
    A: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let place = place(sched.id);
    let permit = match admit(sched, place, Tie::Async, WhenFull::Wait) {
        Ok(permit) => permit,
        Err(kind) => return Err((kind, each)),
    };
    // The place is free again when this returns: the entries take theirs.
    let places = permit.as_ref().and_then(Permit::places);
    let by_worker = outlasts_close(sched, place, Tie::Async);
    if !sched.open_stream(by_worker) {
        // It has ended since the look above.
        return Err((sched.refusal(by_worker).unwrap_or(SubmitErrorKind::NotRunning), each));
    }
    let workers = sched.queues.workers();
    let chunks = |items: usize| {
        workers.saturating_mul(4).saturating_mul(items).clamp(MIN_WINDOW_ITEMS, MAX_WINDOW_ITEMS)
    };
    let window = match options {
        StreamOptions { buffersize: Some(items), .. } => {
            let items = items.min(MAX_WINDOW_ITEMS);
            Window { least: items, most: items }
        }
        StreamOptions { chunksize: Some(items), .. } => {
            Window { least: chunks(items), most: chunks(items) }
        }
        _ => Window { least: chunks(1), most: chunks(1).max(MAX_GROWN_WINDOW_ITEMS) },
    };
    // A short input needs no more: a place for each item, and one for the look that finds the end, so that the input is done with at
    // the call. (One that says so and is longer has a small window.)
    let needed = at_most.map_or(usize::MAX, |items| items.max(workers).saturating_add(1));
    let window = Window { least: window.least.min(needed), most: window.most.min(needed) };
    // SAFETY: all parts are `Send` and borrow nothing, and the function is `Sync`.
    Ok(unsafe {
        StreamRef::create(each, options, window, workers, sched.id, place != Place::Worker, places)
    })
}

/// Puts a stream's entry into a queue or, if there is no place for it, into the line. Never waits.
///
/// # Errors
///
/// It was pushed, but perhaps nobody will take it.
pub(super) fn send(sched: &Sched, entry: TaskRef) -> Result<(), SubmitErrorKind> {
    if entry.has_place() {
        return sched.inject_with_places(None, Uncounted::one(entry));
    }
    // A stream is closed by its consumer alone, which is this thread.
    let counted = entry.count();
    debug_assert!(counted, "an open stream");
    with_caller(sched.id, |caller| push(sched, caller, [entry]))
}

/// Ends a stream. A worker that consumed it takes its entry back.
pub(super) fn end_stream<A, T, E>(stream: StreamRef<A, T, E>) {
    let (pool, id) = (stream.pool(), stream.id());
    drop(stream);
    take_back(pool, id, 1);
}
