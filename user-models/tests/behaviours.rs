//! The library's own behavioural tests on the specification, each in a model. The build takes
//! them out of `tests/`, as `behaviours.rs` beside the manifest says.

#![allow(dead_code, unused_imports, unused_macros, reason = "each file uses a part of it")]
#![allow(clippy::all, reason = "the text is checked where it stands")]

#[path = "behaviours/prelude.rs"]
mod prelude;

use millpond_spec::model::Model;

/// Panics as a test wants it. In a model `std`'s own would be the failure.
macro_rules! panic {
    ($($words:tt)+) => {
        // The payload of a text without values is the text, as it is elsewhere.
        match std::format_args!($($words)+) {
            words => match words.as_str() {
                Some(text) => crate::prelude::panic_any(text),
                None => crate::prelude::panic_any(words.to_string()),
            },
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/behaviours.rs"));

/// The most executions of a test. A test is long beside a model.
const MOST: usize = 200;

/// Explores a test, without preemptions and then with one.
fn run(name: &str, test: fn()) {
    let mut executions = 0;
    for bound in [0, 1] {
        let limits = Model::new().bound(bound).max_steps(200_000).max_executions(MOST);
        let report = limits.explore(test);
        if let Some(example) = report.failure {
            std::panic!("{name}, bound {bound}, execution {}:\n{example}", report.executions);
        }
        executions += report.executions;
    }
    println!("{name}: {executions} executions");
}

#[test]
fn most_of_them_are_here() {
    println!("{TAKEN} tests in models, {} left out", LEFT.len());
    for (test, why) in LEFT {
        println!("{test}: {why}");
    }
    assert!(TAKEN > 100 && LEFT.len() < 2 * TAKEN, "{TAKEN} of {}", TAKEN + LEFT.len());
}
