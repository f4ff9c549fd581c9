//! The four bugs under shuttle, as far as it can see them, and what the harness says there.

use millpond_shuttle as millpond;

mod bugs;
mod common;

use bugs::{cache, once, queue, service};
use common::{found_by, passes_with};
use millpond::model::sync::Mutex;
use millpond::model::sync::atomic::{AtomicU32, Ordering};
use millpond::model::{self, Model};
use millpond::{Drain, ThreadPool};
use std::sync::Arc;
use std::time::Duration;

/// So many schedules find each bug.
fn hundred() -> Model {
    Model::new().max_executions(100)
}

#[test]
fn tasks_of_eight_workers_that_all_miss_are_found() {
    let example = found_by(&hundred(), || cache::broken(8), cache::WHY, "bugs/cache.rs");
    for part in ["computed.lock: 2", "to repeat it: Model::new().seed("] {
        assert!(example.contains(part), "no line has {part}");
    }
    // The two that looked before either of them had stored the square.
    let misses = example.lines().filter(|line| line.contains("known.lock: {}  ")).count();
    assert!(misses >= 2, "{misses} lines have a miss");
    passes_with(&hundred(), || cache::mended(8));
}

#[test]
fn a_wake_up_that_comes_before_the_wait_is_found() {
    let example = found_by(&hundred(), queue::broken, queue::WHY, "bugs/queue.rs");
    assert!(example.contains("is blocked at"), "{example}");
    passes_with(&hundred(), queue::mended);
}

#[test]
fn a_late_request_that_is_counted_twice_is_found() {
    found_by(&hundred(), service::broken, service::WHY, "bugs/service.rs");
    passes_with(&hundred(), service::mended);
}

/// shuttle knows no orderings.
#[test]
fn a_value_that_is_published_with_relaxed_is_not_found() {
    passes_with(&hundred(), once::broken);
}

#[test]
fn an_answer_comes_in_time_or_does_not() {
    let report = passes_with(&hundred(), service::in_time_or_not);
    assert_eq!(report.outcomes.keys().collect::<Vec<_>>(), ["None", "Some(42)"]);
}

#[test]
fn a_seed_gives_one_course_and_another_seed_another() {
    let explore = |seed| {
        let model = hundred().seed(seed);
        let report = model.explore(|| {
            let pool = ThreadPool::new(3).unwrap();
            let order = Arc::new(Mutex::new(Vec::new()));
            for number in 0..4 {
                let order = Arc::clone(&order);
                pool.spawn(move || order.lock().unwrap().push(number)).unwrap();
            }
            pool.close();
            pool.join().unwrap();
            model::outcome(&*order.lock().unwrap());
        });
        (report.outcomes, report.seed)
    };
    let (first, seed) = explore(1);
    assert_eq!(seed, Some(1));
    assert_eq!(first, explore(1).0);
    assert_ne!(first, explore(2).0);
}

/// The report says how to come to the failure again, and that is true.
#[test]
fn a_failure_comes_again_with_its_seed_and_its_number() {
    let report = hundred().seed(3).explore(|| cache::broken(3));
    let example = report.failure.expect("it is found");
    let words = format!("to repeat it: Model::new().seed(3).max_executions({})", report.executions);
    assert!(example.contains(&words), "{example}");
    let again = Model::new().seed(3).max_executions(report.executions);
    assert_eq!(again.explore(|| cache::broken(3)).failure, Some(example));
    let before = Model::new().seed(3).max_executions(report.executions - 1);
    assert_eq!(before.explore(|| cache::broken(3)).failure, None);
}

#[test]
fn a_panic_in_a_task_fails_the_model_though_the_pool_catches_it() {
    let model = || {
        let pool = ThreadPool::new(2).unwrap();
        pool.spawn(|| panic!("no handle hears of this")).unwrap();
        pool.close();
        pool.join().unwrap();
    };
    found_by(&hundred(), model, "no handle hears of this", "tests/shuttle.rs");
}

/// A panic that the model wants does not fail it, and reaches the handle.
#[test]
fn a_deliberate_panic_is_an_outcome() {
    passes_with(&hundred(), || {
        let pool = ThreadPool::new(2).unwrap();
        let task = pool.apply_async(|| -> u32 { model::panic_deliberately() }).unwrap();
        assert!(task.get().is_err());
    });
}

#[test]
fn a_shutdown_ends_by_its_limit_or_before() {
    passes_with(&hundred(), || {
        let pool = ThreadPool::new(2).unwrap();
        let task = pool.apply_async(|| 7).unwrap();
        let clock = model::thread::spawn(model::expire);
        let report = pool.shutdown(Drain::Within(Duration::from_secs(1)));
        clock.join().unwrap();
        drop((report, task.get()));
    });
}

#[test]
fn a_loop_that_waits_without_sleep_is_called_endless() {
    let model = Model::new().max_executions(1).max_steps(1_000);
    let report = model.explore(|| {
        let word = AtomicU32::new(0).named("word");
        while word.load(Ordering::Relaxed) == 0 {
            model::thread::yield_now();
        }
    });
    assert!(report.failure.expect("it never ends").contains("endless"));
}

#[test]
fn a_time_limit_makes_the_report_incomplete() {
    let report = Model::new().max_time(Duration::ZERO).explore(|| ());
    assert!(!report.complete && report.to_string().contains("INCOMPLETE"), "{report}");
}
