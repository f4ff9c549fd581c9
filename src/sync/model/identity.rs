//! Tells the pools of a process apart. A model does not fork.

use std::sync::atomic::{AtomicU32, Ordering};

/// The number that the next pool gets.
// count NEXT_IN_MODEL: the pools of all executions of all models. It rolls over. Tables of the
// process hold pools by number, and models run side by side, each on a thread of the system. So
// two pools must not have one number, even if they are of two models.
static NEXT_IN_MODEL: AtomicU32 = AtomicU32::new(1);

/// Returns a number that no other call in this process returned (until 2^32 calls). It is never
/// zero.
pub(crate) fn unique() -> u32 {
    loop {
        // Relaxed: the number is an identity only, and loom does not see it.
        let id = NEXT_IN_MODEL.fetch_add(1, Ordering::Relaxed);
        if id != 0 {
            return id;
        }
    }
}

/// Says whether the pool with this number lives in a parent process: in a model, never.
pub(crate) fn is_forked(_: u32) -> bool {
    false
}
