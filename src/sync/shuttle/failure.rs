//! Whether the execution has failed, and what an operation does then.
//!
//! Only the harness of `model` says so. Without it no execution has failed, and shuttle deals with
//! its panics alone.

use std::cell::Cell;

thread_local! {
    static FAILED: Cell<bool> = const { Cell::new(false) };
    /// How often a thread has waited since the failure.
    static WAITS: Cell<u32> = const { Cell::new(0) };
}

/// Forgets the execution before, which may have failed.
pub(super) fn forget() {
    FAILED.set(false);
    WAITS.set(0);
}

/// Says that the execution has failed. From then on no operation is a scheduling point, and no
/// wait lasts: each thread unwinds from its next wait.
pub(crate) fn fail() {
    FAILED.set(true);
}

/// Says whether the execution has failed.
pub(crate) fn failed() -> bool {
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

/// Panics as a user's closure would, without failing the model: no panic hook hears of this.
pub(crate) fn panic_deliberately() -> ! {
    resume_deliberately(Box::new("deliberate"))
}

/// As [`panic_deliberately`], with this payload.
pub(crate) fn resume_deliberately(payload: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}
