//! Makes models of the library's own behavioural tests: each runs as it is, with the specification
//! inside, in a few orders.
//!
//! What a test shares with threads of its own must be the model's, so threads, channels and gates
//! are replaced by those of `tests/stand_in`. A test that needs more than they have is left out:
//! `LEFT_OUT` and `NEEDS` say which and why.

use std::collections::BTreeSet;
use std::fmt::Write;

/// The files whose tests are about what the verbs do.
const FILES: &[&str] = &[
    "apply",
    "bounds",
    "callbacks",
    "cancel",
    "closing",
    "conversions",
    "cpython",
    "dropped",
    "fallible",
    "giving_up",
    "groups",
    "lifecycle",
    "map",
    "map_failures",
    "nesting",
    "no_hangs",
    "refusals",
    "results",
    "scopes",
    "shutdown",
    "streams",
    "unobserved",
];

/// What a test cannot have in a model: a real time, a process of its own, a panic that the model
/// has not been told of, or a thread that waits outside the model.
const NEEDS: &[&str] = &[
    "Barrier",
    "Command",
    "Duration::from",
    "Instant",
    "Condvar",
    "OnceLock",
    "alone(",
    "block_on",
    "fork",
    "in_child",
    "panicking",
    "park",
    "sleep",
    "spin_loop",
    "thread::Builder",
    "thread::current",
    "thread::scope",
    "threads()",
    "until_threads",
    "yield_now().await",
];

/// The tests that need something else, and what.
const LEFT_OUT: &[(&str, &str)] = &[
    ("apply::submitting_never_waits_for_the_queue", "a hundred thousand tasks"),
    ("callbacks::a_failed_batch_calls_back_once_with_the_first_error_after_all_items", PANICS),
    ("callbacks::one_of_the_two_callbacks_is_called_once", PANICS),
    ("cancel::a_cancel_keeps_items_from_starting_before_it_asks_the_running_ones", THREADS),
    ("cancel::a_dropped_stream_asks_its_running_items_to_stop", THREADS),
    ("closing::a_strict_close_ends_a_task_that_submits_itself_again", "a fair order"),
    ("fallible::a_failed_batch_drops_its_values_and_its_other_errors", THREADS),
    ("fallible::a_stream_yields_errors_at_their_places_and_goes_on", THREADS),
    ("lifecycle::a_pool_may_be_dropped_by_its_own_worker", THREADS),
    ("lifecycle::a_wide_idle_pool_closes_at_once", THREADS),
    ("lifecycle::dropping_a_pool_does_what_its_drop_policy_says", THREADS),
    ("map_failures::a_failing_item_skips_the_rest_of_its_chunk", PANICS),
    ("map_failures::fail_fast_keeps_the_rest_from_starting", PANICS),
    ("map_failures::one_failure_discards_every_other_value", PANICS),
    ("map_failures::without_a_chunk_size_every_other_item_is_attempted", PANICS),
    ("nesting::thread_local_state_persists_between_the_tasks_of_a_worker", STATE),
    ("no_hangs::a_batch_that_has_begun_resolves_after_terminate", THREADS),
    ("no_hangs::a_failing_initializer_ends_every_wait", THREADS),
    ("no_hangs::an_input_that_fails_part_way_submits_nothing", PANICS),
    ("results::ready_says_so_after_success_and_after_failure", PANICS),
    ("results::successful_needs_a_result_and_is_false_if_any_item_failed", PANICS),
    ("scopes::a_scope_ends_after_all_its_tasks", THREADS),
    ("streams::test_imap_handle_iterable_exception", PANICS),
    ("streams::test_imap_unordered_handle_iterable_exception", PANICS),
    ("streams::the_look_ahead_is_strict_and_the_input_needs_no_send", THREADS),
    ("unobserved::the_panic_of_a_spawned_task_is_told", PANICS),
];
const PANICS: &str = "a task panics by an assertion";
const THREADS: &str = "more than five threads in all";
const STATE: &str = "state of a thread, of which a model has one for all executions";

/// One module for each file, with its tests as models, and how many these are.
///
/// # Panics
///
/// The call panics if a test that is left out is in none of the files.
pub(crate) fn modules(folder: &str) -> String {
    let mut modules = String::new();
    for file in FILES {
        let path = format!("{folder}/{file}.rs");
        println!("cargo::rerun-if-changed={path}");
        let text = std::fs::read_to_string(&path).expect("the file of tests is there");
        for (test, _) in LEFT_OUT {
            let is_there = test.strip_prefix(&format!("{file}::"));
            let is_gone = is_there.is_some_and(|name| !text.contains(&format!("fn {name}()")));
            assert!(!is_gone, "there is no such test to leave out: {test}");
        }
        writeln!(modules, "mod {file} {{\n{}}}\n", module(file, &text)).expect("a string grows");
    }
    let tests = modules.matches("#[test]\n").count();
    writeln!(modules, "const TESTS: usize = {tests};").expect("a string grows");
    modules
}

/// The helpers of the tests that wait by a mutex and a condition variable.
pub(crate) fn helpers(folder: &str) -> String {
    let path = format!("{folder}/common/mod.rs");
    println!("cargo::rerun-if-changed={path}");
    let text = std::fs::read_to_string(&path).expect("the tests have their helpers");
    let is_meant = |item: &String| body(item).contains("Gate") || body(item).contains("fn pull");
    items(&text).into_iter().filter(is_meant).collect()
}

fn module(file: &str, text: &str) -> String {
    let items = items(text);
    let is_test = |item: &str| item.contains("#[test]\n");
    // A helper function that needs what a model has not makes the same of each test that calls it.
    let mut needs: BTreeSet<String> = NEEDS.iter().map(ToString::to_string).collect();
    for _ in 0..4 {
        let more: Vec<_> = items
            .iter()
            .filter(|item| !is_test(item) && needs.iter().any(|need| body(item).contains(need)))
            .filter_map(|item| name(item).map(str::to_owned))
            .collect();
        needs.extend(more);
    }
    let mut module = String::new();
    for item in &items {
        let left_out =
            |name: &str| LEFT_OUT.iter().any(|(left, _)| *left == format!("{file}::{name}"));
        let needed = needs.iter().any(|need| body(item).contains(need));
        if !is_test(item) {
            if !(needed && name(item).is_some() || item.contains("use smol")) {
                module.push_str(&replaced(item));
            }
        } else if let Some(name) = name(item) {
            let is_plain = !item.contains("#[cfg")
                && !item.contains("#[should_panic")
                && !item.contains("#[ignore");
            if !needed && is_plain && !left_out(name) {
                let test = replaced(item).replace("#[test]\n", "").replacen(
                    &format!("fn {name}()"),
                    &format!("fn {name}_in_a_model()"),
                    1,
                );
                let run = format!("crate::on_the_specification({name}_in_a_model)");
                write!(module, "{test}#[test]\nfn {name}() {{\n    {run}\n}}\n")
                    .expect("a string grows");
            }
        }
    }
    module
}

/// The text of an item without the comments and attributes above it.
fn body(item: &str) -> &str {
    let mut body = item;
    while body.starts_with("//") || body.starts_with("#[") || body.starts_with('\n') {
        body = body.split_once('\n').map_or("", |(_, rest)| rest);
    }
    body
}

/// The name of the item, with what follows it in a use, if it is a function or a constant.
fn name(item: &str) -> Option<&str> {
    let body = body(item).trim_start_matches("async ");
    let after = ["fn ", "const ", "static "].iter().find_map(|kind| body.strip_prefix(kind))?;
    after.split(['(', '<', ':']).next()
}

/// The items of a file: each ends with a line that is not indented and closes it.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut open) = (Vec::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with("//!")) {
        open.push_str(line);
        open.push('\n');
        let is_whole = line.ends_with(';') || line.ends_with("{}");
        let is_end = line.starts_with('}') || is_whole && !line.starts_with(' ');
        if is_end {
            items.push(std::mem::take(&mut open));
        }
    }
    items.push(open);
    items
}

fn replaced(item: &str) -> String {
    let mut item = item.to_owned();
    for (from, to) in [
        ("mod common;", "use crate::stand_in as common;"),
        // A model has five threads, and those of an earlier pool count.
        ("const WORKERS: [usize; 3] = [1, 2, 5];", "const WORKERS: [usize; 1] = [2];"),
        // A panic that the model has not been told of fails it.
        ("panic!(", "deliberate!("),
        ("std::panic::panic_any(", "panic_any("),
        ("panic_any(", "millpond::model::panic_deliberately_with("),
        ("resume_unwind(", "millpond::model::resume_deliberately("),
        ("mod parity;", "use crate::parity;"),
        ("mod ways;", "use crate::ways;"),
        ("mod limited;", "use crate::limited;"),
        ("use std::thread;", "use crate::stand_in::thread;"),
        ("use std::sync::mpsc", "use crate::stand_in::mpsc"),
        ("std::thread::", "crate::stand_in::thread::"),
        ("std::sync::mpsc::", "crate::stand_in::mpsc::"),
    ] {
        item = item.replace(from, to);
    }
    item
}
