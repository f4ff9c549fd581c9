//! Whether the execution has failed, and what an operation may do to loom then. Every other
//! file of the folder builds on this one.

use std::cell::Cell;

thread_local! {
    static QUIET: Cell<usize> = const { Cell::new(0) };
    static DELIBERATE: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
    /// How often a thread has waited since the failure.
    static WAITS: Cell<u32> = const { Cell::new(0) };
}

/// Forgets the execution before, which may have failed.
pub(super) fn forget() {
    QUIET.set(0);
    DELIBERATE.set(false);
    FAILED.set(false);
    WAITS.set(0);
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
    if FAILED.get() {
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

/// Says that the execution has failed. A harness calls this from the panic hook. So the
/// failure is known even if the code under test catches the panic, as it catches those of its
/// users' closures.
pub(crate) fn fail() {
    FAILED.set(true);
}

/// Ends a wait in an execution that has failed: no thread will do what the caller waits for.
///
/// If the caller's thread is not unwinding, this panics. If it is, a second panic would abort
/// the process, so the wait returns: its condition may hold already. After many such waits the
/// process ends with a sentence.
pub(crate) fn wait_dead() {
    WAITS.set(WAITS.get() + 1);
    if !std::thread::panicking() {
        std::panic::resume_unwind(Box::new("the execution has failed before"));
    }
    if WAITS.get() > 100_000 {
        abort("a model has failed, and a destructor waits for ever while its thread unwinds");
    }
}

/// Ends the process with a sentence. A panic here would abort too, with less to read.
pub(crate) fn abort(why: &str) -> ! {
    eprintln!("{why}");
    std::process::abort()
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
