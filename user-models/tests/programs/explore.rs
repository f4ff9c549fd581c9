//! Explores a program with loom, without the harness of `model`, which the real pool has not.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) executions: usize,
    /// Whether no limit ended it.
    pub(crate) complete: bool,
    pub(crate) outcomes: BTreeSet<String>,
    pub(crate) failure: Option<String>,
}

/// Explores up to `most` executions of a program, each of which returns its outcome.
pub(crate) fn explore(
    bound: usize,
    most: usize,
    program: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> Run {
    let shared = Arc::new(Mutex::new(Run::default()));
    let seen = Arc::clone(&shared);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    (builder.max_permutations, builder.checkpoint_interval) = (Some(most), 1_000);
    let explored = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            seen.lock().unwrap_or_else(PoisonError::into_inner).executions += 1;
            let outcome = program();
            seen.lock().unwrap_or_else(PoisonError::into_inner).outcomes.extend(outcome);
        });
    }));
    let mut run = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    run.complete = run.executions < most;
    run.failure = explored.err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
    });
    run
}
