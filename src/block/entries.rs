//! How many entries of one block lie in queues, and whether those entries are of use.
//!
//! A **queue entry** of a batch or a stream can still lie in a queue when its work is over.
//! The block counts its entries in one word. One bit of that word says **closed**: nothing is
//! left for the entries to do. Once the bit is up, the entries are **stale**.
//!
//! In a pool with a limit the block may also own the **places** of its entries. Each counted
//! entry then holds one place. A place is free when its entry leaves the queue. All places are
//! free when a thread closes the block. Both steps change the one word, so the block frees
//! each place once.

use std::ptr::NonNull;
use std::sync::Arc;

use super::header::{Header, TaskRef};
use crate::sync::{AtomicU32, Ordering};

const CLOSED: u32 = 1 << 31;

/// Takes back the places that queue entries no longer hold. The pool's space does this.
pub(crate) trait Places: Send + Sync {
    /// Takes back `count` places. The caller holds no lock, and its own data is consistent:
    /// the call may drop a stream that is over, and the stream's function with it.
    fn free(&self, count: u32);
}

/// Whether a queue entry was of use when it left its queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// The block may have something for this entry to do.
    Live,
    /// The block was closed before. If the entry was counted by then, [`Entries::close`]
    /// reported it.
    Stale,
}

/// Counts the entries of one block that lie in queues. All accesses to the word are Relaxed:
/// the word says how many entries there are, and carries nothing.
pub(crate) struct Entries {
    /// The number of entries in queues, and the bit CLOSED.
    // count word: the entries of a block that lie in queues. The word rises with each entry
    // that a thread pushes: to at most one for each worker of the pool.
    word: AtomicU32,
    /// The counter of the places, if the block's entries hold places.
    places: Option<Arc<dyn Places>>,
}

impl Entries {
    pub(crate) fn new(places: Option<Arc<dyn Places>>) -> Self {
        Self { word: AtomicU32::new(0), places }
    }

    /// Says whether each entry that is counted here holds a place.
    pub(crate) fn have_places(&self) -> bool {
        self.places.is_some()
    }

    /// Counts `count` entries that the caller is about to push. If entries hold places, the
    /// caller has taken the places, and the block owns them from here on. The call returns
    /// false if the block is closed: then nothing has changed, and the entries are of no use
    /// in a queue.
    #[must_use]
    pub(crate) fn entered(&self, count: u32) -> bool {
        let open = self.word.fetch_add(count, Ordering::Relaxed) & CLOSED == 0;
        if !open {
            self.word.fetch_sub(count, Ordering::Relaxed);
        }
        open
    }

    /// Says that a counted entry has left its queue, for any reason. Frees the entry's place,
    /// if the entry still has one.
    pub(crate) fn taken(&self) -> Taken {
        let before = self.word.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before & !CLOSED > 0, "an entry is counted before it is pushed");
        if before & CLOSED != 0 {
            return Taken::Stale;
        }
        self.free(1);
        Taken::Live
    }

    /// Says that nothing is left for the entries to do. Returns how many entries lie in queues
    /// and are stale from here on, and frees their places. Returns 0 if the block was closed
    /// before.
    pub(crate) fn close(&self) -> u32 {
        let before = self.word.fetch_or(CLOSED, Ordering::Relaxed);
        let stale = if before & CLOSED == 0 { before } else { 0 };
        self.free(stale);
        stale
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Drops the counter of the places. The caller is about to free the block.
    pub(crate) fn end(&mut self) {
        self.places = None;
    }

    fn free(&self, count: u32) {
        if let (Some(places), 1..) = (&self.places, count) {
            places.free(count);
        }
    }
}

/// Entries of one block that are not counted yet. The space counts them once they have places.
pub(crate) struct Uncounted {
    header: NonNull<Header>,
    left: u32,
}

impl Uncounted {
    /// Makes an iterator over this one entry.
    pub(crate) fn one(entry: TaskRef) -> Self {
        Self { header: entry.into_id(), left: 1 }
    }

    /// # Safety
    ///
    /// The caller owns `count` rights to the block, and gives them all to the result.
    pub(crate) unsafe fn new(header: NonNull<Header>, count: u32) -> Self {
        Self { header, left: count }
    }
}

impl Iterator for Uncounted {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: the caller of `new` gave this many rights, and this is one of them. The
        // right keeps the block alive until a thread spends it.
        Some(unsafe { TaskRef::new(self.header) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Uncounted {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32 as Count;

    #[derive(Default)]
    struct Freed(Count);

    impl Places for Freed {
        fn free(&self, count: u32) {
            assert!(count > 0);
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_place_is_freed_once() {
        let freed = Arc::new(Freed::default());
        let places = || freed.0.load(Ordering::Relaxed);
        let entries = Entries::new(Some(Arc::clone(&freed) as _));
        assert!(entries.entered(3));
        assert_eq!((entries.taken(), places()), (Taken::Live, 1));
        assert_eq!((entries.close(), places()), (2, 3));
        assert_eq!((entries.taken(), places()), (Taken::Stale, 3));
        assert_eq!((entries.close(), places()), (0, 3));
        assert!(!entries.entered(1), "a closed block has no more entries");
    }

    #[test]
    fn without_places_there_is_only_the_count() {
        let entries = Entries::new(None);
        assert!(entries.entered(2) && !entries.have_places());
        assert_eq!(entries.taken(), Taken::Live);
        assert!(!entries.is_closed());
        assert_eq!(entries.close(), 1);
        assert!(entries.is_closed());
    }
}
