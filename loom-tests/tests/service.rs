//! A service that computes on a pool, with the real pool inside: what the specification leaves out of users' models is
//! here. Models as users write them, with the specification inside, stand in `user-models`.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering};
use millpond_model::{PoolHandle, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

/// Keeps the newest report, which a pool computes; readers take what is there and never wait.
struct Reports {
    pool: PoolHandle,
    newest: Arc<Newest>,
}

struct Newest {
    is_there: AtomicBool,
    report: UnsafeCell<u32>,
    /// How the report is published. A real service would write the one that is right.
    publish: Ordering,
}

// SAFETY: `report` is written before `is_there` says so, once, and read only after: that is what the model checks.
unsafe impl Sync for Newest {}

impl Reports {
    fn new(pool: &ThreadPool, publish: Ordering) -> Self {
        let newest =
            Newest { is_there: AtomicBool::new(false), report: UnsafeCell::new(0), publish };
        Self { pool: pool.handle(), newest: Arc::new(newest) }
    }

    fn compute(&self) {
        let newest = Arc::clone(&self.newest);
        let task = move || {
            newest.report.with_mut(|report| {
                // SAFETY: there is one computation, and nobody reads before it is published.
                unsafe { *report = 42 };
            });
            newest.is_there.store(true, newest.publish);
        };
        self.pool.spawn(task).expect("the pool is open");
    }

    fn newest(&self) -> Option<u32> {
        self.newest.is_there.load(Ordering::Acquire).then(|| {
            self.newest.report.with(|report| {
                // SAFETY: it is published, and not written again.
                unsafe { *report }
            })
        })
    }
}

/// Explores the model of the service. Returns how many executions there were and, if the last one failed, why.
fn explore(publish: Ordering) -> (usize, Option<String>) {
    explore_model(move || {
        let pool = ThreadPool::new(1).expect("one worker");
        let reports = Reports::new(&pool, publish);
        reports.compute();
        assert!(matches!(reports.newest(), None | Some(42)), "a report is whole, or is not there");
        pool.close();
        pool.join().expect("it is closed");
        assert_eq!(
            reports.newest(),
            Some(42),
            "what was accepted before close is there after join"
        );
    })
}

fn explore_model(model: impl Fn() + Send + Sync + 'static) -> (usize, Option<String>) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    // A pool's worker takes a few dozen steps per task: with more preemptions the model takes minutes.
    builder.preemption_bound = Some(2);
    builder.max_branches = 10_000;
    let run = || {
        builder.check(move || {
            count.fetch_add(1, Std::Relaxed);
            model();
        });
    };
    let failure = catch_unwind(AssertUnwindSafe(run)).err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
    });
    (executions.load(Std::Relaxed), failure)
}

#[test]
fn a_report_that_is_published_is_whole() {
    let (executions, failure) = explore(Ordering::Release);
    println!("a service with a pool of one: {executions} executions");
    assert_eq!(failure, None);
    assert!(executions > 1, "one execution proves nothing");
}

#[test]
fn a_report_that_is_published_too_weakly_is_found() {
    let (executions, failure) = explore(Ordering::Relaxed);
    let why = failure.expect("the flag is seen before the report");
    println!(
        "a service that publishes with Relaxed: rejected after {executions} executions: {why}"
    );
    assert!(why.contains("Causality violation"), "{why}");
}

/// What loom finds inside a task is that task's panic, as any other: it reaches the model with the result.
#[test]
fn a_race_inside_a_task_reaches_the_model_with_the_result() {
    struct Input(UnsafeCell<u32>);
    // SAFETY: none: that is the bug.
    unsafe impl Sync for Input {}

    let failure = explore_model(|| {
        let pool = ThreadPool::new(1).expect("one worker");
        let input = Arc::new(Input(UnsafeCell::new(1)));
        let theirs = Arc::clone(&input);
        let doubled = pool.apply_async(move || {
            theirs.0.with(|input| {
                // SAFETY: none: the caller writes after it has submitted.
                unsafe { *input * 2 }
            })
        });
        let doubled = doubled.expect("the pool is open");
        input.0.with_mut(|input| {
            // SAFETY: none: the task may be reading.
            unsafe { *input = 2 };
        });
        doubled.get().expect("the task does not panic");
    })
    .1;
    let why = failure.expect("the task reads while the caller writes");
    assert!(why.contains("Causality violation"), "{why}");
}
