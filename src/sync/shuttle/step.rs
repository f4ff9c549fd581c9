//! The steps of the API, which a trace tells of. They are no scheduling points: each operation
//! inside them is one.

use crate::sync::trace::{What, call as called, forget_caller, note};
use std::panic::Location;

/// A user's thread calls a verb that changes the pool or looks at it.
#[track_caller]
pub(crate) fn call(verb: &'static str) {
    called(verb, Location::caller());
}

/// A user's thread calls a verb that waits.
#[track_caller]
pub(crate) fn wait(verb: &'static str) {
    called(verb, Location::caller());
}

/// A step that no line of the user's stands for.
pub(crate) fn pass() {
    forget_caller();
}

/// A worker has ended a piece of the user's work, and is about to say so.
pub(crate) fn end() {
    forget_caller();
    note(What::Ends, None);
}

/// The edge from a submission to its take: nothing, since shuttle orders everything.
pub(crate) struct Passage;

impl Passage {
    /// The submitter puts it into a list.
    pub(crate) fn begin() -> Self {
        Self
    }

    /// A thread takes it out.
    pub(crate) fn end(self) {}
}
