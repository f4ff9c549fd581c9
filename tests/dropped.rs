//! What a pool says that is dropped with queued tasks: a debug build tells their number on stderr, once.

#![cfg(unix)]

mod common;

use common::{hold_up, in_child};
use millpond::{DropPolicy, ThreadPool};

/// What the child says that submits so many tasks behind a busy worker and drops its pool.
fn said(name: &str, policy: DropPolicy, tasks: usize, closes: bool) -> Option<String> {
    let output = in_child(name, || {
        let pool = ThreadPool::builder().workers(1).drop_policy(policy).build().unwrap();
        let gate = hold_up(&pool);
        (0..tasks).for_each(|_| pool.spawn(|| ()).unwrap());
        if closes {
            pool.close();
        }
        if policy != DropPolicy::Terminate {
            // These wait for the task that runs.
            gate.open();
        }
        drop(pool);
        gate.open();
    })?;
    assert!(output.status.success());
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

// covers LIFE-12
#[test]
fn a_dropped_pool_says_how_many_tasks_it_discards() {
    let name = "a_dropped_pool_says_how_many_tasks_it_discards";
    let Some(said) = said(name, DropPolicy::Terminate, 3, false) else { return };
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("millpond: ")).collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(line.contains("3 queued tasks") && line.contains("close() and join()"), "{line}");
}

#[test]
fn a_dropped_pool_with_nothing_queued_says_nothing() {
    let name = "a_dropped_pool_with_nothing_queued_says_nothing";
    let Some(said) = said(name, DropPolicy::Terminate, 0, false) else { return };
    assert!(!said.contains("millpond: "), "{said}");
}

#[test]
fn a_pool_that_was_closed_first_says_nothing() {
    let name = "a_pool_that_was_closed_first_says_nothing";
    let Some(said) = said(name, DropPolicy::Terminate, 3, true) else { return };
    assert!(!said.contains("millpond: "), "{said}");
}

#[test]
fn a_pool_that_drains_says_nothing() {
    let name = "a_pool_that_drains_says_nothing";
    let Some(said) = said(name, DropPolicy::Drain, 3, false) else { return };
    assert!(!said.contains("millpond: "), "{said}");
}
