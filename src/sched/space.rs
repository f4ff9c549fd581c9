//! The space in the injector: where submitters from outside wait while it holds as much as it may.
//!
//! ```text
//!          a submitter found the limit reached, and announces itself
//!   OPEN ────────────────────────────────────────────────────────────▶ FULL   (submitters from outside wait)
//!     ◀───────────────────────────────────────────────────────────────
//!          half of the limit or less is left; or the stage has changed
//! ```
//!
//! OPEN and FULL lie as far apart as the half of the limit: a taker that wakes lets several in, and whoever comes while
//! others wait does not overtake them.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU32, Ordering, fence, futex};
use crate::wait::block_until;

const OPEN: u32 = 0;
const FULL: u32 = 1;

/// What a submission from outside does while the injector is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhenFull {
    Wait,
    Refuse,
}

/// All accesses to the word are Relaxed: it carries no data. Where it must not be older than a take, a look or a stage, a
/// SeqCst fence stands between them [SPACE-2, SPACE-4, SPACE-5].
pub(super) struct Space {
    limit: usize,
    /// The futex word of the waiting submitters. Every taker reads it, and it seldom changes.
    word: CachePadded<AtomicU32>,
}

impl Space {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, word: CachePadded::new(AtomicU32::new(OPEN)) }
    }

    /// Of so many or fewer a full injector is open again.
    fn half(&self) -> usize {
        self.limit / 2
    }

    /// Whether a submitter must not push now. [SPACE-1]
    pub(super) fn is_full(&self, queued: usize) -> bool {
        queued >= self.limit || self.word.load(Ordering::Relaxed) == FULL
    }

    /// Waits until the injector may be open again, which the caller must see for itself. `runs` says whether the pool still
    /// takes work.
    #[cold]
    pub(super) fn wait(&self, queued: impl Fn() -> usize, runs: impl Fn() -> bool) {
        // A read-modify-write like all changes, so that there is one chain of them: after an OPEN, this one has read it.
        self.word.swap(FULL, Ordering::Relaxed); // [SPACE-2]
        // edge SPACE fence: FULL → a taker's look, or its take → the look below.
        // edge LIFE fence: FULL → whoever ends the pool, or the new stage → the look below.
        fence(Ordering::SeqCst);
        if runs() && queued() > self.half() {
            block_until(&self.word, 0, None, |word| word == OPEN); // [SPACE-3]
        } else {
            // Others may have gone to sleep on this FULL.
            self.reopen();
        }
    }

    /// Something was taken out of the injector. [SPACE-4]
    #[inline]
    pub(super) fn taken(&self, queued: impl FnOnce() -> usize) {
        // edge SPACE fence: the take → a submitter's or another taker's look, or FULL, or the other's take → this look.
        fence(Ordering::SeqCst);
        if self.word.load(Ordering::Relaxed) == FULL && queued() <= self.half() {
            self.reopen();
        }
    }

    /// Lets all who wait look again. Whoever calls it for another stage has fenced since it changed that. [SPACE-5]
    #[cold]
    pub(super) fn reopen(&self) {
        if self.word.swap(OPEN, Ordering::Relaxed) == FULL {
            futex::wake_all(&self.word);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn full_at_the_limit_and_open_at_half_of_it() {
        for (limit, half) in [(1, 0), (2, 1), (3, 1), (100, 50)] {
            let space = Space::new(limit);
            assert!(!space.is_full(limit - 1));
            assert!(space.is_full(limit));
            space.word.store(FULL, Ordering::Relaxed);
            assert!(space.is_full(0), "whoever waits is not overtaken");
            space.taken(|| half + 1);
            assert!(space.is_full(0));
            space.taken(|| half);
            assert!(!space.is_full(0));
        }
    }

    #[test]
    fn a_second_look_that_finds_space_or_the_end_does_not_sleep() {
        let space = Space::new(1);
        space.wait(|| 0, || true);
        assert!(!space.is_full(0));
        space.wait(|| 1, || false);
        assert!(!space.is_full(0));
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/space.rs"]
mod models;
