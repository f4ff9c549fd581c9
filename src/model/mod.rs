#![doc = include_str!("README.md")]

#[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
#[path = "by_loom.rs"]
mod engine;
#[cfg(all(millpond_shuttle, feature = "shuttle"))]
#[path = "by_shuttle.rs"]
mod engine;
mod example;
mod explore;
mod listen;
mod report;

pub use explore::Model;
pub use report::Report;

/// The types for the shared state of a model, in place of the standard library's: loom's or
/// shuttle's, and the counter-example has a line for each use.
pub mod sync {
    pub use crate::sync::recorded::{Condvar, Mutex, MutexGuard};

    /// Atomics, which the counter-example shows with their values.
    ///
    /// Under loom they are without loom's gap: it explores both orders of a load and of a
    /// `compare_exchange` that comes after another load.
    ///
    /// Each operation is one step, as in the standard library, and loom explores what
    /// its ordering allows. shuttle explores no orderings.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    /// use millpond::model::sync::atomic::{AtomicU32, Ordering};
    /// use std::sync::Arc;
    ///
    /// let report = Model::new().explore(|| {
    ///     let pool = ThreadPool::new(1).unwrap();
    ///     let hits = Arc::new(AtomicU32::new(0).named("hits"));
    ///     let theirs = Arc::clone(&hits);
    ///     let task = pool.apply_async(move || {
    ///         // The bug: two steps.
    ///         let old = theirs.load(Ordering::Relaxed);
    ///         theirs.store(old + 1, Ordering::Relaxed);
    ///     });
    ///     hits.fetch_add(1, Ordering::Relaxed);
    ///     task.unwrap().get().unwrap();
    ///     assert_eq!(hits.load(Ordering::Relaxed), 2);
    /// });
    /// let example = report.failure.unwrap();
    /// assert!(example.contains("hits.load → 0") && example.contains("hits.fetch_add(1) → 0"));
    /// ```
    pub mod atomic {
        pub use crate::sync::recorded::{
            AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU32, AtomicU64,
            AtomicUsize, Ordering, fence,
        };
    }

    /// A cell that loom watches.
    pub mod cell {
        pub use crate::sync::recorded::UnsafeCell;
    }
}

/// Threads of the model's own.
pub mod thread {
    pub use crate::sync::recorded::{JoinHandle, block_on, spawn, yield_now};
}

use crate::sync::{clock, failure, trace};
use engine::before_listening;
use std::any::Any;
use std::fmt::Debug;

/// Explores the executions of `model` with at most two preemptions each, and prints how many
/// there were. Under shuttle it runs 1,000 schedules.
///
/// It is [`Model::new`] and [`Model::check`].
///
/// # Panics
///
/// The call panics if an execution fails. It prints the counter-example first.
///
/// # Cost
///
/// The call costs as much as [`Model::explore`].
///
/// ```
/// use millpond::{ThreadPool, model};
///
/// model::check(|| {
///     let pool = ThreadPool::new(2).unwrap();
///     let task = pool.apply_async(|| 6 * 7).unwrap();
///     assert_eq!(task.get().unwrap(), 42);
/// });
/// ```
#[track_caller]
pub fn check(model: impl Fn() + Send + Sync + 'static) -> Report {
    Model::new().check(model)
}

/// Lets every time limit pass, those set later included: a timed wait that sleeps returns.
///
/// Under loom time stands still until a thread of the model calls this. loom explores each order
/// of this call and of the steps of the other threads. Under shuttle time leaps by itself now and
/// then as well, so a time limit may pass without this call.
///
/// # Cost
///
/// The call is one step of the model. It wakes the threads whose time is up.
///
/// ```
/// use millpond::{ThreadPool, model};
/// use std::time::Duration;
///
/// let report = model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| 7).unwrap();
///     let clock = model::thread::spawn(model::expire);
///     model::outcome(task.get_timeout(Duration::from_secs(1)).is_ok());
///     clock.join().unwrap();
/// });
/// assert_eq!(report.outcomes.keys().collect::<Vec<_>>(), ["false", "true"]);
/// ```
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
///
/// ```
/// use millpond::{ThreadPool, model};
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| -> u32 { model::panic_deliberately() }).unwrap();
///     assert!(task.get().is_err());
/// });
/// ```
pub fn panic_deliberately() -> ! {
    failure::panic_deliberately()
}

/// Panics as [`panic_deliberately`], with a payload that the handle of the task gives back.
///
/// # Panics
///
/// This always panics.
///
/// ```
/// use millpond::{TaskError, ThreadPool, model};
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| -> u32 { model::panic_deliberately_with("late") }).unwrap();
///     let TaskError::Panicked(panic) = task.get().unwrap_err() else { panic!("it ran") };
///     assert_eq!(panic.message(), Some("late"));
/// });
/// ```
pub fn panic_deliberately_with<M: Any + Send>(payload: M) -> ! {
    failure::resume_deliberately(Box::new(payload))
}

/// Panics on, as [`std::panic::resume_unwind`], without failing the model.
///
/// # Panics
///
/// This always panics.
///
/// ```
/// use millpond::{ThreadPool, model};
/// use std::panic::{AssertUnwindSafe, catch_unwind};
///
/// model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| -> u32 {
///         let fails = || -> u32 { model::panic_deliberately() };
///         let caught = catch_unwind(AssertUnwindSafe(fails));
///         model::resume_deliberately(caught.unwrap_err())
///     });
///     assert!(task.unwrap().get().is_err());
/// });
/// ```
pub fn resume_deliberately(payload: Box<dyn Any + Send>) -> ! {
    failure::resume_deliberately(payload)
}

/// Adds a line of your own to the counter-example, with the place of this call.
///
/// # Cost
///
/// The call is no step. While the model does not fail, the line is made and dropped.
///
/// ```
/// use millpond::{ThreadPool, model};
///
/// let report = model::Model::new().explore(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     pool.apply(|| model::note("here I am")).unwrap();
///     panic!("enough");
/// });
/// assert!(report.failure.unwrap().contains("worker 0  here I am"));
/// ```
#[track_caller]
pub fn note(text: impl Into<String>) {
    trace::say(text.into());
}

/// Tells the report what came of this execution: the report counts the executions of each
/// outcome.
///
/// An execution that calls this more than once has all of them as its outcome, in their order.
///
/// # Cost
///
/// The call is no step. It formats the outcome.
///
/// ```
/// use millpond::{ThreadPool, model};
///
/// let report = model::check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| 7).unwrap();
///     model::outcome(task.cancel());
/// });
/// assert_eq!(report.outcomes.len(), 2);
/// ```
pub fn outcome(outcome: impl Debug) {
    listen::outcome(format!("{outcome:?}"));
}
