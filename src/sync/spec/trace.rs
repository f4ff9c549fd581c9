//! What the threads of an execution did, for the counter-example of a model that failed.

use super::execution::state;
use super::failure::{Mode, mode};
use std::cell::RefCell;
use std::panic::Location;

/// What a thread did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It has called a verb here.
    Calls(&'static str, &'static Location<'static>),
    /// It goes on.
    Goes,
    /// It begins a task.
    Starts,
    /// It has ended a task or an item.
    Ends,
    /// It sleeps until another thread wakes it.
    Sleeps,
}

/// One line of a trace.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) thread: String,
    pub(crate) what: What,
}

/// The events of one execution in their order; nothing in most executions.
pub(super) struct Trace(Option<RefCell<Vec<Event>>>);

impl Trace {
    pub(super) fn new(kept: bool) -> Self {
        Self(kept.then(RefCell::default))
    }
}

/// Notes what the calling thread does.
pub(super) fn note(what: What) {
    if mode() != Mode::Live {
        return;
    }
    if let Trace(Some(events)) = &state().trace {
        let thread = loom::thread::current().name().unwrap_or("main").to_owned();
        events.borrow_mut().push(Event { thread, what });
    }
}

/// Notes that the calling thread goes to sleep.
pub(super) fn sleeps() {
    note(What::Sleeps);
}
