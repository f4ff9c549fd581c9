//! Streams: what their consumer needs of the pool.

use super::caller::{Tie, admit, outlasts_close};
use super::context::{Place, place, push, take_back};
use crate::sched::{Permit, Sched, WhenFull};
use crate::task::{Each, Flow, StreamRef, SubmitErrorKind, TaskRef, Uncounted, Window};

/// Without a word from the caller at least this many items may be ahead: fewer, and every few items wake somebody...
const LEAST: usize = 64;
/// ... and up to this many, if they are short.
const MOST: usize = 1024;
/// Whatever the caller says: the window is allocated at once, and its slots are counted in 32 bits.
const LARGEST: usize = 1 << 20;

/// Opens a stream of at most so many items as far as its input knows, once there is space for its first entries. Its consumer must close it, once: [`Sched::close_stream`]. [LIFE-8]
///
/// # Errors
///
/// The function, if the pool takes no more work.
pub(crate) fn open_stream<M, A, T, E>(
    sched: &Sched,
    each: M,
    flow: Flow,
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
    let chunks = |items: usize| workers.saturating_mul(4).saturating_mul(items).clamp(LEAST, LARGEST);
    let window = match flow {
        Flow { buffersize: Some(items), .. } => {
            let items = items.min(LARGEST);
            Window { least: items, most: items }
        }
        Flow { chunksize: Some(items), .. } => Window { least: chunks(items), most: chunks(items) },
        _ => Window { least: chunks(1), most: chunks(1).max(MOST) },
    };
    // A short input needs no more: a place for each item, and one for the look that finds the end, so that the input is done with at
    // the call. (One that says so and is longer has a small window.)
    let needed = at_most.map_or(usize::MAX, |items| items.max(workers).saturating_add(1));
    let window = Window { least: window.least.min(needed), most: window.most.min(needed) };
    // SAFETY: all parts are `Send` and borrow nothing, and the function is `Sync`.
    Ok(unsafe { StreamRef::create(each, flow, window, workers, sched.id, place != Place::Worker, places) })
}

/// Puts a stream's entry into a queue or, if there is no place for it, into the line. Never waits.
///
/// # Errors
///
/// It was pushed, but perhaps nobody will take it.
pub(crate) fn send(sched: &Sched, entry: TaskRef) -> Result<(), SubmitErrorKind> {
    if entry.has_place() {
        return sched.inject_with_places(None, Uncounted::one(entry));
    }
    // A stream is closed by its consumer alone, which is this thread.
    let counted = entry.count();
    debug_assert!(counted, "an open stream");
    push(sched, [entry])
}

/// Ends a stream. A worker that consumed it takes its entry back.
pub(crate) fn end_stream<A, T, E>(stream: StreamRef<A, T, E>) {
    let (pool, id) = (stream.pool(), stream.id());
    drop(stream);
    take_back(pool, id, 1);
}
