//! A task with a due time, I1 and I9: one of run, expiry, cancel and terminate ends it, its function
//! runs at most once, and it never runs if the task has expired.

use super::*;
use crate::block::gate::{By, Gated, StartBy};
use crate::sync::clock;
use std::time::Duration;

/// A task as [`Counts::task`] makes it, which is due before the clock moves.
fn due_task(counts: &Counts) -> (TaskRef, ResultRef<Value, Infallible>) {
    let (theirs, captured) = (counts.clone(), Value::new(&counts.captured));
    let work = Job::plain(move || {
        theirs.runs.fetch_add(1, Std::Relaxed);
        drop(captured);
        Value::new(&theirs.values)
    });
    let at = clock::Deadline::after(Duration::from_secs(1)).expect("within the clock");
    // SAFETY: models borrow nothing, and their threads share one OS thread.
    unsafe { Call::create(Gated { work, gate: StartBy { at: By(at), then: () } }, 1, true) }
}

/// Looks at a task that has ended: what its handle says, what the closure did, and that the two agree.
fn look_at_end(handle: Handle, counts: &Counts) -> &'static str {
    let seen = handle.load();
    let ended = match outcome(handle) {
        Ok(_) => "value",
        Err(TaskError::Expired) => "expired",
        Err(TaskError::Cancelled) => "cancelled",
        Err(TaskError::Terminated) => "terminated",
        Err(error) => panic!("I1: the task ended by {error:?}"),
    };
    counts.consumed(usize::from(ended == "value"));
    counts.value_gone();
    assert_eq!(seen.is_value(), ended == "value", "I9: the state word says who won");
    assert_eq!(seen.is_cancelled(), ended == "cancelled", "I9: the state word says who won");
    ended
}

fn alone(handle: Arc<Handle>) -> Handle {
    Arc::into_inner(handle).expect("every other thread has dropped its clone")
}

/// A waiter without a limit beside `take`, which spends the queue's right, a canceller and the clock.
fn waiter_beside(name: &str, take: fn(TaskRef), cancels: bool, may_end: &[&str]) {
    let report = check(
        name,
        if cancels { Bound::Whole } else { Bound::Usual },
        Futex::Block,
        move |outcomes| {
            let counts = Counts::default();
            let (task, handle) = due_task(&counts);
            let handle = Arc::new(handle);
            let taker = spawn(move || take(task));
            let time = spawn(clock::expire);
            let shared = Arc::clone(&handle);
            let canceller = cancels.then(|| Seen::by(move || shared.resolve(Reason::Cancelled)));
            assert!(handle.wait(None), "I8: a wait without a limit ends with DONE");
            let cancelled = canceller.is_some_and(Seen::join);
            taker.join().expect("the taker returns");
            time.join().expect("time goes by");
            let ended = look_at_end(alone(handle), &counts);
            assert_eq!(ended == "cancelled", cancelled, "I9: a cancel says whether it won");
            outcomes.insert(ended);
        },
    );
    assert_eq!(report.outcomes, may_end, "{name}: each of them can win, and no other");
}

#[test]
fn i1_i9_pop_of_an_overdue_task_beside_a_waiter() {
    waiter_beside(
        "I1 I8 I9 pop ‖ waiter past the due time ‖ time",
        |task| task.run(&Running),
        false,
        &[r#""expired""#, r#""value""#],
    );
}

#[test]
fn i1_i9_pop_of_an_overdue_task_beside_a_waiter_and_cancel() {
    waiter_beside(
        "I1 I8 I9 pop ‖ waiter past the due time ‖ cancel ‖ time",
        |task| task.run(&Running),
        true,
        &[r#""cancelled""#, r#""expired""#, r#""value""#],
    );
}

#[test]
fn i1_i9_termination_of_an_overdue_task_beside_a_waiter_and_cancel() {
    waiter_beside(
        "I1 I8 I9 terminate ‖ waiter past the due time ‖ cancel ‖ time",
        |task| task.resolve(Reason::Terminated),
        true,
        &[r#""cancelled""#, r#""expired""#, r#""terminated""#],
    );
}

#[test]
fn i1_i9_two_waiters_past_the_due_time() {
    check(
        "I1 I8 I9 waiter ‖ waiter past the due time ‖ pop",
        Bound::Pair,
        Futex::Block,
        |seen| {
            let counts = Counts::default();
            let (task, handle) = due_task(&counts);
            let handle = Arc::new(handle);
            let shared = Arc::clone(&handle);
            let waiter = spawn(move || assert!(shared.wait(None), "I8: a wait ends with DONE"));
            let worker = spawn(move || {
                clock::expire();
                task.run(&Running);
            });
            assert!(handle.wait(None), "I8: a wait ends with DONE");
            waiter.join().expect("the waiter returns");
            worker.join().expect("the worker returns");
            seen.insert(look_at_end(alone(handle), &counts));
        },
    );
}

#[test]
fn i7_the_handle_of_an_overdue_task_goes_beside_pop() {
    check(
        "I1 I7 handle drop ‖ pop of an overdue task ‖ time",
        Bound::None,
        Futex::Block,
        |seen| {
            let counts = Counts::default();
            let (task, handle) = due_task(&counts);
            let time = spawn(clock::expire);
            let worker = spawn(move || task.run(&Running));
            drop(handle);
            worker.join().expect("the worker returns");
            time.join().expect("time goes by");
            let runs = Counts::of(&counts.runs);
            counts.consumed(runs);
            counts.value_gone();
            seen.insert(runs);
        },
    );
}

#[test]
fn i1_control_the_due_time_is_read_out_of_the_work() {
    control("I1 control: the due time lies in the work", Bound::None, Futex::Block, |_| {
        let (task, handle) = due_task(&Counts::default());
        let worker = spawn(move || task.run(&Running));
        // SAFETY: none: a thread that has claimed the work may be moving it out. That is the bug.
        let work = unsafe { (handle.table().outcome)(handle.id(), header::Access::Read) };
        let _ = work;
        assert!(handle.wait(None));
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i9_control_the_clock_decides_and_not_the_claim() {
    control("I9 control: overdue without a claim", Bound::None, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = due_task(&counts);
        let worker = spawn(move || task.run(&Running));
        let time = spawn(clock::expire);
        let due = clock::Deadline::after(Duration::from_secs(1)).expect("within the clock");
        // A waiter that takes the time for the answer, and tells its caller so.
        let expired = crate::wait::block_until(
            handle.block().state().word(),
            state::WAITER,
            Some(&due),
            |word| state::Snapshot::of(word).is_done(),
        )
        .is_none();
        worker.join().expect("the worker returns");
        time.join().expect("time goes by");
        let ran = Counts::of(&counts.runs) == 1;
        assert!(!(expired && ran), "I9: a task that expired has run");
        drop(handle);
    });
}
