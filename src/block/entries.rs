//! How many entries of one block lie in queues, and whether they are of use.
//!
//! A **queue entry** of a batch or a stream is a token: it can be in a queue when the work that it
//! was made for is over. The block counts its entries in one word, with a bit that says **closed**:
//! nothing is left for them to do. From then on they are **stale**.
//!
//! In a pool with a limit the block may also own the **places** of its entries: then each entry
//! that is counted holds one. A place is free when its entry leaves the queue, and all of them are
//! when the block is closed. Either gives up a place by a change of the one word, so that each
//! place is freed once.

use std::ptr::NonNull;
use std::sync::Arc;

use super::header::{Header, TaskRef};
use crate::sync::{AtomicU32, Ordering};

const CLOSED: u32 = 1 << 31;

/// What counts the places in a queue.
pub(crate) trait Places: Send + Sync {
    /// So many places are free again. The caller holds no lock, and what it changes is as it should
    /// be: a stream that is over may be dropped here, with its function.
    fn free(&self, count: u32);
}

/// What a queue entry was when it left its queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// Its block may have something for it to do.
    Live,
    /// The block had been closed, and this entry was among those that [`Entries::close`] gave.
    Stale,
}

/// All accesses to the word are Relaxed: it says what is counted where, and carries nothing.
pub(crate) struct Entries {
    /// The number of entries in queues, and CLOSED.
    // count word: the entries of a block that lie in queues. Raised with each that is pushed: at most
    // one for each worker of the pool.
    word: AtomicU32,
    /// Where each of them holds a place, if it does.
    places: Option<Arc<dyn Places>>,
}

impl Entries {
    pub(crate) fn new(places: Option<Arc<dyn Places>>) -> Self {
        Self { word: AtomicU32::new(0), places }
    }

    /// Whether each entry that is counted here holds a place.
    pub(crate) fn have_places(&self) -> bool {
        self.places.is_some()
    }

    /// So many entries are about to be pushed; if they hold places, those have been taken, and are
    /// the block's from here on. False if the block is closed: then nothing has changed, and the
    /// entries are of no use in a queue.
    #[must_use]
    pub(crate) fn entered(&self, count: u32) -> bool {
        let open = self.word.fetch_add(count, Ordering::Relaxed) & CLOSED == 0;
        if !open {
            self.word.fetch_sub(count, Ordering::Relaxed);
        }
        open
    }

    /// As [`entered`](Self::entered), for one entry without a place, which is pushed though the
    /// block may be closed.
    pub(crate) fn entered_anyhow(&self) {
        debug_assert!(!self.have_places(), "an entry with a place is counted with it");
        self.word.fetch_add(1, Ordering::Relaxed);
    }

    /// An entry that was counted has left its queue, for whatever reason. Frees its place, if it
    /// still has one.
    pub(crate) fn taken(&self) -> Taken {
        let before = self.word.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before & !CLOSED > 0, "an entry is counted before it is pushed");
        if before & CLOSED != 0 {
            return Taken::Stale;
        }
        self.free(1);
        Taken::Live
    }

    /// Nothing is left for the entries to do. Says how many lie in queues and are stale from here
    /// on, and frees their places; none if the block was closed before.
    pub(crate) fn close(&self) -> u32 {
        let before = self.word.fetch_or(CLOSED, Ordering::Relaxed);
        let stale = if before & CLOSED == 0 { before } else { 0 };
        self.free(stale);
        stale
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// The block is about to be freed.
    pub(crate) fn end(&mut self) {
        self.places = None;
    }

    fn free(&self, count: u32) {
        if let (Some(places), 1..) = (&self.places, count) {
            places.free(count);
        }
    }
}

/// Entries of one block that are not counted yet: the space counts them once they have places.
pub(crate) struct Uncounted {
    header: NonNull<Header>,
    left: u32,
}

impl Uncounted {
    /// One entry.
    pub(crate) fn one(entry: TaskRef) -> Self {
        Self { header: entry.into_id(), left: 1 }
    }

    /// # Safety
    ///
    /// The caller owns so many rights to the block, which are the result's from here on.
    pub(crate) unsafe fn new(header: NonNull<Header>, count: u32) -> Self {
        Self { header, left: count }
    }
}

impl Iterator for Uncounted {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: one of the rights that `new` was given, which keeps the block alive until it is
        // spent.
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
