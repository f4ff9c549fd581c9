//! Waits for a task, I8 and I11: a wait ends with DONE and the outcome, and a timed wait that ends
//! before leaves the handle as good as it was.

use super::*;
use crate::sync::clock;

fn two_waiters(futex: Futex) {
    check(&format!("I8 two waiters ‖ complete ({futex:?})"), Bound::Usual, futex, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let waiter =
            spawn(move || assert!(shared.wait(None), "I8: a wait without a limit ends with DONE"));
        let worker = spawn(move || task.run(&Running));
        assert!(handle.wait(None), "I8: a wait without a limit ends with DONE");
        waiter.join().expect("the waiter returns");
        worker.join().expect("the worker returns");
        drop(outcome(Arc::into_inner(handle).expect("the waiter has dropped its clone")));
        counts.value_gone();
    });
}

#[test]
fn i8_two_waiters() {
    two_waiters(Futex::Block);
}

#[test]
fn i8_the_outcome_comes_with_done_whatever_ended_the_wait() {
    check("I8 waiter ‖ complete (Spurious)", Bound::None, Futex::Spurious, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        assert!(handle.wait(None));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        counts.value_gone();
    });
}

#[test]
fn i8_control_the_waiter_does_not_announce_itself() {
    control("I8 control: no announcement", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        crate::wait::block_until(handle.block().state().word(), 0, None, |word| {
            state::Snapshot::of(word).is_done()
        });
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i8_control_the_outcome_is_taken_on_an_unordered_look() {
    control("I8 control: DONE seen without Acquire", Bound::None, Futex::Spurious, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let word = handle.block().state().word();
        while !state::Snapshot::of(word.load(Ordering::Relaxed)).is_done() {
            crate::sync::thread::relax();
        }
        // SAFETY: none: DONE was seen without an ordering. That is the bug.
        let value = unsafe { (handle.table().outcome)(handle.id(), header::Access::Read) };
        let _ = value;
        drop(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i11_a_wait_that_timed_out_leaves_the_handle_as_good_as_before() {
    check("I11 timed wait ‖ complete ‖ time-out", Bound::Usual, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let time = spawn(clock::expire);
        let deadline =
            clock::Deadline::after(std::time::Duration::from_secs(1)).expect("within the clock");
        let done = handle.wait(Some(&deadline));
        if done {
            assert!(handle.load().is_done(), "I11: a timed wait says done only when DONE");
        }
        // The word may carry the WAITER bit that the time-out left behind.
        assert!(handle.wait(None));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        time.join().expect("time goes by");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(done);
    });
}

#[test]
fn i11_control_a_time_out_is_taken_for_done() {
    control("I11 control: a time-out is taken for DONE", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let time = spawn(clock::expire);
        let deadline =
            clock::Deadline::after(std::time::Duration::from_secs(1)).expect("within the clock");
        handle.wait(Some(&deadline));
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        time.join().expect("time goes by");
    });
}
