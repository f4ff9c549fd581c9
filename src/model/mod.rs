#![doc = include_str!("README.md")]

mod example;
mod explore;

pub use explore::{Model, Report};

use crate::sync::{clock, failure, trace};

/// Explores the executions of `model` with at most two preemptions each, and prints how many
/// there were.
///
/// It is [`Model::new`] and [`Model::check`].
///
/// # Panics
///
/// The call panics if an execution fails. It prints the counter-example first.
///
/// # Cost
///
/// The call runs `model` on this thread, once for each execution, and a failed one as often again.
#[track_caller]
pub fn check(model: impl Fn() + Send + Sync + 'static) -> Report {
    Model::new().check(model)
}

/// Lets every time limit pass, those set later included: a timed wait that sleeps returns.
///
/// Time stands still in a model until a thread of the model calls this. loom explores each order
/// of this call and of the steps of the other threads.
///
/// # Cost
///
/// The call is one step of the model. It wakes the threads whose time is up.
#[track_caller]
pub fn expire() {
    clock::expire();
}

/// Panics as a task of yours might, without failing the model.
///
/// Every other panic inside a model is its failure, even if the pool or your code catches it.
///
/// # Panics
///
/// This always panics.
pub fn panic_deliberately() -> ! {
    failure::panic_deliberately()
}

/// Adds a line of your own to the counter-example, with the place of this call.
///
/// It is no step, and costs nothing while the model does not fail.
#[track_caller]
pub fn note(text: impl Into<String>) {
    trace::say(text.into());
}
