//! A runner's turn: how long a runner goes on while other work waits, and how it learns that
//! other work waits.
//!
//! A runner of a batch or a stream may have work for hours, and other work must not wait that
//! long. While no other work waits, the runner looks at one word before each item and at
//! nothing else. Once other work waits, the runner looks at the clock after every item, or
//! after a few items if they are short. When its turn is over, the runner gives way.

use std::time::Duration;

use super::pool_view::{PoolView, STOP, WORK};
use crate::sync::clock::Stopwatch;
use crate::sync::{AtomicU32, Ordering, fence};

/// How long a turn lasts while other work waits.
const TURN_TIME: Duration = Duration::from_micros(100);
/// If items last less than this, a runner begins several between two looks at the clock.
const SHORT_ITEM: Duration = Duration::from_micros(1);
/// The longest poll interval: a runner begins at most so many items between two looks.
const MOST_ITEMS_BETWEEN_LOOKS: u32 = 16;

/// A runner's turn, which says when the runner must give way.
pub(crate) struct Turn<'a> {
    view: &'a dyn PoolView,
    watch: Stopwatch,
    /// Whether the runner knows of other work.
    contended: bool,
    over: bool,
    /// How many items the runner may begin before it looks at the clock again, out of the poll
    /// interval.
    left: u32,
    poll_interval: u32,
    /// The time that the clock showed at the last look.
    looked: Duration,
}

impl<'a> Turn<'a> {
    /// Begins a turn. None if the runner cannot give way, because it does work that its own
    /// thread waits for.
    pub(crate) fn begin(view: &'a dyn PoolView) -> Option<Self> {
        view.gives_way().then(|| Self {
            view,
            watch: Stopwatch::start(),
            contended: view.is_work_waiting(),
            over: false,
            left: 1,
            poll_interval: 1,
            looked: Duration::ZERO,
        })
    }

    /// Returns the bits of the attention word that this runner heeds. Once it knows of other
    /// work, WORK is for the other runners.
    #[inline]
    pub(crate) fn heeded(&self) -> u32 {
        if self.contended { STOP } else { STOP | WORK }
    }

    /// Says how many items the runner may begin before it calls [`looks`](Self::looks).
    #[inline]
    pub(crate) fn allowance(&self) -> usize {
        if self.contended { self.left.max(1) as usize } else { usize::MAX }
    }

    /// Looks for other work, after `begun` items that the runner has begun since the last
    /// call. Returns whether the turn is over.
    #[inline]
    pub(crate) fn looks(&mut self, begun: usize) -> bool {
        // Relaxed: a request, which carries nothing.
        let called = |word: &AtomicU32| word.load(Ordering::Relaxed) & WORK != 0;
        if !self.contended && self.view.attention().is_some_and(called) {
            self.heed();
        }
        if self.contended {
            self.look_at_the_clock(begun);
        }
        self.over
    }

    /// Says whether the runner must give way.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Finds out whether other work waits, when WORK is up. As long as some waits, WORK stays
    /// up: this runner may be about to begin a long item, and the other runners must hear of
    /// the work that is left.
    #[cold]
    fn heed(&mut self) {
        let Some(word) = self.view.attention() else { return };
        self.contended = self.view.is_work_waiting();
        if self.contended {
            return;
        }
        word.fetch_and(!WORK, Ordering::Relaxed);
        // edge ATTENTION fence: WORK taken away by this runner → the look of a submitter. Or:
        // what that submitter has submitted → the look below.
        fence(Ordering::SeqCst);
        self.contended = self.view.is_work_left();
        if self.contended {
            word.fetch_or(WORK, Ordering::Relaxed);
        }
    }

    #[cold]
    fn look_at_the_clock(&mut self, begun: usize) {
        self.left = self.left.saturating_sub(u32::try_from(begun).unwrap_or(u32::MAX));
        if self.left > 0 {
            return;
        }
        let now = self.watch.elapsed();
        let each = now.saturating_sub(self.looked) / self.poll_interval;
        self.poll_interval = if each < SHORT_ITEM {
            MOST_ITEMS_BETWEEN_LOOKS.min(self.poll_interval * 2)
        } else {
            1
        };
        (self.left, self.looked) = (self.poll_interval, now);
        if now > TURN_TIME {
            // Another worker may have taken the work meanwhile.
            self.contended = self.view.is_work_waiting();
            self.over = self.contended;
        }
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/turn.rs"]
mod models;
