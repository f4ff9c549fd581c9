//! What the threads of an execution did, for the counter-example of a model that failed.
//!
//! All threads of an execution share one OS thread, so plain thread-locals of the standard
//! library hold the trace. Neither loom nor shuttle sees them.

use super::thread::who;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;

/// What a thread did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It called a verb here.
    Calls(&'static str),
    /// It took a task that was submitted here.
    Takes,
    /// It ended a task or an item.
    Ends,
    /// It went to sleep in the verb that it had called.
    Sleeps,
    /// A model's note, or its use of a recorded type.
    Says(String),
    /// It took the lock of this name, with this value inside.
    Locks(Option<&'static str>, Option<String>),
    /// It gave the lock of this name up, with this value inside.
    Unlocks(Option<&'static str>, Option<String>),
}

/// One line of a trace.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The number that the thread has in the execution.
    pub(crate) id: usize,
    pub(crate) thread: String,
    pub(crate) what: What,
    /// The line of the user's that it is about, if the trace knows.
    pub(crate) line: Option<&'static Location<'static>>,
}

#[derive(Default)]
struct Trace {
    events: Vec<Event>,
    /// The line of the verb that each thread has called in its current step.
    callers: BTreeMap<usize, &'static Location<'static>>,
    /// Where each thread waits that waits for a recorded type, with its name.
    waits: BTreeMap<usize, (String, &'static Location<'static>)>,
}

thread_local! {
    /// Nothing in an execution that is not traced.
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// Begins the trace of an execution, or forgets the one before.
pub(crate) fn begin(traced: bool) {
    TRACE.set(traced.then(Trace::default));
}

/// Returns what the threads of the current execution have done so far, if it is traced. This
/// asks nothing of the model, so a panic hook may call it.
pub(crate) fn events() -> Vec<Event> {
    TRACE.with_borrow(|trace| trace.as_ref().map(|trace| trace.events.clone()).unwrap_or_default())
}

/// Returns which threads wait for a recorded type, and where. This asks nothing of the model.
pub(crate) fn waits() -> Vec<(String, &'static Location<'static>)> {
    TRACE.with_borrow(|trace| {
        trace.as_ref().map(|trace| trace.waits.values().cloned().collect()).unwrap_or_default()
    })
}

/// Says whether the execution is traced.
pub(crate) fn is_on() -> bool {
    TRACE.with_borrow(Option::is_some)
}

/// Runs `use_it` with the trace and the calling thread's number and name. It does nothing
/// without a trace, or once the execution has failed.
fn with(use_it: impl FnOnce(&mut Trace, usize, String)) {
    if !is_on() {
        return;
    }
    let Some((id, name)) = who() else { return };
    let name = match (name, id) {
        // The name that a pool gives its workers if its builder gives none.
        (Some(name), _) => name.replace("millpond-", "worker "),
        (None, 0) => "main".to_owned(),
        (None, id) => format!("thread {id}"),
    };
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace {
            use_it(trace, id, name);
        }
    });
}

/// Notes what the calling thread did.
pub(super) fn note(what: What, line: Option<&'static Location<'static>>) {
    with(|trace, id, thread| trace.events.push(Event { id, thread, what, line }));
}

/// Notes which verb the calling thread calls, and where.
pub(super) fn call(verb: &'static str, caller: &'static Location<'static>) {
    with(|trace, id, thread| {
        trace.callers.insert(id, caller);
        trace.events.push(Event { id, thread, what: What::Calls(verb), line: Some(caller) });
    });
}

/// Forgets the verb that the calling thread has called: it does something else now.
pub(super) fn forget_caller() {
    with(|trace, id, _| {
        trace.callers.remove(&id);
    });
}

/// Returns where the calling thread has called the verb that it is in.
pub(super) fn caller() -> Option<&'static Location<'static>> {
    let mut caller = None;
    with(|trace, id, _| caller = trace.callers.get(&id).copied());
    caller
}

/// Notes what the calling thread does there. The words are made only if they are wanted.
pub(super) fn does(line: &'static Location<'static>, words: impl FnOnce() -> String) {
    does_what(line, || What::Says(words()));
}

/// Notes what the calling thread does there, if that is wanted.
pub(super) fn does_what(line: &'static Location<'static>, what: impl FnOnce() -> What) {
    if is_on() {
        note(what(), Some(line));
    }
}

/// A wait of the calling thread for a recorded type, until it is dropped.
pub(super) struct Wait(());

/// Notes that the calling thread waits there, perhaps.
pub(super) fn begin_wait(at: &'static Location<'static>) -> Wait {
    with(|trace, id, name| {
        trace.waits.insert(id, (name, at));
    });
    Wait(())
}

impl Drop for Wait {
    fn drop(&mut self) {
        with(|trace, id, _| {
            trace.waits.remove(&id);
        });
    }
}

/// Notes a sentence of the model's.
#[track_caller]
pub(crate) fn say(text: String) {
    note(What::Says(text), Some(Location::caller()));
}
