//! Finds a pool by its number, for threads that have a handle and nothing else.
//!
//! A handle knows its pool only by number, and may outlive the pool. A thread that cancels a
//! task finds the pool here, under a lock, and tells it that one of its queues holds a stale
//! entry.

use std::sync::{Mutex, PoisonError, Weak};

use super::pool_view::PoolView;
use super::slab::free_empty;
use crate::sync::PerProcess;

type Pools = Vec<(u32, Weak<dyn PoolView + Send + Sync>)>;

static POOLS: PerProcess<Mutex<Pools>> = PerProcess::new(Mutex::new(Vec::new()));

/// Lets threads find the pool by this number from now on.
pub(crate) fn register(pool: u32, view: Weak<dyn PoolView + Send + Sync>) {
    POOLS.get().lock().unwrap_or_else(PoisonError::into_inner).push((pool, view));
}

/// Forgets the pool, which is gone. With the last pool the empty slabs go.
pub(crate) fn unregister(pool: u32) {
    let mut pools = POOLS.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = pools.iter().position(|(known, _)| *known == pool) {
        pools.swap_remove(at);
        if pools.is_empty() {
            free_empty();
        }
    }
}

/// Tells the pool that `count` entries in its queues have become stale.
pub(crate) fn entries_died(pool: u32, outside: bool, count: usize) {
    let pools = POOLS.get().lock().unwrap_or_else(PoisonError::into_inner);
    let view =
        pools.iter().find_map(|(known, view)| (*known == pool).then(|| view.upgrade())).flatten();
    drop(pools);
    if let Some(view) = view {
        view.entries_died(outside, count);
    }
}
