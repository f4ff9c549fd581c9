//! What the models have in common: a bug must be found soon, and its fix must pass.

#![allow(dead_code, reason = "each test file uses a part of it")]

use crate::millpond::model::{Model, Report};
use std::panic::Location;

/// A bug counts as found if loom needs at most so many executions.
const SOON: usize = 5_000;
/// A counter-example is shorter than this.
const LINES: usize = 25;

/// Explores a model that must fail with `why`, soon, and with a counter-example that can be
/// read: it is short, names lines of `file`, which has the model, and none of the insides.
pub(crate) fn found(model: impl Fn() + Send + Sync + 'static, why: &str, file: &str) -> String {
    found_by(&Model::new(), model, why, file)
}

/// As [`found`], with these limits.
pub(crate) fn found_by(
    limits: &Model,
    model: impl Fn() + Send + Sync + 'static,
    why: &str,
    file: &str,
) -> String {
    let report = limits.explore(model);
    let example = report.failure.clone().unwrap_or_else(|| panic!("not found: {report}"));
    println!("{file}: {report}\n{example}\n");
    assert!(example.contains(why), "it failed for another reason");
    assert!(report.executions < SOON, "{report}");
    assert!(example.lines().count() < LINES, "it has {} lines", example.lines().count());
    assert!(example.contains(file), "it names no line of the model");
    for inside in ["/loom-", "/shuttle-", "sync/", "src/model", "registry"] {
        assert!(!example.contains(inside), "it shows insides: {inside}");
    }
    example
}

/// Explores a model that must pass, by more than one execution.
#[track_caller]
pub(crate) fn passes(model: impl Fn() + Send + Sync + 'static) -> Report {
    passes_with(&Model::new(), model)
}

/// As [`passes`], with these limits.
#[track_caller]
pub(crate) fn passes_with(limits: &Model, model: impl Fn() + Send + Sync + 'static) -> Report {
    let place = Location::caller();
    let report = limits.check(model);
    assert!(report.complete && report.executions > 1, "{place}: {report}");
    report
}
