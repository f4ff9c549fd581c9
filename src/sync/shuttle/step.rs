//! Where the scheduler may change threads, and the choices that it makes.

use shuttle::rand::RngCore;
use std::ops::Deref;
use std::time::Duration;

/// The scheduler may let another thread run here.
pub(super) fn preempt() {
    // While a panic unwinds none does: the standard library counts panics per OS thread, and every thread of an execution
    // would take this one's for its own.
    if !std::thread::panicking() {
        // No time passes: this is shuttle's bare scheduling point, which asks for nothing, unlike a yield.
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// A choice that is part of the schedule, and so is replayed: below `choices`.
pub(super) fn choose(choices: usize) -> usize {
    let choice = shuttle::rand::thread_rng().next_u64() % choices as u64;
    usize::try_from(choice).expect("it is smaller than a usize")
}

/// Whether something happens that happens once in `times`.
pub(super) fn one_in(times: usize) -> bool {
    choose(times) == 0
}

/// A thing of which each use begins with a scheduling point.
#[derive(Clone, Debug)]
pub(crate) struct Step<T>(T);

impl<T> Step<T> {
    pub(super) const fn new_step(inner: T) -> Self {
        Self(inner)
    }

    /// As part of the step that the caller is in.
    pub(super) fn in_this_step(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Step<T> {
    type Target = T;

    fn deref(&self) -> &T {
        preempt();
        &self.0
    }
}
