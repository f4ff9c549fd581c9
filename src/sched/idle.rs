//! The idle stack: which workers are parked, how many are searching, and whom to wake.
//!
//! One word holds it all: the **top** of the stack (seat number plus one; 0 is an empty stack), the number of
//! **searchers** (workers that are awake, have no task and look for one), and a **tag** that counts the changes of the
//! stack, so that a pop cannot mistake a stack that came back to the same top for the one it read. Parked workers are
//! linked through their **seats**.
//!
//! Newest on top: the worker that went to sleep last is the warmest, and cold ones stay cold. Whoever wakes a worker does
//! the accounting *for* it (off the stack, counted as a searcher), so that a burst of submissions during the microseconds
//! that the sleeper takes to come round wakes nobody twice.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU32, AtomicU64, Ordering, futex};
use crate::wait::block_until;

const TOP: u64 = 0xffff;
// count SEARCHER: the searchers of a pool. Raised by each wake-up, for the worker that is woken:
// at most as many as a pool has workers, 65,535, the range of the count.
const SEARCHER: u64 = 1 << 16;
const SEARCHERS: u64 = 0xffff << 16;
// count TAG: the changes of a pool's idle stack. Raised by each worker that parks or is woken; it
// rolls over. That is seen only by a thread between whose look and exchange 2^32 changes have
// come to the same top.
const TAG: u64 = 1 << 32;

/// A worker's place to sleep.
#[derive(Debug)]
struct Seat {
    /// The futex word: 0 as long as the worker is to sleep.
    signal: AtomicU32,
    /// The seat below on the stack, plus one; 0 at the bottom. Means nothing off the stack.
    below: AtomicU32,
}

#[derive(Clone, Copy)]
struct Word(u64);

impl Word {
    const fn top(self) -> u32 {
        (self.0 & TOP) as u32
    }
    const fn searchers(self) -> u64 {
        (self.0 & SEARCHERS) / SEARCHER
    }
    /// The same with another top: the tag moves on.
    const fn with_top(self, top: u32) -> Self {
        Self((self.0 & !TOP | top as u64).wrapping_add(TAG))
    }
}

/// How many workers may search at once, of so many that can run at once. On a few processors all: a pair of tasks then finds
/// both workers awake. On many, half: each searcher reads what the others write.
fn max_searchers(running: usize) -> u64 {
    const FEW_PROCESSORS: usize = 4;
    (if running <= FEW_PROCESSORS { running } else { running / 2 }).max(1) as u64
}

#[derive(Debug)]
pub(crate) struct Idle {
    word: CachePadded<AtomicU64>,
    seats: Box<[CachePadded<Seat>]>,
    max_searchers: u64,
}

impl Idle {
    /// `tag` is where the count of changes begins: 0, but for tests of its rollover.
    pub(crate) fn new(workers: usize, processors: usize, tag: u32) -> Self {
        let seat =
            |_| CachePadded::new(Seat { signal: AtomicU32::new(1), below: AtomicU32::new(0) });
        Self {
            word: CachePadded::new(AtomicU64::new(u64::from(tag) << 32)),
            seats: (0..workers).map(seat).collect(),
            max_searchers: max_searchers(workers.min(processors)),
        }
    }

    /// Whether some worker is awake and has nothing to do, by a look that may be old.
    #[inline]
    pub(crate) fn is_anyone_searching(&self) -> bool {
        Word(self.word.load(Ordering::Relaxed)).searchers() > 0
    }

    /// Wakes a worker for work that has just become visible, if one sleeps and none is searching. False if no worker is idle.
    /// [SLEEP-2]
    ///
    /// The caller has put a SeqCst fence between making the work visible and this call.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        let word = Word(self.word.load(Ordering::Relaxed));
        word.searchers() > 0 || word.top() != 0 && self.wake_one()
    }

    /// Takes the worker that parked last off the stack, counts it as a searcher, and wakes it. False if none is parked.
    #[cold]
    pub(crate) fn wake_one(&self) -> bool {
        // edge SEAT acquire: `below`, written before the push that put up this top → this thread. The tag only proves
        // that the word has not changed since, not that `below` is fresh.
        let mut word = Word(self.word.load(Ordering::Acquire));
        loop {
            let top = word.top();
            if top == 0 {
                return false;
            }
            let seat = &self.seats[top as usize - 1];
            // Relaxed: ordered by the edge above.
            let below = seat.below.load(Ordering::Relaxed);
            let next = Word(word.with_top(below).0 + SEARCHER);
            // edge SEAT acquire, on failure: as above, for the next turn.
            match self.word.compare_exchange_weak(
                word.0,
                next.0,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    raise(seat);
                    return true;
                }
                Err(now) => word = Word(now),
            }
        }
    }

    /// Wakes every worker that is parked at this moment. The stack is taken as a whole: a worker that finds nothing to do and
    /// parks again is not met a second time, however fast it is.
    pub(crate) fn wake_all(&self) {
        // edge SEAT acquire: `below` of every seat on the stack, each written before the push that put it up, by pushes
        // that continue one release sequence → this thread.
        let mut word = Word(self.word.load(Ordering::Acquire));
        while word.top() != 0 {
            let next = word.with_top(0).0;
            // edge SEAT acquire, on failure: as above, for the next turn.
            match self.word.compare_exchange_weak(
                word.0,
                next,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                Err(now) => word = Word(now),
            }
        }
        let mut at = word.top();
        while at != 0 {
            let seat = &self.seats[at as usize - 1];
            // Before the signal: from then on the seat is its worker's again.
            at = seat.below.load(Ordering::Relaxed);
            // Before the signal: the woken worker takes itself off this count.
            self.word.fetch_add(SEARCHER, Ordering::Relaxed);
            raise(seat);
        }
    }

    /// A worker without a task becomes a searcher, unless there are enough.
    pub(crate) fn try_search(&self) -> bool {
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            if word.searchers() >= self.max_searchers {
                return false;
            }
            // Relaxed: a searcher publishes nothing by becoming one.
            let next = word.0 + SEARCHER;
            match self.word.compare_exchange_weak(
                word.0,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = Word(now),
            }
        }
    }

    /// A searcher has found a task. True if it was the last searcher: it must fence, look at every queue, and wake one
    /// worker if anything is left. [SLEEP-5]
    #[must_use]
    pub(crate) fn stop_searching(&self) -> bool {
        let before = Word(self.word.fetch_sub(SEARCHER, Ordering::Relaxed));
        debug_assert!(before.searchers() > 0, "a searcher is counted once");
        before.searchers() == 1
    }

    /// How many workers are neither parked nor searching, by a look that may be old.
    pub(crate) fn busy(&self) -> usize {
        let parked =
            self.seats.iter().filter(|seat| seat.signal.load(Ordering::Relaxed) == 0).count();
        let searchers = Word(self.word.load(Ordering::Relaxed)).searchers();
        self.seats
            .len()
            .saturating_sub(parked)
            .saturating_sub(usize::try_from(searchers).unwrap_or(usize::MAX))
    }

    /// Puts a worker on the stack; if it was a searcher it is no longer counted as one. [SLEEP-3]
    ///
    /// The caller must fence and look again, and then call [`sleep`](Self::sleep).
    pub(crate) fn push(&self, worker: usize, was_searching: bool) {
        let seat = &self.seats[worker];
        // Before the push: from then on a waker may raise it.
        seat.signal.store(0, Ordering::Relaxed);
        let top = u32::try_from(worker + 1).expect("seats are counted in 16 bits");
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            seat.below.store(word.top(), Ordering::Relaxed);
            let next = Word(word.with_top(top).0 - if was_searching { SEARCHER } else { 0 });
            // edge SEAT release: `below` and the lowered signal → whoever takes this seat off.
            match self.word.compare_exchange_weak(
                word.0,
                next.0,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = Word(now),
            }
        }
    }

    /// Sleeps until somebody has taken this worker off the stack. It is a searcher then.
    pub(crate) fn sleep(&self, worker: usize) {
        // edge SIGNAL acquire: in `block_until`.
        block_until(&self.seats[worker].signal, 0, None, |signal| signal != 0);
    }
}

/// Lets the worker in this seat go on; it is off the stack.
fn raise(seat: &Seat) {
    // edge SIGNAL release: the reading of `below` → the worker, which writes it anew when it parks again. (The acquiring end
    // is [WAIT-4]'s.) What the worker is woken for it finds in the queues, which order themselves.
    seat.signal.store(1, Ordering::Release);
    futex::wake_one(&seat.signal);
}

impl Idle {
    /// The number of searchers and the parked workers, newest first. For models and tests, at rest.
    #[cfg(all(test, any(not(loom), feature = "loom")))]
    pub(crate) fn at_rest(&self) -> (u64, Vec<usize>) {
        let word = Word(self.word.load(Ordering::Relaxed));
        let mut parked = Vec::new();
        let mut at = word.top();
        while at != 0 {
            assert!(parked.len() < self.seats.len(), "I14: a worker is on the stack twice");
            parked.push(at as usize - 1);
            at = self.seats[at as usize - 1].below.load(Ordering::Relaxed);
        }
        (word.searchers(), parked)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_park_is_the_first_to_be_woken() {
        let idle = Idle::new(3, 4, 0);
        for worker in [0, 2, 1] {
            idle.push(worker, false);
        }
        assert_eq!(idle.at_rest(), (0, vec![1, 2, 0]));
        assert!(idle.wake_one());
        assert_eq!(idle.at_rest(), (1, vec![2, 0]));
        idle.sleep(1);
        idle.wake_all();
        assert_eq!(idle.at_rest(), (3, vec![]));
        assert!(!idle.wake_one());
    }

    #[test]
    fn every_push_and_every_pop_moves_the_tag_on() {
        let idle = Idle::new(2, 2, 0);
        let changes = || idle.word.load(Ordering::Relaxed) / TAG;
        idle.push(0, false);
        assert_eq!(changes(), 1);
        idle.push(1, false);
        assert_eq!(changes(), 2);
        assert!(idle.wake_one());
        assert_eq!(changes(), 3);
        idle.push(1, true);
        assert_eq!(changes(), 4);
        idle.wake_all();
        assert_eq!(changes(), 5, "all at once are one change");
        assert!(!idle.wake_one());
        idle.wake_all();
        assert!(idle.stop_searching() | idle.stop_searching() && idle.try_search());
        assert_eq!(changes(), 5, "the stack has not changed since");
    }

    #[test]
    fn f47_the_tag_rolls_over_without_touching_its_neighbours() {
        let idle = Idle::new(2, 2, u32::MAX - 2);
        assert_eq!(idle.word.load(Ordering::Relaxed), u64::from(u32::MAX - 2) << 32);
        for _ in 0..6 {
            idle.push(1, false);
            assert_eq!(idle.at_rest(), (0, vec![1]));
            assert!(idle.wake_one());
            assert_eq!(idle.at_rest(), (1, vec![]));
            assert!(idle.stop_searching());
        }
    }

    #[test]
    fn f47_every_field_of_the_word_reaches_its_limit_alone() {
        let full = Word(TOP | SEARCHERS);
        assert_eq!((full.top(), full.searchers()), (0xffff, 0xffff));
        assert_eq!(full.with_top(1).searchers(), 0xffff);
        assert_eq!(Word(u64::MAX).with_top(7).0, SEARCHERS | 7);
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/idle.rs"]
mod models;
