//! Whether the execution has failed, and what an operation may do to loom then. Every other
//! file of the folder builds on this one.

#[path = "../failed.rs"]
mod failed;

use std::cell::Cell;

pub(crate) use failed::*;

thread_local! {
    static QUIET: Cell<usize> = const { Cell::new(0) };
    static DELIBERATE: Cell<bool> = const { Cell::new(false) };
}

/// Forgets the execution before, which may have failed.
pub(super) fn forget() {
    QUIET.set(0);
    DELIBERATE.set(false);
    failed::forget();
}

/// Says what an operation may do to loom at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The ordinary case: the operation is loom's, and loom may change threads.
    Live,
    /// A panic that the model wants is unwinding. Operations are loom's, but loom must not
    /// change threads. The standard library counts panics per OS thread, so another model
    /// thread would take this thread's panic for its own.
    Quiet,
    /// The execution has failed. loom has no current thread after a deadlock, and a second
    /// panic in a destructor aborts the process. So operations work on plain memory and leave
    /// loom alone.
    Dead,
}

pub(super) fn mode() -> Mode {
    if failed::has_failed() {
        Mode::Dead
    } else if !std::thread::panicking() {
        DELIBERATE.set(false);
        Mode::Live
    } else if DELIBERATE.get() {
        Mode::Quiet
    } else {
        Mode::Dead
    }
}

/// Says whether the execution has failed. Then nothing is left to protect. A guard that would
/// end the process lets its thread unwind, so that the failure's message and the other tests
/// do not get lost.
pub(crate) fn failed() -> bool {
    dead()
}

pub(super) fn dead() -> bool {
    mode() == Mode::Dead
}

/// Panics as a user's closure would, without failing the model. The code under test must catch
/// the panic. Any other panic inside a model counts as the model's failure.
pub(crate) fn panic_deliberately() -> ! {
    resume_deliberately(Box::new("deliberate"))
}

/// As [`panic_deliberately`], with this payload.
pub(crate) fn resume_deliberately(payload: Box<dyn std::any::Any + Send>) -> ! {
    DELIBERATE.set(true);
    // Not `panic!`, which would call the hook: the hook has nothing to report.
    std::panic::resume_unwind(payload)
}

/// Keeps loom from changing threads at any operation of this thread, for as long as this guard
/// lives.
pub(super) struct Quiet(());

impl Quiet {
    pub(super) fn begin() -> Self {
        if QUIET.replace(QUIET.get() + 1) == 0 {
            loom::stop_exploring();
        }
        Self(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(QUIET.get() - 1);
        if QUIET.get() == 0 {
            loom::explore();
        }
    }
}

/// Runs one of loom's operations, and keeps loom from changing threads where [`Mode::Quiet`]
/// asks for it.
pub(crate) fn operate<R>(operation: impl FnOnce() -> R) -> R {
    let _quiet = (mode() == Mode::Quiet).then(Quiet::begin);
    operation()
}
