//! The waker of a task, I6: the completer wakes a pending poll once, and one thread at a time
//! touches the slot of the waker.

use super::*;
use std::task::Poll;

#[test]
fn i6_a_pending_poll_is_woken_exactly_once() {
    check("I6 poll ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        let pending = handle.poll(&signal.waker()).is_pending();
        if pending {
            signal.wait();
            assert!(
                handle.poll(&signal.waker()).is_ready(),
                "I6: the waker is woken when the task is DONE"
            );
        }
        drop(outcome(handle));
        worker.join().expect("the worker returns");
        assert_eq!(signal.wakes(), usize::from(pending), "I6: the hook is woken exactly once");
        assert_eq!(Arc::strong_count(&signal), 1, "I6: the hook is dropped");
        counts.consumed(1);
        counts.value_gone();
        outcomes.insert(pending);
    });
}

#[test]
fn i6_a_replaced_waker_is_not_woken_and_the_new_one_is() {
    check("I6 poll; poll with another waker ‖ complete", Bound::None, Futex::Block, |outcomes| {
        let counts = Counts::default();
        let (task, mut handle) = counts.task();
        let worker = spawn(move || task.run(&Running));
        let (first, second) = (Signal::new(), Signal::new());
        let polled = handle.poll(&first.waker()).is_pending();
        let again = polled && handle.poll(&second.waker()).is_pending();
        if again {
            second.wait();
        }
        worker.join().expect("the worker returns");
        assert!(handle.load().is_done());
        assert_eq!(
            second.wakes(),
            usize::from(again),
            "I6: the last hook given is woken exactly once"
        );
        assert!(
            first.wakes() <= usize::from(polled && !again),
            "I6: a hook that was replaced is not woken"
        );
        drop(handle);
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&second)),
            (1, 1),
            "I6: the hooks are dropped"
        );
        outcomes.insert((polled, again, first.wakes()));
    });
}

#[test]
fn i6_control_the_completer_ignores_the_hook() {
    control("I6 control: the hook is not woken", Bound::None, Futex::Block, |_| {
        let (task, mut handle) = Counts::default().task();
        let worker = spawn(move || {
            let header = task.id();
            // SAFETY: the queue's right keeps the block alive.
            let _ = unsafe { header.as_ref() }.state().finish(state::Kind::Value, true);
        });
        let signal = Signal::new();
        if handle.poll(&signal.waker()).is_pending() {
            signal.wait();
        }
        std::mem::forget(handle);
        worker.join().expect("the worker returns");
    });
}

#[test]
fn i6_control_the_slot_is_written_while_it_is_lent() {
    control("I6 control: the slot is written while it is lent", Bound::None, Futex::Block, |_| {
        let (task, mut handle) = Counts::default().task();
        let worker = spawn(move || task.run(&Running));
        let signal = Signal::new();
        if handle.poll(&signal.waker()) == Poll::Pending {
            // SAFETY: none: WAKER is up. That is the bug.
            unsafe { handle.block().put_waker(signal.waker()) };
        }
        drop(handle);
        worker.join().expect("the worker returns");
    });
}
