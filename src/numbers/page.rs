//! The counters that one thread, or a few threads, write.

use crate::sync::{AtomicU64, Ordering};

/// How a submission ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It has a value.
    Completed,
    /// Its function, its input or a callback failed.
    Failed,
    /// It was cancelled before it began.
    Cancelled,
    /// Its pool ended before it began.
    Terminated,
    /// It was not begun in time.
    Expired,
}

/// How many ways to end there are.
const ENDS: usize = 5;

/// Whether the caller is the only thread that writes the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hand {
    /// No other thread writes the page.
    Sole,
    /// Other threads write it too.
    Shared,
}

/// One page of the books. See the room's README for what each counter means.
#[derive(Debug)]
pub(super) struct Page {
    // count counter: the submissions of a pool, by what has become of them. Each submission raises
    // each counter once at most. A counter has 64 bits, and no pool gets as far as 2^64.
    submitted: AtomicU64,
    left: AtomicU64,
    ended: [AtomicU64; ENDS],
    // count refused: the submissions that a pool has refused. It has 64 bits, as above.
    refused: AtomicU64,
}

/// The sum of several pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    pub(super) submitted: u64,
    pub(super) left: u64,
    pub(super) ended: [u64; ENDS],
    pub(super) refused: u64,
}

impl Tally {
    pub(super) fn of(&self, end: End) -> u64 {
        self.ended[end as usize]
    }

    pub(super) fn queued(&self) -> u64 {
        self.submitted.saturating_sub(self.left)
    }

    pub(super) fn running(&self) -> u64 {
        self.left.saturating_sub(self.ended.iter().sum())
    }
}

/// Adds one to a counter, and returns what it was.
#[inline]
fn raise(counter: &AtomicU64, hand: Hand) -> u64 {
    match hand {
        Hand::Sole => {
            let before = counter.load(Ordering::Relaxed);
            // edge TALLY release: what this thread has counted of the submission, or knows to be
            // counted → an observer that sees this count.
            counter.store(before + 1, Ordering::Release);
            before
        }
        // edge TALLY release: as above.
        Hand::Shared => counter.fetch_add(1, Ordering::Release),
    }
}

impl Page {
    pub(super) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            submitted: zero(),
            left: zero(),
            ended: [(); ENDS].map(|()| zero()),
            refused: zero(),
        }
    }

    /// Counts a submission that the caller is about to push. Returns how many this page had.
    #[inline]
    pub(super) fn submitted(&self, hand: Hand) -> u64 {
        raise(&self.submitted, hand)
    }

    /// Takes a submission off that the submitter has taken back. It was counted on this page.
    #[cold]
    pub(super) fn taken_back(&self) {
        // Relaxed: the submission has not left, so no other count follows from it.
        self.submitted.fetch_sub(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn refused(&self) {
        // Relaxed: a number that no other number follows from.
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn left(&self, hand: Hand) {
        raise(&self.left, hand);
    }

    #[inline]
    pub(super) fn ended(&self, hand: Hand, end: End) {
        raise(&self.ended[end as usize], hand);
    }
}

/// Adds the pages up. The order of the loads is the opposite of the order in which a submission is
/// counted.
pub(super) fn add_up<'a>(pages: impl Iterator<Item = &'a Page> + Clone) -> Tally {
    let mut tally = Tally::default();
    for page in pages.clone() {
        for (sum, counter) in tally.ended.iter_mut().zip(&page.ended) {
            // edge TALLY acquire: that these submissions have left, from the threads that ended
            // them → this observer.
            *sum += counter.load(Ordering::Acquire);
        }
    }
    for page in pages.clone() {
        // edge TALLY acquire: that these were submitted, from the threads that took them → this
        // observer.
        tally.left += page.left.load(Ordering::Acquire);
    }
    for page in pages {
        tally.submitted = tally.submitted.wrapping_add(page.submitted.load(Ordering::Relaxed));
        tally.refused += page.refused.load(Ordering::Relaxed);
    }
    tally
}
