//! Runs a model under shuttle: schedules at random and schedules with priorities, by turns.

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId,
};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::explore::{Model, Run};
use super::listen::{self, Progress, lock};
use crate::sync::{execution, real_time::RealTime};

/// What an execution is called.
pub(super) const EXECUTION: &str = "schedule";
/// How many schedules there are, if the model does not say.
pub(super) const EXECUTIONS: Option<usize> = Some(1_000);
/// How many steps a schedule has at most, if the model does not say.
pub(super) const STEPS: usize = 1_000_000;

/// The size of a thread's stack, in bytes. shuttle's own choice is too small for the message of
/// a panic.
const STACK: usize = 0x4_0000;

/// A schedule, which a second run follows.
pub(super) type Again = Schedule;

/// Returns the seed that the schedulers take: that of shuttle's variable comes first.
pub(super) fn seed(limits: &Model) -> Option<u64> {
    let variable = std::env::var("SHUTTLE_RANDOM_SEED").ok();
    Some(variable.and_then(|seed| seed.parse().ok()).unwrap_or(limits.seed))
}

/// Returns how many schedules a second run has, if it ends where the first did.
pub(super) fn repeated(_executions: usize) -> usize {
    1
}

/// Lets shuttle set its panic hook, which it does in its first execution. It prints every panic,
/// so ours must come after it, to be asked first.
pub(super) fn before_listening() {
    Runner::new(RandomScheduler::new_from_seed(0, 1), Config::new()).run(|| ());
}

fn config(limits: &Model) -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(limits.steps);
    config.failure_persistence = FailurePersistence::None;
    // Of orderings, which shuttle does not explore: the documentation says so.
    config.silence_warnings = true;
    // After a failure no thread but the one that unwinds runs.
    config.ungraceful_shutdown_config.immediately_return_on_panic = true;
    config
}

/// Runs the schedules. `again` is the one schedule whose trace is wanted.
pub(super) fn run(
    limits: &Model,
    model: Arc<impl Fn() + Send + Sync + 'static>,
    again: Option<Again>,
) -> Run {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let (began, traced) = (RealTime::now(), again.is_some());
    let begun = move || {
        execution::begin(traced);
        // The hook has heard of a panic here, as of every one. shuttle would print it too.
        let _heard = catch_unwind(AssertUnwindSafe(|| model()));
    };
    let sampler = Sampler::new(limits, again, began, Arc::clone(&shared));
    listen::begin();
    let runner = Runner::new(sampler, config(limits));
    let caught = catch_unwind(AssertUnwindSafe(|| runner.run(begun))).err();
    let (failure, outcomes) = listen::end(caught.as_deref().map(|panic| panic as &dyn Any));
    let Shared { progress, last } = std::mem::take(&mut *lock(&shared));
    let (executions, stopped) = (progress.executions, progress.stopped);
    Run { executions, stopped, elapsed: began.elapsed(), outcomes, failure, last }
}

/// What the scheduler shares with the one who runs it.
#[derive(Default)]
struct Shared {
    progress: Progress,
    last: Schedule,
}

/// Chooses the schedules, and remembers the last.
struct Sampler {
    /// Never dropped: its drop frees nothing, and prints the seed of a failure, if none happened
    /// too.
    random: ManuallyDrop<RandomScheduler>,
    priorities: Option<PctScheduler>,
    again: Option<ReplayScheduler>,
    /// Whether the current schedule is one with priorities.
    by_priority: bool,
    /// Whether a schedule has had a choice between threads. Priorities need one.
    has_chosen: bool,
    most: usize,
    time: Option<Duration>,
    began: RealTime,
    shared: Arc<Mutex<Shared>>,
}

impl Sampler {
    fn new(
        limits: &Model,
        again: Option<Schedule>,
        began: RealTime,
        shared: Arc<Mutex<Shared>>,
    ) -> Self {
        let seed = seed(limits).unwrap_or_default();
        // The model ends the run, not the schedulers.
        let random = ManuallyDrop::new(RandomScheduler::new_from_seed(seed, usize::MAX));
        let priorities =
            limits.bound.map(|bound| PctScheduler::new_from_seed(seed, bound + 1, usize::MAX));
        let again = again.map(|schedule| {
            let mut again = ReplayScheduler::new_from_schedule(schedule);
            // A failure may have ended the schedule at once.
            again.set_allow_incomplete();
            again
        });
        let most = if again.is_some() { 1 } else { limits.executions.unwrap_or(usize::MAX) };
        let (by_priority, has_chosen, time) = (false, false, limits.time);
        Self { random, priorities, again, by_priority, has_chosen, most, time, began, shared }
    }

    fn current(&mut self) -> &mut dyn Scheduler {
        match (&mut self.again, &mut self.priorities) {
            (Some(again), _) => again,
            (None, Some(priorities)) if self.by_priority => priorities,
            (None, _) => &mut *self.random,
        }
    }
}

impl Scheduler for Sampler {
    fn new_execution(&mut self) -> Option<Schedule> {
        listen::next_execution();
        let shared = Arc::clone(&self.shared);
        let mut shared = lock(&shared);
        let number = shared.progress.executions;
        // The schedule before may have failed, though code caught the panic.
        if listen::has_failed() || number == self.most {
            return None;
        }
        if self.time.is_some_and(|time| self.began.elapsed() >= time) {
            shared.progress.stopped = true;
            return None;
        }
        self.by_priority = number % 2 == 1 && self.has_chosen && self.priorities.is_some();
        let schedule = self.current().new_execution()?;
        shared.progress.executions += 1;
        shared.last = schedule.clone();
        Some(schedule)
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        self.has_chosen |= runnable.len() > 1;
        let next = self.current().next_task(runnable, current, is_yielding)?;
        lock(&self.shared).last.push_task(next);
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        lock(&self.shared).last.push_random();
        self.current().next_u64()
    }
}
