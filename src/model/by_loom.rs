//! Explores a model with loom: every execution within the bound.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};

use super::explore::{Model, Run};
use super::listen::{self, Progress, Stop, lock};
use crate::sync::{execution, real_time::RealTime};

/// What an execution is called.
pub(super) const EXECUTION: &str = "execution";
/// How many executions there are at most, if the model does not say.
pub(super) const EXECUTIONS: Option<usize> = None;
/// How many operations an execution has at most, if the model does not say.
pub(super) const STEPS: usize = 10_000;

/// The number of an execution, to which a second run comes again.
pub(super) type Again = usize;

/// There is no seed.
pub(super) fn seed(_limits: &Model) -> Option<u64> {
    None
}

/// Returns how many executions a second run has, if it ends where the first did.
pub(super) fn repeated(executions: usize) -> usize {
    executions
}

/// Nothing to do: loom has no panic hook of its own.
pub(super) fn before_listening() {}

/// Runs the executions. `again` is the number of the one whose trace is wanted.
pub(super) fn run(
    limits: &Model,
    model: Arc<impl Fn() + Send + Sync + 'static>,
    again: Option<Again>,
) -> Run {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = loom::MAX_THREADS;
    builder.max_branches = limits.steps;
    builder.preemption_bound = limits.bound;
    // These end a run silently, and depend on variables of the environment.
    (builder.max_permutations, builder.max_duration) = (None, None);
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;
    builder.log = false;
    builder.location = again.is_some();
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (shared, began) = (Arc::clone(&progress), RealTime::now());
    let (limit, time) = (limits.executions, limits.time);
    let explore = || {
        builder.check(move || {
            listen::next_execution();
            let mut progress = lock(&shared);
            let failed = listen::has_failed();
            let over = limit.is_some_and(|limit| progress.executions >= limit)
                || time.is_some_and(|time| began.elapsed() >= time);
            if failed || over {
                // The execution before has failed, or a limit is reached. No hook hears of
                // this.
                progress.stopped = !failed;
                drop(progress);
                resume_unwind(Box::new(Stop));
            }
            progress.executions += 1;
            let number = progress.executions;
            drop(progress);
            execution::begin(again == Some(number));
            model();
        });
    };
    listen::begin();
    let caught = catch_unwind(AssertUnwindSafe(explore)).err();
    let (failure, outcomes) = listen::end(caught.as_deref().map(|panic| panic as &dyn Any));
    let progress = lock(&progress);
    Run {
        executions: progress.executions,
        stopped: progress.stopped,
        elapsed: began.elapsed(),
        outcomes,
        failure,
        last: progress.executions,
    }
}
