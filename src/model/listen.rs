//! Hears of every panic of a model, however it is caught, and of its outcomes.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, Once, PoisonError};

use super::example::Failure;
use crate::sync::{execution, failure, trace};

// A model runs on the thread that checks it, so these say nothing about the tests beside it.
thread_local! {
    static IN_MODEL: Cell<bool> = const { Cell::new(false) };
    /// Whether the thread panics because a model has failed, which was told.
    static TOLD: Cell<bool> = const { Cell::new(false) };
    /// The first panic of the current run. Later ones are its consequences.
    static FAILED: RefCell<Option<Failure>> = const { RefCell::new(None) };
    /// The outcomes of the execution that runs.
    static OUTCOME: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// The outcomes of the executions that have ended, and how many had each.
    static OUTCOMES: RefCell<BTreeMap<String, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Listens from here to [`end`].
pub(super) fn begin() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let bare: Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync> = std::panic::take_hook().into();
        let inner = Arc::clone(&bare);
        std::panic::set_hook(Box::new(move |panic| inner(panic)));
        super::before_listening();
        // What the engine has set. It is for models that are run without this harness.
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match (IN_MODEL.get(), TOLD.take()) {
            (true, _) => hear(panic),
            (false, true) => bare(panic),
            (false, false) => usual(panic),
        }));
    });
    FAILED.take();
    OUTCOME.take();
    OUTCOMES.take();
    IN_MODEL.set(true);
}

/// Fails the test. The counter-example has been printed, so the engine's own words, which come with
/// any other panic, stay out.
#[track_caller]
pub(super) fn tell(message: &str) -> ! {
    TOLD.set(true);
    panic!("{message}")
}

/// Listens no more, and returns the first failure and the outcomes. `caught` is a panic that
/// ended the run.
pub(super) fn end(caught: Option<&dyn Any>) -> (Option<Failure>, BTreeMap<String, usize>) {
    IN_MODEL.set(false);
    execution::end();
    next_execution();
    // A panic that the hook has not heard of, such as one that was resumed.
    let unheard = caught.filter(|panic| !panic.is::<Stop>()).map(|panic| Failure {
        message: text(panic).to_owned(),
        place: None,
        events: Vec::new(),
        waits: Vec::new(),
    });
    (FAILED.take().or(unheard), OUTCOMES.take())
}

/// Says whether an execution has failed, though the code under test may have caught that.
pub(super) fn has_failed() -> bool {
    FAILED.with_borrow(Option::is_some)
}

/// Notes an outcome of the execution that runs.
pub(super) fn outcome(outcome: String) {
    OUTCOME.with_borrow_mut(|outcomes| outcomes.push(outcome));
}

/// Counts the outcome of the execution before, if it has not failed.
pub(super) fn next_execution() {
    let outcome = OUTCOME.take();
    if !outcome.is_empty() && !has_failed() {
        OUTCOMES.with_borrow_mut(|outcomes| *outcomes.entry(outcome.join(", ")).or_default() += 1);
    }
}

/// Notes the first failure. It asks nothing of the model, which may have no current thread.
fn hear(panic: &PanicHookInfo<'_>) {
    FAILED.with_borrow_mut(|first| {
        // shuttle tells of a deadlock only after it has dropped what the blocked threads held.
        if let Some(first) = first.as_mut().filter(|it| it.message.starts_with("blocks leaked")) {
            if text(panic.payload()).starts_with("deadlock!") {
                first.message = text(panic.payload()).to_owned();
            }
        }
        first.get_or_insert_with(|| Failure {
            message: text(panic.payload()).to_owned(),
            place: panic.location().map(ToString::to_string),
            events: trace::events(),
            waits: trace::waits(),
        });
    });
    failure::fail();
}

/// What unwinds when the exploration is to end.
pub(super) struct Stop;

/// How far a run is, which the executions and the one who runs them share.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) executions: usize,
    /// Whether a limit ended the run.
    pub(super) stopped: bool,
}

pub(super) fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(panic: &dyn Any) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without words",
    }
}
