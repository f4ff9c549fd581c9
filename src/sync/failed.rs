//! That an execution of a model has failed, and how a wait ends then. loom's models and shuttle's
//! have this in common, and each includes the file.

use std::cell::Cell;

thread_local! {
    static FAILED: Cell<bool> = const { Cell::new(false) };
    /// How often a thread has waited since the failure.
    static WAITS: Cell<u32> = const { Cell::new(0) };
}

/// Forgets the execution before, which may have failed.
pub(crate) fn forget() {
    FAILED.set(false);
    WAITS.set(0);
}

/// Says that the execution has failed. A harness calls this from the panic hook. So the failure is
/// known even if the code under test catches the panic, as it catches those of its users'
/// closures.
pub(crate) fn fail() {
    FAILED.set(true);
}

pub(crate) fn has_failed() -> bool {
    FAILED.get()
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
