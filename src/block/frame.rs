//! Which tasks are running on this thread, innermost first.
//!
//! A thread that waits for a task that is running below it on its own stack would wait for ever; this list is how that
//! is told in time.

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

/// Runs `f` as (a part of) `task`. `f` does not unwind.
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

/// Whether the innermost task that is running on this thread has been asked to stop.
pub(crate) fn is_asked() -> bool {
    let top = TOP.with(Cell::get);
    // SAFETY: as in `is_running`.
    let frame = unsafe { top.as_ref() };
    frame.is_some_and(|frame| {
        // SAFETY: whoever runs a task has a right to its block until after it has left the frame.
        unsafe { frame.task.as_ref() }.state().is_asked()
    })
}

/// Whether `task` is running on this thread.
pub(crate) fn is_running(task: NonNull<Header>) -> bool {
    let mut at = TOP.with(Cell::get);
    while !at.is_null() {
        // SAFETY: the list holds only frames of `enter` calls that are still on this thread's stack: each puts itself on
        // when it begins and takes itself off before it returns, and it cannot unwind.
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

    #[test]
    fn res_13_a_task_is_running_however_many_lie_above_it_on_the_stack() {
        let tasks = [(); 4].map(|()| call_of_nothing(1));
        let [first, second, third, other] = tasks.each_ref().map(|task| task.id());
        let look = || [first, second, third, other].map(is_running);
        // `enter` must not unwind, so the looks are judged outside.
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
