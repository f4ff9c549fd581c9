//! Explores a program with loom, without the harness of `model`, which the real pool has not.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) executions: usize,
    /// Whether no limit ended it.
    pub(crate) complete: bool,
    pub(crate) outcomes: BTreeSet<String>,
    pub(crate) failure: Option<String>,
}

// A program runs on the OS thread of its test, so these say nothing about the tests beside it.
thread_local! {
    static EXPLORES: Cell<bool> = const { Cell::new(false) };
    /// The first panic. The pool may catch it, as it catches the panics of its users' closures.
    static FAILURE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Hears of every panic of a program before any code can catch it.
fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if EXPLORES.get() {
                let why = words(panic.payload());
                FAILURE.with_borrow_mut(|first| first.get_or_insert(why).len());
            } else {
                usual(panic);
            }
        }));
    });
    FAILURE.take();
}

fn words(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}

/// Explores up to `most` executions of a program, each of which returns its outcome.
pub(crate) fn explore(
    bound: usize,
    most: usize,
    program: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> Run {
    let shared = Arc::new(Mutex::new(Run { complete: true, ..Run::default() }));
    let seen = Arc::clone(&shared);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    (builder.max_permutations, builder.max_duration) = (None, None);
    builder.checkpoint_file = None;
    let run = || {
        builder.check(move || {
            let mut run = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if run.executions == most {
                run.complete = false;
                drop(run);
                // No hook hears of this.
                resume_unwind(Box::new("the limit"));
            }
            run.executions += 1;
            drop(run);
            let outcome = program();
            if FAILURE.with_borrow(Option::is_some) {
                resume_unwind(Box::new("the execution has failed"));
            }
            seen.lock().unwrap_or_else(PoisonError::into_inner).outcomes.extend(outcome);
        });
    };
    listen();
    EXPLORES.set(true);
    let ended = catch_unwind(AssertUnwindSafe(run)).err();
    EXPLORES.set(false);
    let mut run = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    run.failure = FAILURE.take().or_else(|| ended.filter(|_| run.complete).map(|it| words(&*it)));
    run
}
