//! The idle stack: which workers are parked, how many are searching, and which one to wake.
//!
//! One word holds the **top** of the stack, the number of **searchers** and a **tag**. The top
//! is a seat number plus one, or 0 if the stack is empty. A searcher is a worker that is
//! awake, has no task and looks for one. The tag counts the changes of the stack. So a pop
//! does not mistake a stack that came back to the same top for the stack that it read.
//! **Seats** link the parked workers.
//!
//! The worker that parked last is on top. It is the warmest, and cold workers stay cold. The
//! thread that wakes a worker does the accounting *for* the worker: it takes the worker off
//! the stack and counts it as a searcher. The sleeper needs some microseconds to come round,
//! and submissions in that time wake no other worker.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU32, AtomicU64, Ordering, futex};
use crate::wait::block_until;

const TOP: u64 = 0xffff;
// count SEARCHER: the searchers of a pool. A thread that wakes a worker raises the count for
// that worker, and a worker raises the count when it begins to search. A pool has at most
// 65,535 workers, the range of the count, and counts each worker once.
pub(super) const SEARCHER: u64 = 1 << 16;
const SEARCHERS: u64 = 0xffff << 16;
// count TAG: the changes of a pool's idle stack. Each worker that parks raises the count, and
// so does each thread that takes workers off the stack. The count rolls over. A thread sees
// that only if 2^32 changes come to the same top between the thread's look and its exchange.
const TAG: u64 = 1 << 32;

/// The seat in which a worker sleeps.
#[derive(Debug)]
pub(super) struct Seat {
    /// The futex word. The worker sleeps as long as it is 0.
    pub(super) signal: AtomicU32,
    /// The number of the seat below on the stack, plus one; 0 at the bottom. It means nothing
    /// while this seat is off the stack.
    pub(super) below: AtomicU32,
    /// 1 if the worker is counted as drained-idle. The worker has counted itself before it parked,
    /// or the closer has, which had the worker in hand.
    pub(super) counted: AtomicU32,
}

#[derive(Clone, Copy)]
pub(super) struct Word(pub(super) u64);

impl Word {
    pub(super) const fn top(self) -> u32 {
        (self.0 & TOP) as u32
    }
    const fn searchers(self) -> u64 {
        (self.0 & SEARCHERS) / SEARCHER
    }
    /// Returns this word with another top, and counts the change in the tag.
    pub(super) const fn with_top(self, top: u32) -> Self {
        Self((self.0 & !TOP | top as u64).wrapping_add(TAG))
    }
}

/// Says how many workers may search at once, if `running` workers can run at once. On a few
/// processors all of them may: then a pair of tasks finds both workers awake. On many
/// processors half of them may: each searcher reads memory that the other workers write.
fn max_searchers(running: usize) -> u64 {
    const FEW_PROCESSORS: usize = 4;
    (if running <= FEW_PROCESSORS { running } else { running / 2 }).max(1) as u64
}

#[derive(Debug)]
pub(crate) struct Idle {
    pub(super) word: CachePadded<AtomicU64>,
    pub(super) seats: Box<[CachePadded<Seat>]>,
    max_searchers: u64,
}

impl Idle {
    /// Makes the idle stack, with no worker parked. `tag` is the first count of changes: 0,
    /// except in tests of its roll-over.
    pub(crate) fn new(workers: usize, processors: usize, tag: u32) -> Self {
        let seat = |_| {
            CachePadded::new(Seat {
                signal: AtomicU32::new(1),
                below: AtomicU32::new(0),
                counted: AtomicU32::new(0),
            })
        };
        Self {
            word: CachePadded::new(AtomicU64::new(u64::from(tag) << 32)),
            seats: (0..workers).map(seat).collect(),
            max_searchers: max_searchers(workers.min(processors)),
        }
    }

    /// Says whether some worker is awake and has nothing to do. The answer may be old.
    #[inline]
    pub(crate) fn is_anyone_searching(&self) -> bool {
        Word(self.word.load(Ordering::Relaxed)).searchers() > 0
    }

    /// Wakes a worker for work that has just become visible, if a worker sleeps and none is
    /// searching. False if no worker is idle. [SLEEP-2]
    ///
    /// The caller has put a SeqCst fence between making the work visible and this call.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        let word = Word(self.word.load(Ordering::Relaxed));
        word.searchers() > 0 || word.top() != 0 && self.wake_one()
    }

    /// Says whether one worker alone searches though two may, and another sleeps. The answer may be
    /// old. [SLEEP-7]
    #[inline]
    pub(crate) fn has_one_searcher_and_a_sleeper(&self) -> bool {
        let word = Word(self.word.load(Ordering::Relaxed));
        word.searchers() == 1 && word.top() != 0 && self.max_searchers > 1
    }

    /// Says how many workers search, if a worker sleeps and one more may come to their help. The
    /// answer may be old. [SLEEP-6]
    #[inline]
    pub(crate) fn searchers_that_need_help(&self) -> Option<usize> {
        let word = Word(self.word.load(Ordering::Relaxed));
        (word.top() != 0 && word.searchers() <= self.max_searchers)
            .then(|| usize::try_from(word.searchers()).unwrap_or(usize::MAX))
    }

    /// Takes the worker that parked last off the stack, counts it as a searcher, and wakes it.
    /// False if no worker is parked.
    #[cold]
    pub(crate) fn wake_one(&self) -> bool {
        // edge SEAT acquire: `below`, which the parked worker wrote before the push that put
        // up this top → this thread. The tag proves only that the word has not changed since.
        // It does not prove that `below` is fresh.
        let mut word = Word(self.word.load(Ordering::Acquire));
        loop {
            let top = word.top();
            if top == 0 {
                return false;
            }
            let seat = &self.seats[top as usize - 1];
            // Relaxed: the edge above orders this load.
            let below = seat.below.load(Ordering::Relaxed);
            let next = Word(word.with_top(below).0 + SEARCHER);
            // edge SEAT acquire, on failure: `below` under the top that this thread sees now,
            // from the worker that parked there → this thread, in the next round.
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

    /// Wakes every worker that is parked at this moment.
    pub(crate) fn wake_all(&self) {
        self.wake(self.take_all());
    }

    /// Says whether a worker that is about to park is counted as drained-idle. The call comes
    /// before its [`push`](Self::push).
    pub(crate) fn set_counted(&self, worker: usize, counted: bool) {
        // Relaxed: the edge SEAT of the push takes it to the closer that takes the stack.
        self.seats[worker].counted.store(u32::from(counted), Ordering::Relaxed);
    }

    /// Says whether a worker that was woken is counted as drained-idle.
    pub(crate) fn is_counted(&self, worker: usize) -> bool {
        // Relaxed: the edge SIGNAL brings the mark of the thread that has woken this worker.
        self.seats[worker].counted.load(Ordering::Relaxed) == 1
    }

    /// Counts a worker without a task as a searcher. False if there are enough searchers.
    pub(crate) fn try_search(&self) -> bool {
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            if word.searchers() >= self.max_searchers {
                return false;
            }
            // Relaxed: a worker that becomes a searcher publishes nothing by it.
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

    /// Takes a searcher that has found a task out of the count. True if it was the last
    /// searcher: then the caller must fence, look at every queue, and wake one worker if any
    /// work is left. [SLEEP-5]
    #[must_use]
    pub(crate) fn stop_searching(&self) -> bool {
        let before = Word(self.word.fetch_sub(SEARCHER, Ordering::Relaxed));
        debug_assert!(before.searchers() > 0, "a searcher is counted once");
        before.searchers() == 1
    }

    /// Says how many workers are neither parked nor searching. The answer may be old.
    pub(crate) fn busy(&self) -> usize {
        let parked =
            self.seats.iter().filter(|seat| seat.signal.load(Ordering::Relaxed) == 0).count();
        let searchers = Word(self.word.load(Ordering::Relaxed)).searchers();
        self.seats
            .len()
            .saturating_sub(parked)
            .saturating_sub(usize::try_from(searchers).unwrap_or(usize::MAX))
    }

    /// Puts a worker on the stack. If the worker was a searcher, it is no longer counted as
    /// one. [SLEEP-3]
    ///
    /// The caller must fence and look again, and then call [`sleep`](Self::sleep).
    pub(crate) fn push(&self, worker: usize, was_searching: bool) {
        let seat = &self.seats[worker];
        // The worker lowers the signal before its push. After the push another thread may
        // raise it.
        seat.signal.store(0, Ordering::Relaxed);
        let top = u32::try_from(worker + 1).expect("seats are counted in 16 bits");
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            seat.below.store(word.top(), Ordering::Relaxed);
            let next = Word(word.with_top(top).0 - if was_searching { SEARCHER } else { 0 });
            // edge SEAT release: `below` and the lowered signal → the thread that takes this
            // seat off the stack.
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

    /// Says which workers are not parked and have not left. One that looks for work counts too. The
    /// answer may be old.
    pub(crate) fn awake(&self) -> Vec<usize> {
        let awake = |worker: &usize| self.seats[*worker].signal.load(Ordering::Relaxed) != 0;
        (0..self.seats.len()).filter(awake).collect()
    }

    /// Takes a worker that is no searcher and never parks again out of the workers that are
    /// [`busy`](Self::busy).
    pub(crate) fn leave(&self, worker: usize) {
        // Relaxed: the worker is off the stack for good, so no thread waits for this or raises it.
        self.seats[worker].signal.store(0, Ordering::Relaxed);
    }

    /// Sleeps until a thread has taken this worker off the stack. That thread may be the
    /// worker itself, before it sleeps. The worker is a searcher then.
    pub(crate) fn sleep(&self, worker: usize) {
        // edge SIGNAL acquire: the reading of `below` and the writing of `counted`, by the thread
        // that raised the signal → this worker. The acquiring load is in `block_until`.
        block_until(&self.seats[worker].signal, 0, None, |signal| signal != 0);
    }
}

/// Lets the worker in this seat go on. The seat is off the stack.
pub(super) fn raise(seat: &Seat) {
    // edge SIGNAL release: this thread's reading of `below` and its writing of `counted` → the
    // worker, which reads `counted`, and writes `below` anew when it parks again. (The acquiring
    // load is that of [WAIT-4].) The worker finds its work in the queues, which order themselves.
    seat.signal.store(1, Ordering::Release);
    futex::wake_one(&seat.signal);
}

impl Idle {
    /// Returns the number of searchers, and the parked workers, newest first. Models and tests
    /// call this while no other thread changes the stack.
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

    // covers F-47
    #[test]
    fn the_tag_rolls_over_without_touching_its_neighbours() {
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

    // covers F-47
    #[test]
    fn every_field_of_the_word_reaches_its_limit_alone() {
        let full = Word(TOP | SEARCHERS);
        assert_eq!((full.top(), full.searchers()), (0xffff, 0xffff));
        assert_eq!(full.with_top(1).searchers(), 0xffff);
        assert_eq!(Word(u64::MAX).with_top(7).0, SEARCHERS | 7);
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/idle.rs"]
mod models;
