//! A model's limits, and the way from them to a report.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{self, Again};
use super::example::{CounterExample, Failure};
use super::listen;
use super::report::Report;

/// A model's limits: how many preemptions an execution may have, and how long to explore.
///
/// ```
/// use millpond::ThreadPool;
/// use millpond::model::Model;
/// use std::time::Duration;
///
/// Model::new().bound(3).max_time(Duration::from_secs(60)).check(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     assert_eq!(pool.apply(|| 6 * 7).unwrap(), 42);
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Model {
    pub(super) bound: Option<usize>,
    pub(super) steps: usize,
    pub(super) executions: Option<usize>,
    pub(super) time: Option<Duration>,
    pub(super) seed: u64,
}

/// What an engine says about a run of many executions.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) executions: usize,
    /// Whether a limit of the model ended the run before all was done.
    pub(super) stopped: bool,
    pub(super) elapsed: Duration,
    pub(super) outcomes: BTreeMap<String, usize>,
    pub(super) failure: Option<Failure>,
    /// How to come to the last execution again.
    pub(super) last: Again,
}

/// The seed of a model that sets none.
const SEED: u64 = 0x6D69_6C6C;

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Makes a model with a bound of two preemptions. Under loom it has no other limit, and under
    /// shuttle it runs 1,000 schedules.
    ///
    /// ```
    /// use millpond::model::Model;
    ///
    /// let report = Model::new().explore(|| drop(millpond::ThreadPool::new(1).unwrap()));
    /// assert_eq!(report.bound, Some(2));
    /// ```
    pub fn new() -> Self {
        let executions = engine::EXECUTIONS;
        Self { bound: Some(2), steps: engine::STEPS, executions, time: None, seed: SEED }
    }

    /// Sets how many preemptions an execution may have: how often a thread is interrupted that
    /// could go on. `None` is any number.
    ///
    /// Under shuttle every second schedule changes the threads at random. In each other one the
    /// threads have priorities, which change this often. With `None` all are at random.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let model = || drop(ThreadPool::new(1).unwrap().apply(|| ()));
    /// let [few, many] = [1, 3].map(|bound| Model::new().bound(bound).explore(model));
    /// assert!(few.executions <= many.executions);
    /// ```
    pub fn bound(mut self, preemptions: impl Into<Option<usize>>) -> Self {
        self.bound = preemptions.into();
        self
    }

    /// Sets how many steps an execution may have before it counts as endless: 10,000 operations
    /// under loom, and 1,000,000 under shuttle, unless this sets another number.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let report = Model::new().max_steps(5).explore(|| drop(ThreadPool::new(1).unwrap()));
    /// assert!(report.failure.unwrap().contains("endless"));
    /// ```
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Ends the exploration after so many executions. Under loom the report says INCOMPLETE then.
    /// Under shuttle this is how many schedules there are.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let model = || drop(ThreadPool::new(2).unwrap().apply(|| ()));
    /// assert_eq!(Model::new().max_executions(10).explore(model).executions, 10);
    /// ```
    pub fn max_executions(mut self, executions: usize) -> Self {
        self.executions = Some(executions);
        self
    }

    /// Ends the exploration after this time. The report says INCOMPLETE then.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    /// use std::time::Duration;
    ///
    /// let model = || drop(ThreadPool::new(2).unwrap().apply(|| ()));
    /// let report = Model::new().max_time(Duration::ZERO).explore(model);
    /// assert!(!report.complete && report.to_string().contains("INCOMPLETE"));
    /// ```
    pub fn max_time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the seed of shuttle's schedulers. Schedules with one seed are the same in each run.
    /// loom has no use for a seed, since it explores every execution.
    ///
    /// shuttle's variable `SHUTTLE_RANDOM_SEED` comes before this.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let report = Model::new().seed(7).explore(|| drop(ThreadPool::new(1).unwrap()));
    /// assert!(report.failure.is_none());
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Explores the executions of `model`, and prints what came of it.
    ///
    /// # Panics
    ///
    /// The call panics if an execution fails. It prints the counter-example first.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`explore`](Self::explore).
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let report = Model::new().bound(1).check(|| {
    ///     let pool = ThreadPool::new(1).unwrap();
    ///     assert_eq!(pool.apply(|| 6 * 7).unwrap(), 42);
    /// });
    /// assert!(report.complete && report.executions > 1);
    /// ```
    #[track_caller]
    pub fn check(&self, model: impl Fn() + Send + Sync + 'static) -> Report {
        let place = Location::caller();
        let report = self.explore(model);
        println!("model at {}:{}: {report}", place.file(), place.line());
        if let Some(example) = &report.failure {
            eprintln!("{example}");
            let (which, number) = (engine::EXECUTION, report.executions);
            listen::tell(&format!("the model failed in {which} {number}: see above"));
        }
        report
    }

    /// Explores the executions of `model`, and returns a failure in the report.
    ///
    /// A failed model is run a second time, up to the execution that failed. That run notes who
    /// did what.
    ///
    /// # Cost
    ///
    /// The call runs `model` on this thread, once for each execution. Under loom it runs a failed
    /// model as often again, and under shuttle once more.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use millpond::model::Model;
    ///
    /// let report = Model::new().explore(|| {
    ///     let pool = ThreadPool::new(1).unwrap();
    ///     let task = pool.apply_async(|| 7).unwrap();
    ///     assert!(task.ready(), "the worker was fast");
    /// });
    /// let example = report.failure.unwrap();
    /// assert!(example.contains("the worker was fast") && example.contains("apply_async"));
    /// ```
    pub fn explore(&self, model: impl Fn() + Send + Sync + 'static) -> Report {
        let model = Arc::new(model);
        let first = engine::run(self, Arc::clone(&model), None);
        let (executions, seed) = (first.executions, engine::seed(self));
        let failure = first.failure.map(|failure| {
            let again = engine::run(self, model, Some(first.last));
            CounterExample {
                execution: executions,
                seed,
                repeated: again.executions == engine::repeated(executions)
                    && again.failure.is_some(),
                failure: again.failure.unwrap_or(failure),
            }
            .to_string()
        });
        Report {
            executions,
            elapsed: first.elapsed,
            complete: failure.is_none() && !first.stopped,
            outcomes: first.outcomes,
            failure,
            bound: self.bound,
            seed,
        }
    }
}
