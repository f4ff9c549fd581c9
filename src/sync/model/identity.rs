//! Which pool is which. A model does not fork.

use super::execution::state;

/// A number that no other call in this execution returned. Zero is never returned.
pub(crate) fn unique() -> u32 {
    let state = state();
    let id = state.next_unique.get();
    state.next_unique.set(id + 1);
    id
}

/// Whether the pool with this number lives in a parent process.
pub(crate) fn is_forked(_: u32) -> bool {
    false
}
