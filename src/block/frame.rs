//! Which tasks run on this thread, innermost first.
//!
//! A thread can wait for a task that runs below it on its own stack. Such a wait would never
//! end. This list shows it before the thread waits.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::header::Header;
use super::unwind::Abort;
use crate::sync::local;

struct Frame {
    task: NonNull<Header>,
    below: *const Frame,
}

local! {
    static TOP: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// Runs `f` as `task`, or as a part of it. `f` does not unwind.
#[inline]
pub(crate) fn enter<R>(task: NonNull<Header>, f: impl FnOnce() -> R) -> R {
    let frame = Frame { task, below: TOP.with(Cell::get) };
    TOP.with(|top| top.set(&raw const frame));
    let guard = Abort("a task unwound into the pool");
    let result = f();
    guard.disarm();
    TOP.with(|top| top.set(frame.below));
    result
}

/// Returns the innermost task on this thread.
#[inline]
pub(crate) fn innermost() -> Option<NonNull<Header>> {
    let top = TOP.with(Cell::get);
    // SAFETY: the list holds only frames of `enter` calls that are still on this thread's
    // stack, as in `is_running`.
    unsafe { top.as_ref() }.map(|frame| frame.task)
}

/// Says whether a thread has asked the innermost task on this thread to stop.
pub(crate) fn is_asked() -> bool {
    let top = TOP.with(Cell::get);
    // SAFETY: the list holds only frames of `enter` calls that are still on this thread's
    // stack, as in `is_running`.
    let frame = unsafe { top.as_ref() };
    frame.is_some_and(|frame| {
        // SAFETY: the thread that runs a task holds a right to the task's block until after it
        // has left the frame.
        unsafe { frame.task.as_ref() }.state().is_asked()
    })
}

/// Says whether `task` is running on this thread.
pub(crate) fn is_running(task: NonNull<Header>) -> bool {
    let mut at = TOP.with(Cell::get);
    while !at.is_null() {
        // SAFETY: the list holds only frames of `enter` calls that are still on this thread's
        // stack. Each call puts its frame on the list when it begins, takes it off before it
        // returns, and cannot unwind.
        let frame = unsafe { &*at };
        if frame.task == task {
            return true;
        }
        at = frame.below;
    }
    false
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::Nobody;
    use crate::block::call_of_nothing;

    // covers RES-13
    #[test]
    fn a_task_is_running_however_many_lie_above_it_on_the_stack() {
        let tasks = [(); 4].map(|()| call_of_nothing(1));
        let [first, second, third, other] = tasks.each_ref().map(|task| task.id());
        let look = || [first, second, third, other].map(is_running);
        // `enter` must not unwind, so the test makes its assertions outside of it.
        let mut looks = vec![look()];
        enter(first, || {
            looks.push(look());
            enter(second, || {
                looks.push(look());
                enter(third, || looks.push(look()));
                looks.push(look());
            });
            looks.push(look());
        });
        looks.push(look());
        let running = |tasks: usize| [0, 1, 2, 3].map(|task| task < tasks);
        assert_eq!(looks, [0, 1, 2, 3, 2, 1, 0].map(running));
        for task in tasks {
            task.run(&Nobody);
        }
    }
}
