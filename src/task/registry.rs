//! Which pool a number is: for threads that have a handle and nothing else.
//!
//! A handle knows its pool only by number, and may outlive it. A thread that cancels a task finds the pool here, under a lock, to tell
//! it that one of its queues holds a stale entry.

use std::sync::{Mutex, PoisonError, Weak};

use super::host::Host;

type Pools = Vec<(u32, Weak<dyn Host + Send + Sync>)>;

static POOLS: Mutex<Pools> = Mutex::new(Vec::new());

/// From now on the pool is found by this number.
pub(crate) fn register(pool: u32, host: Weak<dyn Host + Send + Sync>) {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner).push((pool, host));
}

/// The pool is gone.
pub(crate) fn unregister(pool: u32) {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = pools.iter().position(|(known, _)| *known == pool) {
        pools.swap_remove(at);
    }
}

/// So many entries of the pool's queues have become stale.
pub(super) fn entries_died(pool: u32, outside: bool, count: usize) {
    let pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let host = pools.iter().find_map(|(known, host)| (*known == pool).then(|| host.upgrade())).flatten();
    drop(pools);
    if let Some(host) = host {
        host.entries_died(outside, count);
    }
}
