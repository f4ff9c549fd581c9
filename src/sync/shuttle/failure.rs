//! Whether the execution has failed, and what an operation does then.
//!
//! Only the harness of `model` says so. Without it no execution has failed, and shuttle deals with
//! its panics alone. From a failure on no operation is a scheduling point, and no wait lasts: each
//! thread unwinds from its next wait.

#[path = "../failed.rs"]
mod failed;

pub(crate) use failed::*;

/// Says whether the execution has failed.
pub(crate) fn failed() -> bool {
    has_failed()
}

/// Panics as a user's closure would, without failing the model: no panic hook hears of this.
pub(crate) fn panic_deliberately() -> ! {
    resume_deliberately(Box::new("deliberate"))
}

/// As [`panic_deliberately`], with this payload.
pub(crate) fn resume_deliberately(payload: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(payload)
}
