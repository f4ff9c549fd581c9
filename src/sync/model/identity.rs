//! Tells the pools of an execution apart. A model does not fork.

use super::execution::state;

/// Returns a number that no other call in this execution returned. It is never zero.
pub(crate) fn unique() -> u32 {
    let state = state();
    let id = state.next_unique.get();
    state.next_unique.set(id + 1);
    id
}

/// Says whether the pool with this number lives in a parent process: in a model, never.
pub(crate) fn is_forked(_: u32) -> bool {
    false
}
