//! The work from outside: the injector, oldest first, and the queue of the entries that
//! runners have put back. A sweep takes the stale entries out of both.
//!
//! A task that a thread cancels leaves its entry in the queue: a **stale entry**, which a
//! worker drops when it comes to it. While every worker is busy, none comes, and a program
//! that submits and cancels in a loop would fill the memory. So the thread that makes an entry
//! stale counts it. Before the stale entries outnumber the living ones, that thread sweeps. It
//! takes everything out of the queues, drops what is stale, and puts the rest into the
//! **swept** queue, in order. Workers look into the swept queue before the injector.
//!
//! Between the two steps an entry is in neither queue, and no worker may take a younger one.
//! So a worker puts its mark up while it takes, and a sweeper waits until no mark is up. A
//! worker that sees a sweep waits for its end. The terminator keeps the takers out in the same
//! way, and for ever, before it takes everything out.
//!
//! The room's README lists the steps, and says why they are right.

use crossbeam_utils::CachePadded;

use crate::block::{Injector, Stale, TaskRef};
use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence, thread};

/// The count of sweeps while the terminator drains the queues, and after that. Both are odd, and no
/// count of sweeps becomes so high.
const DRAINING: u32 = u32::MAX - 2;
const DRAINED: u32 = u32::MAX;
const MOST_SWEEPS: u32 = u32::MAX >> 1;

/// Fewer stale entries than this are not worth a sweep.
const FEW_STALE: usize = 64;

pub(super) struct Outside {
    injector: Injector<TaskRef>,
    /// The entries that a sweep has left. They are older than anything in the injector.
    swept: Injector<TaskRef>,
    /// The entries of batches and streams that a runner has put back.
    put_back: Injector<TaskRef>,
    /// How many entries of the injector and the swept queue are stale. For a moment it may be
    /// below 0: a worker can drop an entry before another thread has counted it.
    // count stale: the stale entries from outside. Each `cancel` raises the count, and it
    // falls when the entry goes. All these entries lie in memory.
    stale: AtomicUsize,
    /// It is time to sweep once so many entries are stale: more than the last sweep could not
    /// drop.
    sweep_from: AtomicUsize,
    /// How often a sweep has begun and ended. The count is odd while a thread sweeps. It has one of
    /// two other values from the terminator's drain on.
    sweeps: AtomicU32,
    /// For each worker: 1 while the worker takes an entry. Empty if no thread sweeps: in
    /// models of other protocols.
    marks: Box<[CachePadded<AtomicU32>]>,
}

impl Outside {
    pub(super) fn new(takers: usize) -> Self {
        Self {
            injector: Injector::new(),
            swept: Injector::new(),
            put_back: Injector::new(),
            stale: AtomicUsize::new(0),
            sweep_from: AtomicUsize::new(FEW_STALE),
            sweeps: AtomicU32::new(0),
            marks: (0..takers).map(|_| CachePadded::new(AtomicU32::new(0))).collect(),
        }
    }

    pub(super) fn submit(&self, task: TaskRef) {
        self.injector.push(task);
    }

    pub(super) fn put_back(&self, entry: TaskRef) {
        self.put_back.push(entry);
    }

    /// Says whether there is nothing to take. The look misses no entry that is being swept.
    /// Such an entry goes from the injector or the put-back queue, through a sweeper's hands,
    /// into the swept queue. These looks go in that order too. An entry may also go from the
    /// swept queue, through a sweeper's hands, back into it. Then a sweep has begun between
    /// the two looks at the count of sweeps.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.injector.is_empty()
            && self.put_back.is_empty()
            && (self.marks.is_empty() || !self.is_being_swept())
    }

    #[inline]
    fn is_being_swept(&self) -> bool {
        // edge SWEPT acquire: the entries in the swept queue, from the sweeper → this thread,
        // if it sees no sweep.
        let before = self.sweeps.load(Ordering::Acquire);
        if is_sweep(before) || !self.swept.is_empty() {
            return !is_over(before);
        }
        // edge SWEPT acquire: the count of sweeps, from a sweeper whose takes the look above
        // has seen → the look below. So the look below is not older than the one above.
        fence(Ordering::Acquire);
        self.sweeps.load(Ordering::Relaxed) != before
    }

    /// Says how many entries that runners have put back are queued.
    pub(super) fn returned(&self) -> usize {
        self.put_back.len()
    }

    /// Says how many submissions are queued, with the stale ones.
    pub(super) fn submitted(&self) -> usize {
        self.injector.len() + self.swept.len()
    }

    /// Returns a number that rises with each submission that a worker or a sweeper takes from the
    /// injector. The answer may be old.
    pub(super) fn taken(&self) -> u64 {
        self.injector.taken()
    }

    /// Says how many entries are stale.
    pub(super) fn stale(&self) -> usize {
        let stale = self.stale.load(Ordering::Relaxed);
        if stale > usize::MAX / 2 { 0 } else { stale }
    }

    /// Takes the oldest entry that a runner has put back.
    #[inline]
    pub(super) fn take_put_back(&self) -> Option<TaskRef> {
        if self.put_back.is_empty() { None } else { self.put_back.take() }
    }

    /// Takes the oldest submission, for this worker, which begins it next. [SWEEP-1]
    #[inline]
    pub(super) fn take(&self, worker: usize) -> Option<TaskRef> {
        let Some(mark) = self.marks.get(worker) else { return self.injector.take() };
        if self.injector.is_empty() && !self.is_being_swept() {
            return None;
        }
        loop {
            mark.store(1, Ordering::Relaxed);
            // edge SWEEP fence: the mark → a sweeper's look. Or: that sweeper's count → the
            // look below.
            fence(Ordering::SeqCst);
            // edge SWEPT acquire: the entries in the swept queue, from the sweeper → this
            // thread, if it sees no sweep.
            let sweeps = self.sweeps.load(Ordering::Acquire);
            if !is_sweep(sweeps) {
                break;
            }
            mark.store(0, Ordering::Relaxed);
            if is_over(sweeps) {
                return None; // [LIFE-16]
            }
            self.wait_for_sweep();
        }
        let task = if self.swept.is_empty() { None } else { self.swept.take() };
        let task = task.or_else(|| self.injector.take());
        // edge SWEEP release: what this worker took → the sweeper that sees the mark down.
        mark.store(0, Ordering::Release);
        task
    }

    #[cold]
    fn wait_for_sweep(&self) {
        let sweeps = || self.sweeps.load(Ordering::Relaxed);
        while is_sweep(sweeps()) && !is_over(sweeps()) {
            thread::yield_now();
        }
    }

    /// Counts entries that have become stale. True if it is time to [`sweep`](Self::sweep).
    pub(super) fn count_stale(&self, count: usize) -> bool {
        let stale = self.stale.fetch_add(count, Ordering::Relaxed).wrapping_add(count);
        !self.marks.is_empty()
            && stale <= usize::MAX / 2
            && stale >= self.sweep_from.load(Ordering::Relaxed)
            && stale > self.submitted() / 2
    }

    /// Takes one stale entry, which was dropped, off the count.
    pub(super) fn uncount_stale(&self) {
        self.stale.fetch_sub(1, Ordering::Relaxed);
    }

    /// Keeps the takers out, unless another thread is doing so: makes `sweeps` of the count of
    /// sweeps before, which it returns. The caller runs no user code until it
    /// [lets them in](Self::let_takers_in). [SWEEP-2]
    fn keep_takers_out(&self, sweeps: impl FnOnce(u32) -> u32) -> Option<u32> {
        let before = self.sweeps.load(Ordering::Relaxed);
        if is_sweep(before) {
            return None;
        }
        // Relaxed: it picks one sweeper. The queues order what they hold. A sweeper that sees
        // fewer swept entries than there are leaves the others where they are, and puts its
        // own behind them.
        self.sweeps
            .compare_exchange(before, sweeps(before), Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        // edge SWEEP fence: the count → a taker's look. Or: that taker's mark → the looks
        // below.
        // edge LIFE fence: the stage, if this is the terminator → a submitter's second look, or
        // that of a parking worker. Or: the push of that submitter, or that worker on the stack →
        // the terminator's drain and its wake-ups.
        fence(Ordering::SeqCst);
        for mark in &self.marks {
            // edge SWEEP acquire: what this worker took, from the worker → this sweeper.
            while mark.load(Ordering::Acquire) == 1 {
                thread::yield_now();
            }
        }
        Some(before)
    }

    /// Lets the takers in again. [SWEEP-3]
    fn let_takers_in(&self, sweeps: u32) {
        // edge SWEPT release: the entries in the swept queue, from this sweeper → a thread
        // that sees no sweep.
        self.sweeps.store(sweeps, Ordering::Release);
    }

    /// Takes all stale entries out of the queues, unless another thread keeps the takers out. The
    /// caller must tell the workers and look at the stage, as after a submission: for a moment
    /// the living entries were in no queue. Then the caller drops the stale entries.
    #[cold]
    pub(super) fn sweep(&self) -> Option<Vec<Stale>> {
        let before = self.keep_takers_out(|sweeps| sweeps + 1)?;
        let mut stale = Vec::new();
        // Living entries go to the end of the swept queue. So the sweeper goes through each
        // queue once, the older one first.
        for queue in [&self.swept, &self.put_back, &self.injector] {
            for _ in 0..queue.len() {
                let Some(task) = queue.take() else { break };
                match task.retire() {
                    Ok(entry) => stale.push(entry),
                    Err(alive) => self.swept.push(alive),
                }
            }
        }
        self.let_takers_in((before + 2) % (MOST_SWEEPS + 1));
        let gone = stale.iter().filter(|entry| entry.is_outside()).count();
        self.stale.fetch_sub(gone, Ordering::Relaxed);
        self.sweep_from.store((2 * self.stale()).max(FEW_STALE), Ordering::Relaxed);
        Some(stale)
    }

    /// Keeps the takers out for ever, and calls `collect`, for the terminator. So each submission
    /// that a worker has taken is older than those that are left. [LIFE-16]
    #[cold]
    pub(super) fn drain(&self, collect: impl FnOnce()) {
        while self.keep_takers_out(|_| DRAINING).is_none() {
            if is_over(self.sweeps.load(Ordering::Relaxed)) {
                return;
            }
            self.wait_for_sweep();
        }
        collect();
        // Relaxed: a thread that takes a late entry has it from the queue.
        self.sweeps.store(DRAINED, Ordering::Relaxed);
    }

    /// Says whether the terminator has drained the queues. If it is about it, this waits. If it has
    /// yet to begin, it finds what the caller has pushed, provided that the caller has passed a
    /// SeqCst fence since. [LIFE-17]
    #[cold]
    pub(super) fn is_drained(&self) -> bool {
        loop {
            match self.sweeps.load(Ordering::Relaxed) {
                DRAINED => return true,
                DRAINING => thread::yield_now(),
                _ => return false,
            }
        }
    }

    /// Takes an entry of any queue. A caller may use it only once the pool is over.
    pub(super) fn take_any(&self) -> Option<TaskRef> {
        [&self.put_back, &self.swept, &self.injector].into_iter().find_map(Injector::take)
    }
}

/// Says whether the takers are kept out.
const fn is_sweep(sweeps: u32) -> bool {
    sweeps % 2 == 1
}

/// Says whether the takers are kept out for ever.
const fn is_over(sweeps: u32) -> bool {
    sweeps > MOST_SWEEPS
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::{Reason, call_of_nothing};

    // covers TIME-01 LIFE-06
    #[test]
    fn no_worker_takes_what_is_submitted_after_the_drain() {
        let outside = Outside::new(1);
        outside.submit(call_of_nothing(1));
        assert!(!outside.is_drained());
        let mut drained = Vec::new();
        outside.drain(|| drained.extend(outside.take_any()));
        assert!(outside.is_drained() && drained.len() == 1);
        outside.submit(call_of_nothing(1));
        assert!(outside.take(0).is_none(), "it would begin in front of the drained one");
        assert!(outside.sweep().is_none());
        outside.drain(|| panic!("once is enough"));
        drained.extend(outside.take_any());
        drained.into_iter().for_each(|task| task.resolve(Reason::Terminated));
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/outside.rs"]
mod models;
