//! The end of the task cell, I2, I3, I4 and I7: the handle may go at any moment, the output is gone
//! before its block, and the owner that leaves last frees the block.

use super::*;
use crate::block::header::discharge;

#[test]
fn i2_i3_i4_i7_handle_drop_beside_completion() {
    check("I2 I3 I4 I7 handle drop ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let done = handle.load().is_done();
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(done);
    });
}

#[test]
fn i2_i3_i7_handle_drop_beside_resolving() {
    check("I2 I3 I7 handle drop ‖ terminate", Bound::None, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let terminator = spawn(move || task.resolve(Reason::Terminated));
        drop(handle);
        terminator.join().expect("the terminator returns");
        counts.consumed(0);
    });
}

#[test]
fn i4_i7_waker_handle_drop_beside_completion() {
    check("I4 I7 drop of a polled handle ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        let pending = handle.poll(&signal.waker()).is_pending();
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert((pending, signal.wakes()));
    });
}

#[test]
fn i4_i7_handle_drop_beside_completion_that_wakes() {
    check("I4 I7 waiter, then drop ‖ complete ‖ waiter", Bound::Usual, Futex::Block, |_| {
        let counts = Counts::default();
        let (task, handle) = counts.task();
        let handle = Arc::new(handle);
        let shared = Arc::clone(&handle);
        let worker = spawn(move || task.run(&Running));
        let waiter = spawn(move || {
            shared.wait(None);
        });
        handle.wait(None);
        waiter.join().expect("the waiter returns");
        drop(handle);
        worker.join().expect("the worker returns");
        counts.consumed(1);
        counts.value_gone();
    });
}

#[test]
fn i2_i4_control_the_handle_is_given_up_before_the_output_is_dropped() {
    control(
        "I2 I4 control: HANDLE cleared before the output is dropped",
        Bound::None,
        Futex::Block,
        |_| {
            let counts = Counts::default();
            let (task, handle) = counts.task();
            let waits = Arc::new(handle);
            let shared = Arc::clone(&waits);
            let worker = spawn(move || task.run(&Running));
            // A waiter sends the completer down its slow path, where it may be the one that frees.
            shared.wait(None);
            drop(shared);
            let handle = Arc::into_inner(waits).expect("the only one");
            let (header, table) = (handle.id(), handle.table());
            std::mem::forget(handle);
            // SAFETY: none: that is the bug.
            let duty = unsafe { header.as_ref() }.state().leave_handle();
            // SAFETY: none: that is the bug.
            unsafe { (table.drop_outcome)(header) };
            // SAFETY: the duty is of this block.
            unsafe { discharge(header, duty) };
            worker.join().expect("the worker returns");
        },
    );
}

#[test]
fn i3_control_the_last_owner_does_not_free() {
    control("I3 control: nobody frees", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        handle.wait(None);
        // SAFETY: the outcome is this side's; the block is left behind: that is the bug.
        unsafe { (handle.table().drop_outcome)(handle.id()) };
        std::mem::forget(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i4_i7_control_the_completer_wakes_after_giving_up_its_right() {
    control("I4 control: wake-up after the right is given up", Bound::None, Futex::Block, |_| {
        let (task, handle) = Counts::default().task();
        let worker = spawn(move || {
            let header = task.id();
            task.run(&Running);
            // SAFETY: none: that is the bug.
            futex::wake_all(unsafe { header.as_ref() }.state().word());
        });
        handle.wait(None);
        drop(handle);
        worker.join().expect("the worker returns");
    });
}
