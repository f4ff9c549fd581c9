//! The owners of a block that has more than two: a count, whose last owner frees the block.

use super::unwind::check_count;
use crate::sync::{AtomicU32, Ordering};

/// The most owners: half of what can be counted.
pub(crate) const MOST_OWNERS: u32 = u32::MAX / 2;

/// How many owners a block has.
#[derive(Debug)]
pub(crate) struct Owners {
    // count owners: the owners of a scope or a stream. A scope's are the frame, each pending task and
    // each queued token, raised by each submission to it. A stream's are the consumer, the entry and
    // each active runner: at most the workers and two. The process aborts when it passes 2^31, half
    // of its range.
    owners: AtomicU32,
}

impl Owners {
    /// One owner.
    pub(crate) fn one() -> Self {
        Self { owners: AtomicU32::new(1) }
    }

    /// Counts another owner. The caller is one, and stays one meanwhile.
    pub(crate) fn join(&self) {
        // Relaxed: the caller is an owner, so the count is not at its end.
        let owners = self.owners.fetch_add(1, Ordering::Relaxed);
        check_count(u64::from(owners) + 1, MOST_OWNERS.into(), "a block has too many owners");
    }

    /// One owner leaves, and touches the block no more, unless this is true: then it was the last, and must free the block.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        // edge OWNERS release: this owner's last access → the last owner.
        // edge OWNERS acquire: those of all others → the last owner.
        self.owners.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Sets the count, for tests of its end.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn preset(&self, owners: u32) {
        self.owners.store(owners, Ordering::Relaxed);
    }
}
