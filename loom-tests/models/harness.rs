//! Running a model: every execution counted, every rejection caught.
//!
//! A model that explores one execution proves nothing, and one that has never been seen to fail proves little: so
//! [`check`] prints and tests the number of executions, and [`control`] runs the same protocol with its edge options and
//! demands that it fails, in the invariant's own words.
//!
//! The name of a model and of a control begins with the invariants that it is about: `I12 I15 submit ‖ worker`.
//!
//! Settings are set here and not read from the environment, loom's `LOOM_…` variables included. Two variables are
//! ours: `MILLPOND_MODELS=long` raises the usual bound of three preemptions to four, and `MILLPOND_MODEL_LIMIT=SECONDS`
//! stops each model after that time. A model that was stopped has failed, and says INCOMPLETE.
//!
//! `cargo models` reads what a model prints, and keeps the tables of the README.
//!
//! What a model must respect stands in the README of the room `sync`.

use super::invariants::{self, say};
use crate::block::{PoolView, Reason, TaskRef};
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicUsize as Count, execution, failure, fence, thread};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use execution::Futex;
pub(crate) use failure::panic_deliberately;

/// How many preemptions an execution may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// As many as it likes: for two threads.
    None,
    /// Three, or four in the long run: for three threads and more.
    Usual,
    /// Two, or three in the long run: for whole workers, whose every turn is two dozen operations.
    Whole,
    /// One, or two in the long run: for two whole workers.
    Pair,
}

impl Bound {
    fn name(self) -> String {
        self.preemptions().map_or_else(|| "none".into(), |bound| bound.to_string())
    }

    fn preemptions(self) -> Option<usize> {
        let long = std::env::var_os("MILLPOND_MODELS").is_some_and(|lane| lane == "long");
        match self {
            Self::None => None,
            Self::Usual => Some(if long { 4 } else { 3 }),
            Self::Whole => Some(if long { 3 } else { 2 }),
            Self::Pair => Some(if long { 2 } else { 1 }),
        }
    }
}

/// The distinct outcomes of a model's executions, whatever the model takes an outcome to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes(Arc<Mutex<BTreeSet<String>>>);

impl Outcomes {
    pub(crate) fn insert(&self, outcome: impl Debug) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{outcome:?}"));
    }

    fn sorted(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// What a model's run saw.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) executions: usize,
    /// Sorted; as `Debug` prints them.
    pub(crate) outcomes: Vec<String>,
}

/// The view of a model's runners: it never stops, and what a runner puts back is run at once.
pub(crate) struct Running;

impl PoolView for Running {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, entry: TaskRef) {
        if entry.count() {
            entry.run(self);
        } else {
            entry.turn_away(Reason::Cancelled);
        }
    }
}

/// A view that loses what a runner puts back: for controls.
pub(crate) struct Mute;

impl PoolView for Mute {
    fn stopping(&self) -> Option<Reason> {
        None
    }

    fn put_back(&self, _: TaskRef) {}
}

/// Explores `model` and returns what it saw. Panics as the model does if one of its executions fails.
pub(crate) fn check(
    name: &str,
    bound: Bound,
    futex: Futex,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
) -> Report {
    let outcomes = Outcomes::default();
    let Explored { executions, threads, failure, time } = explore(bound, futex, &outcomes, model);
    let outcomes = outcomes.sorted();
    let name = &titled(name, futex);
    let (bound, seconds) = (bound.name(), time.as_secs_f64());
    if let Some(why) = failure {
        refuse_incomplete(name, executions, &why, &bound, time);
        panic!("{name}: failed in execution {executions}: {}", invariants::in_its_words(name, why));
    }
    let seen = outcomes.len();
    say(&format!(
        "{name}: {executions} executions, {seen} outcomes, {threads} threads, bound {bound}, {seconds:.1} s"
    ));
    assert!(executions > 1, "{name}: one execution proves nothing");
    Report { executions, outcomes }
}

/// Explores `model`, a negative control, which must break one of the invariants that its name begins with.
pub(crate) fn control(
    name: &str,
    bound: Bound,
    futex: Futex,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
) {
    fails(name, bound, futex, model, |said| invariants::breaks(name, said));
}

/// Explores `model`, a control of the model itself, which must fail with a message that contains `message`.
pub(crate) fn rejects(
    name: &str,
    message: &str,
    bound: Bound,
    futex: Futex,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
) {
    fails(name, bound, futex, model, |said| said.contains(message));
}

/// Explores `model`, which must fail for a reason that `is_it` accepts.
fn fails(
    name: &str,
    bound: Bound,
    futex: Futex,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
    is_it: impl Fn(&str) -> bool,
) {
    let outcomes = Outcomes::default();
    SILENT.set(true);
    let Explored { executions, failure, time, .. } = explore(bound, futex, &outcomes, model);
    SILENT.set(false);
    let name = &titled(name, futex);
    let Some(failure) = failure else {
        panic!("{name}: not rejected in {executions} executions; outcomes {:?}", outcomes.sorted());
    };
    refuse_incomplete(name, executions, &failure, &bound.name(), time);
    let said = invariants::in_its_words(name, failure);
    assert!(is_it(&said), "{name}: rejected, but for another reason: {said}");
    let why: String = said.lines().next().unwrap_or_default().chars().take(110).collect();
    let seconds = time.as_secs_f64();
    say(&format!("{name}: rejected after {executions} executions, {seconds:.1} s: {why}"));
}

/// The name, with the mode in which no wait sleeps.
fn titled(name: &str, futex: Futex) -> String {
    let is_told = futex == Futex::Block || name.contains("Spurious");
    if is_told { name.to_owned() } else { format!("{name} (Spurious)") }
}

/// What an execution says that begins after the limit.
const STOPPED: &str = "the limit has stopped the model";

/// Fails a model that the limit has stopped, which is neither right nor wrong.
fn refuse_incomplete(name: &str, executions: usize, why: &str, bound: &str, time: Duration) {
    let (whole, seconds) = (executions - 1, time.as_secs());
    assert!(
        why != STOPPED,
        "{name}: INCOMPLETE after {whole} executions, bound {bound}, {seconds} s"
    );
}

fn limit() -> Option<Duration> {
    let seconds = std::env::var("MILLPOND_MODEL_LIMIT").ok()?.parse();
    Some(Duration::from_secs_f64(seconds.expect("MILLPOND_MODEL_LIMIT is a number of seconds")))
}

/// What a run of a model was.
struct Explored {
    executions: usize,
    /// How many threads an execution had at most, the main one included.
    threads: usize,
    /// Why the last execution failed, if it did.
    failure: Option<String>,
    time: Duration,
}

/// Explores the model until it is done, has failed, or the limit has stopped it.
fn explore(
    bound: Bound,
    futex: Futex,
    outcomes: &Outcomes,
    model: impl Fn(&Outcomes) + Send + Sync + 'static,
) -> Explored {
    listen();
    FAILURE.take();
    let mut builder = loom::model::Builder::new();
    builder.max_threads = loom::MAX_THREADS;
    builder.max_branches = 10_000;
    // These two end a run early and silently.
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = bound.preemptions();
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;
    builder.location = false;
    builder.log = false;
    let (began, limit) = (Instant::now(), limit());
    let [executions, threads] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (count, most, outcomes) = (Arc::clone(&executions), Arc::clone(&threads), outcomes.clone());
    let run = || {
        builder.check(move || {
            // The code under test may have caught the panic of the execution before.
            assert!(FAILURE.with_borrow(Option::is_none), "the execution before has failed");
            count.fetch_add(1, Ordering::Relaxed);
            execution::begin(futex);
            assert!(limit.is_none_or(|limit| began.elapsed() < limit), "{STOPPED}");
            model(&outcomes);
            most.fetch_max(thread::started() + 1, Ordering::Relaxed);
        });
    };
    IN_MODEL.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    IN_MODEL.set(false);
    let failure = FAILURE.take().or_else(|| result.err().map(|panic| text(&*panic).to_owned()));
    Explored {
        executions: executions.load(Ordering::Relaxed),
        threads: threads.load(Ordering::Relaxed),
        failure,
        time: began.elapsed(),
    }
}

fn text(panic: &dyn Any) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without words",
    }
}

// A model runs on the OS thread of its test, so these say nothing about the tests that run beside it.
thread_local! {
    static IN_MODEL: Cell<bool> = const { Cell::new(false) };
    /// The panics of this model are expected: they are not printed.
    static SILENT: Cell<bool> = const { Cell::new(false) };
    /// The first panic of the current run. Later ones are its consequences.
    static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Hears of every panic before anybody can catch it.
fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !SILENT.get() {
                usual(panic);
            }
            if IN_MODEL.get() {
                let why = text(panic.payload()).to_owned();
                FAILURE.with_borrow_mut(|first| first.get_or_insert(why).len());
                failure::fail();
            }
        }));
    });
}

/// Starts a model thread.
pub(crate) fn spawn(main: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn("model".into(), None, main).expect("the model lets it start")
}

/// What a model thread saw, once it has been joined.
pub(crate) struct Seen<T> {
    thread: thread::JoinHandle<()>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static> Seen<T> {
    /// Starts it.
    pub(crate) fn by(main: impl FnOnce() -> T + Send + 'static) -> Self {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let thread = spawn(move || {
            let seen = main();
            *slot.lock().expect("nobody panics holding it") = Some(seen);
        });
        Self { thread, result }
    }

    pub(crate) fn join(self) -> T {
        self.thread.join().expect("a model thread returns");
        self.result.lock().expect("nobody panics holding it").take().expect("it has returned")
    }
}

/// Runs `theirs` on a second thread beside `ours` and returns what both saw.
pub(crate) fn beside<A, B: Send + 'static>(
    theirs: impl FnOnce() -> B + Send + 'static,
    ours: impl FnOnce() -> A,
) -> (A, B) {
    let theirs = Seen::by(theirs);
    let ours = ours();
    (ours, theirs.join())
}

/// A cell with nothing in it: the data that a protocol carries. A write and another access without an order between
/// them fail the model with "Causality violation".
pub(crate) struct Watched(UnsafeCell<()>);

// SAFETY: it has no content that two threads could touch, and loom watches the touching.
unsafe impl Sync for Watched {}

impl Watched {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }

    pub(crate) fn read(&self) {
        self.0.with(|_| ());
    }

    pub(crate) fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

/// An `Arc` that orders what an `Arc` orders: every use before the drop of the value.
///
/// loom does not see the standard library's, so a destructor that the last `Arc` runs would race with the others'
/// uses; loom's own cannot be dropped after a failure.
#[derive(Debug)]
pub(crate) struct Shared<T>(std::mem::ManuallyDrop<Arc<(T, Count)>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::mem::ManuallyDrop::new(Arc::new((value, Count::new(1)))))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if self.0.1.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
        }
        // SAFETY: this is the only place that drops it, and it is not touched again.
        unsafe { std::mem::ManuallyDrop::drop(&mut self.0) }
    }
}
