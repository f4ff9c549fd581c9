//! The four bugs under loom: each is found soon, with a counter-example that can be read, and
//! each fix passes.

use millpond_spec as millpond;

mod bugs;
mod common;

use bugs::{cache, once, queue, service};
use common::{found, passes};

#[test]
fn two_tasks_that_both_miss_are_found() {
    let example = found(|| cache::broken(2), cache::WHY, "bugs/cache.rs");
    for value in ["known.lock: {}", "known.lock: {7: 49}", "computed.lock: 1 → 2"] {
        assert!(example.contains(value), "no line has {value}");
    }
    passes(|| cache::mended(2));
}

#[test]
fn a_wake_up_that_comes_before_the_wait_is_found() {
    let example = found(queue::broken, queue::WHY, "bugs/queue.rs");
    for value in ["is blocked at", "changed.wait", "changed.notify_all", "items.lock: []"] {
        assert!(example.contains(value), "no line has {value}");
    }
    passes(queue::mended);
}

#[test]
fn a_value_that_a_callback_publishes_with_relaxed_is_found() {
    let example = found(once::broken, once::WHY, "bugs/once.rs");
    for value in ["value.with_mut", "is_set.store(true)", "is_set.load → true"] {
        assert!(example.contains(value), "no line has {value}");
    }
    passes(once::mended);
}

#[test]
fn a_late_request_that_is_counted_twice_is_found() {
    let example = found(service::broken, service::WHY, "bugs/service.rs");
    for value in ["in_flight.fetch_sub(1) → 1", "in_flight.fetch_sub(1) → 0", "expire"] {
        assert!(example.contains(value), "no line has {value}");
    }
    passes(service::mended);
}

#[test]
fn an_answer_comes_in_time_or_does_not() {
    let report = passes(service::in_time_or_not);
    assert_eq!(report.outcomes.keys().collect::<Vec<_>>(), ["None", "Some(42)"]);
}
