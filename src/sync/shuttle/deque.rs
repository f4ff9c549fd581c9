//! The queues: crossbeam's own. Each operation is one step, and the scheduler changes no
//! threads inside it. An item carries the line that submitted it, for the trace.

use super::Step;
use crate::sync::trace::{What, caller, note};
use std::panic::Location;

pub(crate) use crossbeam_deque::Steal;

/// An item, and the line of the user's that submitted it.
struct Carried<T>(T, Option<&'static Location<'static>>);

impl<T> Carried<T> {
    fn new(item: T) -> Self {
        Self(item, caller())
    }

    fn received(self) -> T {
        note(What::Takes, self.1);
        self.0
    }
}

fn received<T>(steal: Steal<Carried<T>>) -> Steal<T> {
    match steal {
        Steal::Success(carried) => Steal::Success(carried.received()),
        Steal::Empty => Steal::Empty,
        Steal::Retry => Steal::Retry,
    }
}

/// A queue that any thread pushes to and takes from: the stand-in for `block/injector.rs`.
pub(crate) struct Injector<T>(Step<crossbeam_deque::Injector<Carried<T>>>);

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self(Step::new_step(crossbeam_deque::Injector::new()))
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(Carried::new(item));
    }

    pub(crate) fn take(&self) -> Option<T> {
        received(self.0.steal()).success()
    }

    /// Returns 0. No worker polls in a model, so none asks how many entries others have taken.
    pub(crate) fn taken(&self) -> u64 {
        0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A worker's queue as a thief sees it: see [`crossbeam_deque::Stealer`].
pub(crate) struct Stealer<T>(Step<crossbeam_deque::Stealer<Carried<T>>>);

impl<T> Stealer<T> {
    pub(crate) fn steal(&self) -> Steal<T> {
        received(self.0.steal())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        crossbeam_deque::Stealer::len(&self.0)
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A queue whose owner pushes and pops the newest item: see [`crossbeam_deque::Worker`].
pub(crate) struct Worker<T>(Step<crossbeam_deque::Worker<Carried<T>>>);

impl<T> Worker<T> {
    pub(crate) fn new_lifo() -> Self {
        Self(Step::new_step(crossbeam_deque::Worker::new_lifo()))
    }

    pub(crate) fn push(&self, item: T) {
        self.0.push(Carried::new(item));
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop().map(Carried::received)
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Step::new_step(self.0.in_this_step().stealer()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
