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
pub(super) fn enter<R>(task: NonNull<Header>, f: impl FnOnce() -> R) -> R {
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
