//! What the models have in common: a bug must be found soon, and its fix must pass.

#![allow(dead_code, reason = "each test file uses a part of it")]

use millpond_spec::model::Model;
use std::panic::Location;

/// A bug counts as found if loom needs at most so many executions.
const SOON: usize = 5_000;
/// A counter-example is shorter than this.
const LINES: usize = 25;

/// Explores a model that must fail with `why`, soon, and with a counter-example that can be
/// read: it is short, names lines of the model's own file, and none of the insides.
#[track_caller]
pub(crate) fn found(model: impl Fn() + Send + Sync + 'static, why: &str) -> String {
    let place = Location::caller();
    let report = Model::new().explore(model);
    let example = report.failure.clone().unwrap_or_else(|| panic!("not found: {report}"));
    println!("{}: {report}\n{example}\n", place.file());
    assert!(example.contains(why), "it failed for another reason");
    assert!(report.executions < SOON, "{report}");
    assert!(example.lines().count() < LINES, "it has {} lines", example.lines().count());
    assert!(example.contains(place.file()), "it names no line of the model");
    for inside in ["/loom-", "sync/", "src/model", "registry"] {
        assert!(!example.contains(inside), "it shows insides: {inside}");
    }
    example
}

/// Explores a model that must pass, by more than one execution.
#[track_caller]
pub(crate) fn passes(model: impl Fn() + Send + Sync + 'static) {
    let report = Model::new().check(model);
    assert!(report.complete && report.executions > 1, "{report}");
}
