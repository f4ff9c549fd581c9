//! The steps of the API: the points where loom may change threads inside the pool.
//!
//! All steps touch one mark, so loom knows that they depend on each other, and explores them in
//! every order. Between two steps of a thread the pool's code is one stretch, which no other
//! thread sees half done.

pub(crate) use super::edge::Passage;

use super::execution::state;
use super::failure::{Mode, mode};
use crate::sync::trace;
use loom::sync::atomic::AtomicBool;
use std::panic::Location;
use std::sync::atomic::Ordering;

/// What all steps touch. No edge comes of it: a compare-exchange that always fails stores
/// nothing.
pub(super) struct Mark(AtomicBool);

impl Mark {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }
}

fn touch() {
    // While a panic unwinds loom must not change threads.
    if mode() == Mode::Live {
        let state = state();
        let missed =
            state.mark.0.compare_exchange(true, true, Ordering::Relaxed, Ordering::Relaxed);
        debug_assert!(missed.is_err(), "no thread ever stores true");
        state.read_last.set(None);
        trace::forget_caller();
    }
}

/// A user's thread calls a verb that changes the pool or looks at it.
#[track_caller]
pub(crate) fn call(verb: &'static str) {
    touch();
    wait(verb);
}

/// A user's thread calls a verb that waits. When it has waited it sees what every other order
/// would show it, so this is no step.
#[track_caller]
pub(crate) fn wait(verb: &'static str) {
    if mode() == Mode::Live {
        trace::call(verb, Location::caller());
    }
}

/// A pool's thread begins.
pub(super) fn begin() {
    touch();
}

/// A step that no line of the user's stands for: a worker is about to look for a task, to begin
/// one that it has taken, to help with the work that it waits for, or to leave. Or `queued` has
/// read one of its counts, or a pool, a stream or a feeder is dropped.
pub(crate) fn pass() {
    touch();
}

/// A worker has ended a piece of the user's work, and is about to say so.
pub(crate) fn end() {
    touch();
    trace::note(trace::What::Ends, None);
}
