//! The sweep of what comes from outside, I44: no younger entry is taken before an older one, and no look misses an entry.
//! And the terminator's drain, I60, which keeps the takers out in the same way.

use super::*;
use crate::block::{Call, Job, Reason, ResultRef};
use crate::models::harness::{Bound, Futex, check, control, spawn};
use std::convert::Infallible;
use std::sync::Arc;

type Handle = ResultRef<usize, Infallible>;

fn task(number: usize) -> (TaskRef, Handle) {
    // SAFETY: models borrow nothing.
    unsafe { Call::create(Job::plain(move || number), 1, true) }
}

/// A queue with a stale entry, and behind it so many living ones; and the handles of these.
fn queue(living: usize) -> (Arc<Outside>, Vec<Handle>) {
    let outside = Outside::new(1);
    let (stale, handle) = task(usize::MAX);
    assert!(handle.resolve(Reason::Cancelled));
    drop(handle);
    outside.submit(stale);
    let _ = outside.count_stale(1);
    let handles = (0..living).map(|number| {
        let (task, handle) = task(number);
        outside.submit(task);
        handle
    });
    let handles = handles.collect();
    (Arc::new(outside), handles)
}

/// A worker takes all there is, beside a sweep; `worker` says which mark it uses.
fn taken_beside_a_sweep(worker: usize) {
    let (outside, handles) = queue(2);
    let swept = Arc::clone(&outside);
    let sweeper = spawn(move || drop(swept.sweep()));
    let mut taken = 0;
    for _ in 0..2 {
        let Some(task) = outside.take(worker) else { break };
        task.run(&crate::models::harness::Running);
        taken += 1;
    }
    // The first living entry is never the one that is left.
    let done: Vec<_> = handles.iter().map(|handle| handle.load().is_done()).collect();
    assert!(
        done[0] || !done[1],
        "I44: a younger entry is taken before an older one, of {taken} taken"
    );
    sweeper.join().expect("the sweeper returns");
    while let Some(task) = outside.take(0) {
        task.run(&crate::models::harness::Running);
    }
    for (number, handle) in handles.into_iter().enumerate() {
        let outcome = handle.take_done().unwrap_or_else(|_| panic!("I44: an entry is lost"));
        assert_eq!(outcome.ok(), Some(number), "I44: an entry is lost");
    }
}

#[test]
fn i44_entries_are_taken_in_order_beside_a_sweep() {
    check("I44 take, take ‖ sweep", Bound::None, Futex::Block, |_| taken_beside_a_sweep(0));
}

/// A younger entry is submitted when the sweep is over.
#[test]
fn i44_what_is_submitted_after_a_sweep_does_not_overtake() {
    check("I44 take ‖ sweep, submit", Bound::None, Futex::Block, |_| {
        let (outside, mut handles) = queue(1);
        let (swept, (younger, handle)) = (Arc::clone(&outside), task(1));
        handles.push(handle);
        let sweeper = spawn(move || {
            drop(swept.sweep());
            swept.submit(younger);
        });
        if let Some(task) = outside.take(0) {
            task.run(&crate::models::harness::Running);
        }
        let done: Vec<_> = handles.iter().map(|handle| handle.load().is_done()).collect();
        assert!(done[0] || !done[1], "I44: a younger entry is taken before an older one");
        sweeper.join().expect("the sweeper returns");
        drain(&outside);
        drop(handles);
    });
}

#[test]
fn i44_control_a_taker_without_a_mark() {
    control("I44 control: a worker takes without a mark", Bound::None, Futex::Block, |_| {
        taken_beside_a_sweep(1)
    });
}

/// A look, as of a worker that is about to sleep, beside a sweep of a queue with a living entry.
fn looked_at_beside_a_sweep(is_empty: fn(&Outside) -> bool) {
    let (outside, handles) = queue(1);
    let swept = Arc::clone(&outside);
    let sweeper = spawn(move || drop(swept.sweep()));
    assert!(!is_empty(&outside), "I44: a look misses an entry that somebody sweeps");
    sweeper.join().expect("the sweeper returns");
    std::iter::from_fn(|| outside.take_any()).for_each(|task| task.resolve(Reason::Terminated));
    drop(handles);
}

#[test]
fn i44_no_look_misses_an_entry_that_is_swept() {
    check("I44 look ‖ sweep", Bound::None, Futex::Block, |_| {
        looked_at_beside_a_sweep(Outside::is_empty)
    });
}

#[test]
fn i44_control_the_swept_queue_is_looked_at_first() {
    control("I44 control: a look in the wrong order", Bound::None, Futex::Block, |_| {
        looked_at_beside_a_sweep(|outside| {
            outside.swept.is_empty()
                && !is_sweep(outside.sweeps.load(Ordering::Acquire))
                && outside.injector.is_empty()
        });
    });
}

/// Drains as the terminator does, and resolves what it has taken out.
fn drain(outside: &Outside) {
    let mut drained = Vec::new();
    outside.drain(|| drained.extend(std::iter::from_fn(|| outside.take_any())));
    drained.into_iter().for_each(|task| task.resolve(Reason::Terminated));
}

/// A worker takes a task beside the terminator's drain; `worker` says which mark it uses.
fn taken_beside_a_drain(worker: usize) -> (bool, bool) {
    let outside = Arc::new(Outside::new(1));
    let handles = [0, 1].map(|number| {
        let (task, handle) = task(number);
        outside.submit(task);
        handle
    });
    let drained = Arc::clone(&outside);
    let terminator = spawn(move || {
        drain(&drained);
    });
    if let Some(task) = outside.take(worker) {
        task.run(&crate::models::harness::Running);
    }
    terminator.join().expect("the terminator returns");
    let ran = handles.map(|handle| handle.take_done().is_ok_and(|outcome| outcome.is_ok()));
    assert!(ran[0] || !ran[1], "I60: a task is taken in front of one that a terminator drops");
    ran.into()
}

#[test]
fn i60_a_taker_beside_the_drain() {
    let report = check("I60 take ‖ drain", Bound::None, Futex::Block, |outcomes| {
        outcomes.insert(taken_beside_a_drain(0));
    });
    assert_eq!(report.outcomes, ["(false, false)", "(true, false)"]);
}

#[test]
fn i60_the_drain_beside_a_sweep() {
    check("I60 I44 drain ‖ sweep", Bound::None, Futex::Block, |_| {
        let (outside, handles) = queue(2);
        let swept = Arc::clone(&outside);
        let sweeper = spawn(move || drop(swept.sweep()));
        drain(&outside);
        sweeper.join().expect("the sweeper returns");
        for handle in handles {
            assert!(handle.load().is_done(), "I44 I60: an entry is left in a queue");
        }
    });
}

#[test]
fn i60_control_a_taker_without_a_mark() {
    control("I60 control: a worker takes without a mark", Bound::None, Futex::Block, |_| {
        taken_beside_a_drain(1);
    });
}
