//! What comes from outside: the injector, oldest first, the queue of what runners put back, and the sweep that rids both of stale
//! entries.
//!
//! A task that is cancelled leaves its entry in the queue: a **stale** entry, which a worker drops when it comes to it. While every worker
//! is busy none comes, and a program that submits and cancels in a loop would fill the memory. So the thread that makes an entry stale
//! counts it, and sweeps the queue before the stale entries outnumber the living: it takes everything out, drops what is stale, and puts
//! the rest into the **swept** queue, in order. Workers look into the swept queue before the injector.
//!
//! Between the two steps an entry is in neither queue, and a younger one must not be taken. So a worker marks that it takes, and a
//! sweeper waits until no mark is up; a worker that sees a sweep waits for its end.
//!
//! The steps, and why they are right, stand in the room's README.

use crossbeam_utils::CachePadded;

use crate::block::{Stale, TaskRef};
use crate::sync::deque::{Injector, Steal};
use crate::sync::{AtomicU32, AtomicUsize, Ordering, fence, thread};

/// So many stale entries are not worth a sweep.
const FEW_STALE: usize = 64;

pub(super) struct Outside {
    injector: Injector<TaskRef>,
    /// Entries that a sweep has left, older than anything in the injector.
    swept: Injector<TaskRef>,
    /// Entries of batches and streams that a runner has put back.
    put_back: Injector<TaskRef>,
    /// How many entries of the injector and the swept queue are stale. For a moment it may be less than none: an entry can be dropped
    /// before it has been counted.
    // count stale: the stale entries from outside. Raised by each `cancel`, and lowered when the
    // entry goes: as many as lie in memory.
    stale: AtomicUsize,
    /// From so many stale entries on it is time to sweep: more than the last sweep could not drop.
    sweep_from: AtomicUsize,
    /// How often a sweep has begun and ended: odd while a thread sweeps.
    sweeps: AtomicU32,
    /// For each worker, 1 while it takes. Empty where nobody sweeps: in models of other protocols.
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

    /// Whether there is nothing to take. An entry that is being swept is never missed: it goes from the injector or the put-back queue
    /// through a sweeper's hands into the swept queue, and that is the order of these looks. From the swept queue it goes through a
    /// sweeper's hands back into it: then a sweep has begun between the looks at the count of sweeps.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.injector.is_empty()
            && self.put_back.is_empty()
            && (self.marks.is_empty() || !self.is_being_swept())
    }

    fn is_being_swept(&self) -> bool {
        // edge SWEPT acquire: the entries in the swept queue → who sees no sweep.
        let before = self.sweeps.load(Ordering::Acquire);
        if is_sweep(before) || !self.swept.is_empty() {
            return true;
        }
        // edge SWEPT acquire: the look above → the one below, which is not to be older.
        fence(Ordering::Acquire);
        self.sweeps.load(Ordering::Relaxed) != before
    }

    /// How many entries that runners have put back are queued.
    pub(super) fn returned(&self) -> usize {
        self.put_back.len()
    }

    /// How many submissions are queued, stale ones included.
    pub(super) fn submitted(&self) -> usize {
        self.injector.len() + self.swept.len()
    }

    /// How many entries are stale.
    pub(super) fn stale(&self) -> usize {
        let stale = self.stale.load(Ordering::Relaxed);
        if stale > usize::MAX / 2 { 0 } else { stale }
    }

    /// The oldest entry that a runner has put back.
    #[inline]
    pub(super) fn take_put_back(&self) -> Option<TaskRef> {
        if self.put_back.is_empty() { None } else { steal(&self.put_back) }
    }

    /// The oldest submission, for this worker, which begins it next. [SWEEP-1]
    #[inline]
    pub(super) fn take(&self, worker: usize) -> Option<TaskRef> {
        let Some(mark) = self.marks.get(worker) else { return steal(&self.injector) };
        if self.injector.is_empty() && !self.is_being_swept() {
            return None;
        }
        loop {
            mark.store(1, Ordering::Relaxed);
            // edge SWEEP fence: the mark → a sweeper's look, or its word → the look below.
            fence(Ordering::SeqCst);
            // edge SWEPT acquire: the entries in the swept queue → who sees no sweep.
            if !is_sweep(self.sweeps.load(Ordering::Acquire)) {
                break;
            }
            mark.store(0, Ordering::Relaxed);
            self.wait_for_sweep();
        }
        let task = if self.swept.is_empty() { None } else { steal(&self.swept) };
        let task = task.or_else(|| steal(&self.injector));
        // edge SWEEP release: this take → the sweeper that sees the mark down.
        mark.store(0, Ordering::Release);
        task
    }

    #[cold]
    fn wait_for_sweep(&self) {
        while is_sweep(self.sweeps.load(Ordering::Relaxed)) {
            thread::yield_now();
        }
    }

    /// So many entries have become stale. True if it is time to [`sweep`](Self::sweep).
    pub(super) fn count_stale(&self, count: usize) -> bool {
        let stale = self.stale.fetch_add(count, Ordering::Relaxed).wrapping_add(count);
        !self.marks.is_empty()
            && stale <= usize::MAX / 2
            && stale >= self.sweep_from.load(Ordering::Relaxed)
            && stale > self.submitted() / 2
    }

    /// A stale entry has been dropped.
    pub(super) fn uncount_stale(&self) {
        self.stale.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes all stale entries out of the queues, unless another thread is doing so. The caller must tell the sleepers, and look at the
    /// stage, as after a submission: for a moment the living entries were in no queue. Then it drops the stale ones.
    #[cold]
    pub(super) fn sweep(&self) -> Vec<Stale> {
        let mut stale = Vec::new();
        let before = self.sweeps.load(Ordering::Relaxed);
        if is_sweep(before) {
            return stale;
        }
        // edge SWEPT acquire: what the sweeper before has done → this sweeper.
        if self
            .sweeps
            .compare_exchange(before, before.wrapping_add(1), Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return stale;
        }
        // edge SWEEP fence: the count → a taker's look, or its mark → the looks below. [SWEEP-2]
        fence(Ordering::SeqCst);
        for mark in &self.marks {
            // edge SWEEP acquire: what this worker took → the sweeper.
            while mark.load(Ordering::Acquire) == 1 {
                thread::yield_now();
            }
        }
        // Living entries go to the end of the swept queue, so each queue is gone through once, the older one first.
        for queue in [&self.swept, &self.put_back, &self.injector] {
            for _ in 0..queue.len() {
                let Some(task) = steal(queue) else { break };
                match task.retire() {
                    Ok(entry) => stale.push(entry),
                    Err(alive) => self.swept.push(alive),
                }
            }
        }
        // edge SWEPT release: the entries in the swept queue → who sees no sweep. [SWEEP-3]
        self.sweeps.store(before.wrapping_add(2), Ordering::Release);
        let gone = stale.iter().filter(|entry| entry.is_outside()).count();
        self.stale.fetch_sub(gone, Ordering::Relaxed);
        self.sweep_from.store((2 * self.stale()).max(FEW_STALE), Ordering::Relaxed);
        stale
    }

    /// Takes everything out. Only once the pool is over.
    pub(super) fn drain(&self, mut each: impl FnMut(TaskRef)) {
        for queue in [&self.put_back, &self.swept, &self.injector] {
            while let Some(task) = steal(queue) {
                each(task);
            }
        }
    }
}

const fn is_sweep(sweeps: u32) -> bool {
    sweeps % 2 == 1
}

/// The oldest entry of a shared queue.
#[inline]
fn steal(queue: &Injector<TaskRef>) -> Option<TaskRef> {
    loop {
        match queue.steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/outside.rs"]
mod models;
