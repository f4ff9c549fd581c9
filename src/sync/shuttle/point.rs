//! The points where the scheduler may change threads, and the choices that it makes.

use super::failure::failed;
use shuttle::rand::RngCore;
use std::ops::Deref;
use std::time::Duration;

/// Lets the scheduler run another thread here.
pub(super) fn preempt() {
    // While a panic unwinds, the scheduler changes no threads. The standard library counts
    // panics per OS thread, so every thread of an execution would take this thread's panic for
    // its own. Nor does it once the execution has failed.
    if !std::thread::panicking() && !failed() {
        // No time passes. This is shuttle's bare scheduling point. Unlike a yield, it asks for
        // nothing.
        shuttle::thread::sleep(Duration::ZERO);
    }
}

/// Chooses a number below `choices`. The choice is part of the schedule, so a replay repeats
/// it.
pub(super) fn choose(choices: usize) -> usize {
    let choice = shuttle::rand::thread_rng().next_u64() % choices as u64;
    usize::try_from(choice).expect("it is smaller than a usize")
}

/// Says whether an event that comes once in `times` comes now.
pub(super) fn one_in(times: usize) -> bool {
    choose(times) == 0
}

/// Wraps a thing so that each use of it begins with a scheduling point.
#[derive(Clone, Debug)]
pub(crate) struct Step<T>(T);

impl<T> Step<T> {
    pub(super) const fn new_step(inner: T) -> Self {
        Self(inner)
    }

    /// Lends the thing as part of the step that the caller is in.
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
