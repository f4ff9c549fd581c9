//! Runs a model: every execution counted, every failure heard of, however it was caught.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use super::example::{CounterExample, Failure};
use crate::sync::{clock::RealTime, execution, failure};

/// A model's limits: how many preemptions an execution may have, and how long to explore.
///
/// ```ignore
/// millpond::model::Model::new().bound(3).check(|| { /* your model */ });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Model {
    bound: Option<usize>,
    steps: usize,
    executions: Option<usize>,
    time: Option<Duration>,
}

/// What came of a model that did not fail, or of one that did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How many executions there were, the failed one included.
    pub executions: usize,
    /// How many preemptions an execution could have; `None` is any number.
    pub bound: Option<usize>,
    /// How long the exploration took.
    pub elapsed: Duration,
    /// Whether every execution within the bound was explored. It is false if a limit of the
    /// [`Model`] ended the exploration, or a failure did.
    pub complete: bool,
    /// The counter-example, if an execution failed, as it is printed.
    pub failure: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, bound, elapsed, complete, failure } = self;
        let s = if *executions == 1 { "" } else { "s" };
        write!(f, "{executions} execution{s}, ")?;
        match bound {
            Some(bound) => write!(f, "bound {bound}, ")?,
            None => f.write_str("no bound, ")?,
        }
        write!(f, "{:.2} s", elapsed.as_secs_f64())?;
        match (failure, complete) {
            (Some(_), _) => f.write_str(", FAILED"),
            (None, false) => f.write_str(", INCOMPLETE: a limit ended the exploration"),
            (None, true) if *executions == 1 => {
                f.write_str("; one execution explores nothing: do two threads meet at all?")
            }
            (None, true) => Ok(()),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Makes a model with a bound of two preemptions and no other limit.
    pub fn new() -> Self {
        Self { bound: Some(2), steps: 10_000, executions: None, time: None }
    }

    /// Sets how many preemptions an execution may have: how often a thread is interrupted that
    /// could go on. `None` is any number.
    pub fn bound(mut self, preemptions: impl Into<Option<usize>>) -> Self {
        self.bound = preemptions.into();
        self
    }

    /// Sets how many operations of loom's an execution may have before it counts as endless.
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Ends the exploration after so many executions. The report says INCOMPLETE then.
    pub fn max_executions(mut self, executions: usize) -> Self {
        self.executions = Some(executions);
        self
    }

    /// Ends the exploration after this time. The report says INCOMPLETE then.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.time = Some(time);
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
    #[track_caller]
    pub fn check(&self, model: impl Fn() + Send + Sync + 'static) -> Report {
        let place = Location::caller();
        let report = self.explore(model);
        println!("model at {}:{}: {report}", place.file(), place.line());
        if let Some(example) = &report.failure {
            eprintln!("{example}");
            panic!("the model failed in execution {}: see above", report.executions);
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
    /// The call runs `model` on this thread, once for each execution, and a failed one as often
    /// again.
    pub fn explore(&self, model: impl Fn() + Send + Sync + 'static) -> Report {
        let model = Arc::new(model);
        let first = self.run(Arc::clone(&model), None);
        let failure = first.failure.map(|failure| {
            let again = self.run(model, Some(first.executions));
            CounterExample {
                execution: first.executions,
                repeated: again.executions == first.executions && again.failure.is_some(),
                failure: again.failure.unwrap_or(failure),
            }
            .to_string()
        });
        Report {
            executions: first.executions,
            bound: self.bound,
            elapsed: first.elapsed,
            complete: failure.is_none() && !first.stopped,
            failure,
        }
    }

    /// Runs the executions. `traced` is the number of the one whose trace is wanted.
    fn run(&self, model: Arc<impl Fn() + Send + Sync + 'static>, traced: Option<usize>) -> Run {
        listen();
        FAILED.take();
        let mut builder = loom::model::Builder::new();
        builder.max_threads = loom::MAX_THREADS;
        builder.max_branches = self.steps;
        builder.preemption_bound = self.bound;
        // These end a run silently, and depend on variables of the environment.
        (builder.max_permutations, builder.max_duration) = (None, None);
        builder.checkpoint_file = None;
        builder.expect_explicit_explore = false;
        builder.log = false;
        builder.location = traced.is_some();
        let progress = Arc::new(Mutex::new(Progress { executions: 0, stopped: false }));
        let (shared, began) = (Arc::clone(&progress), RealTime::now());
        let (limit, time) = (self.executions, self.time);
        let explore = || {
            builder.check(move || {
                let mut progress = lock(&shared);
                let failed = FAILED.with_borrow(Option::is_some);
                let over = limit.is_some_and(|limit| progress.executions >= limit)
                    || time.is_some_and(|time| began.elapsed() >= time);
                if failed || over {
                    // The execution before has failed, though the code under test may have
                    // caught that, or a limit is reached. No hook hears of this.
                    progress.stopped = !failed;
                    drop(progress);
                    resume_unwind(Box::new(Stop));
                }
                progress.executions += 1;
                let number = progress.executions;
                drop(progress);
                execution::begin(traced == Some(number));
                model();
            });
        };
        IN_MODEL.set(true);
        let caught = catch_unwind(AssertUnwindSafe(explore)).err();
        IN_MODEL.set(false);
        execution::end();
        // A panic that the hook has not heard of, such as one that was resumed.
        let unheard = caught.filter(|panic| !panic.is::<Stop>()).map(|panic| Failure {
            message: text(&*panic).to_owned(),
            place: None,
            events: Vec::new(),
        });
        let failure = FAILED.take().or(unheard);
        let progress = lock(&progress);
        Run {
            executions: progress.executions,
            stopped: progress.stopped,
            elapsed: began.elapsed(),
            failure,
        }
    }
}

struct Run {
    executions: usize,
    /// Whether a limit ended the run.
    stopped: bool,
    elapsed: Duration,
    failure: Option<Failure>,
}

struct Progress {
    executions: usize,
    stopped: bool,
}

/// What unwinds when the exploration is to end.
struct Stop;

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(panic: &dyn Any) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without words",
    }
}

// A model runs on the thread that checks it, so these say nothing about the tests beside it.
thread_local! {
    static IN_MODEL: Cell<bool> = const { Cell::new(false) };
    /// The first panic of the current run. Later ones are its consequences.
    static FAILED: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Hears of every panic before any code can catch it.
fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(
            move |panic| {
                if IN_MODEL.get() { hear(panic) } else { usual(panic) }
            },
        ));
    });
}

/// Notes the first failure. It asks nothing of loom, which may have no current thread.
fn hear(panic: &PanicHookInfo<'_>) {
    FAILED.with_borrow_mut(|first| {
        first.get_or_insert_with(|| Failure {
            message: text(panic.payload()).to_owned(),
            place: panic.location().map(ToString::to_string),
            events: execution::events(),
        });
    });
    failure::fail();
}
