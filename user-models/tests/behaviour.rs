//! The library's own behavioural tests on the specification: each runs as it is, in a few orders.
//! `build/behaviour.rs` says which, and what each of the others needs.

#![allow(unused, reason = "each module is a file of tests, of which some are left out")]
#![allow(clippy::all, clippy::pedantic, reason = "the files are linted where they stand")]

extern crate millpond_spec as millpond;

use millpond::model::Model;

/// A panic that the model has been told of.
macro_rules! deliberate {
    ($($said:tt)*) => {
        match format_args!($($said)*).as_str() {
            Some(said) => millpond::model::panic_deliberately_with(said),
            None => millpond::model::panic_deliberately_with(format!($($said)*)),
        }
    };
}

#[path = "../../tests/parity/mod.rs"]
mod parity;
#[path = "stand_in/mod.rs"]
mod stand_in;

/// Runs a test in the first orders that loom finds, with one preemption at most.
fn on_the_specification(test: fn()) {
    let report = Model::new().bound(1).max_steps(200_000).max_executions(20).explore(test);
    if let Some(failure) = report.failure {
        panic!("{failure}");
    }
}

include!(concat!(env!("OUT_DIR"), "/behaviour.rs"));

#[test]
fn the_readme_says_how_many_these_are() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("{TESTS} of the library's own behavioural tests")), "{TESTS}");
}
