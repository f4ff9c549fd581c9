//! What the threads of an execution did, for the counter-example of a model that failed.

use super::execution::state;
use super::failure::{Mode, mode};
use std::cell::RefCell;
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
    /// A model's note.
    Says(String),
}

/// One line of a trace.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The number that loom gives the thread.
    pub(crate) id: usize,
    pub(crate) thread: String,
    pub(crate) what: What,
    /// The line of the user's that it is about, if the trace knows.
    pub(crate) line: Option<&'static Location<'static>>,
}

/// The events of one execution in their order; nothing in an execution that is not traced.
pub(super) struct Trace(Option<RefCell<Vec<Event>>>);

impl Trace {
    pub(super) fn new(kept: bool) -> Self {
        Self(kept.then(RefCell::default))
    }

    /// Lends the events, if there are any. This asks nothing of loom.
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.as_ref().map(|events| events.borrow().clone()).unwrap_or_default()
    }
}

/// Notes what the calling thread did.
pub(super) fn note(what: What, line: Option<&'static Location<'static>>) {
    if mode() != Mode::Live {
        return;
    }
    if let Trace(Some(events)) = &state().trace {
        let current = loom::thread::current();
        // loom prints a thread's number, and does not lend it otherwise.
        let id = format!("{:?}", current.id());
        let id = id.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(usize::MAX);
        let thread = match (current.name(), id) {
            // The name that a pool gives its workers if its builder gives none.
            (Some(name), _) => name.replace("millpond-", "worker "),
            (None, 0) => "main".to_owned(),
            (None, id) => format!("thread {id}"),
        };
        events.borrow_mut().push(Event { id, thread, what, line });
    }
}

/// Notes a sentence of the model's.
#[track_caller]
pub(crate) fn say(text: String) {
    note(What::Says(text), Some(Location::caller()));
}
