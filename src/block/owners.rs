//! The owners of a block that has more than two: a count. The last owner frees the block.

use super::unwind::check_count;
use crate::sync::{AtomicU32, Ordering};

/// The most owners that a block may have: half of what the word can count.
pub(crate) const MOST_OWNERS: u32 = u32::MAX / 2;

/// How many owners a block has.
#[derive(Debug)]
pub(crate) struct Owners {
    // count owners: the owners of a scope or a stream. A scope is owned by its frame, by each
    // pending task and by each queue entry; each submission to the scope raises the count. A
    // stream is owned by its consumer, by its entry and by each active runner: at most the
    // workers and two. The process aborts when the count passes 2^31, half of its range.
    owners: AtomicU32,
}

impl Owners {
    /// Begins the count with one owner.
    pub(crate) fn one() -> Self {
        Self { owners: AtomicU32::new(1) }
    }

    /// Counts another owner. The caller is an owner, and stays one during the call.
    pub(crate) fn join(&self) {
        // Relaxed: the caller is an owner, so no thread frees the block meanwhile.
        let owners = self.owners.fetch_add(1, Ordering::Relaxed);
        check_count(u64::from(owners) + 1, MOST_OWNERS.into(), "a block has too many owners");
    }

    /// Takes the caller off the owners. If the call returns true, the caller was the last
    /// owner and must free the block. Otherwise the caller must not touch the block again.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        // edge OWNERS release: this owner's last access → the last owner.
        // edge OWNERS acquire: the last accesses of all other owners → the last owner.
        self.owners.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Sets the count, for tests that reach the limit of the count.
    #[cfg(all(test, unix, not(loom)))]
    pub(crate) fn preset(&self, owners: u32) {
        self.owners.store(owners, Ordering::Relaxed);
    }
}
