//! The queues: one injector for submissions from outside, oldest first, and one deque per
//! worker for its own submissions, newest first.
//!
//! One bit per worker says whether its deque may hold an entry. So a look at 1,024 deques
//! costs sixteen loads. The bit is a filter, not an answer. It goes up with the first push
//! after the worker was idle, and comes down when the worker begins to search. So it may be up
//! over a deque that thieves have emptied.

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::block::{Offers, Stale, TaskRef};
use crate::sync::deque::{Steal, Stealer, Worker};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, barrier, step};

use super::outside::Outside;

/// Whether threads sweep the queues. In models they do not, except in the model of the sweep:
/// the marks would multiply the executions of every model.
const SWEPT: bool = cfg!(not(all(any(loom, millpond_loom), feature = "loom-internals")));

pub(crate) struct Queues {
    outside: Outside,
    /// How many stale entries lie in deques, in parts. Each worker has a part that it alone
    /// changes. `stale_by_others` is the part of all other threads. One part alone may be less
    /// than 0.
    stale: Box<[CachePadded<AtomicUsize>]>,
    // count stale_by_others: the stale entries in deques, in parts that may wrap. A thread
    // that counts for no worker changes this part. The sum of the parts is the number of stale
    // entries, and all of these lie in memory.
    stale_by_others: AtomicUsize,
    stealers: Box<[Stealer<TaskRef>]>,
    /// The rows of the second halves of joins. Each worker has a row.
    offers: Box<[Arc<CachePadded<Offers>>]>,
    loaded: Box<[CachePadded<AtomicU64>]>,
}

impl Queues {
    /// Makes the queues, and each worker's end of its own deque.
    pub(crate) fn new(workers: usize) -> (Self, Vec<Worker<TaskRef>>) {
        let owned: Vec<_> = (0..workers).map(|_| Worker::new_lifo()).collect();
        let queues = Self {
            outside: Outside::new(if SWEPT { workers } else { 0 }),
            stale: (0..workers).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            stale_by_others: AtomicUsize::new(0),
            stealers: owned.iter().map(Worker::stealer).collect(),
            offers: (0..workers).map(|_| Arc::new(CachePadded::new(Offers::new()))).collect(),
            loaded: (0..workers.div_ceil(64))
                .map(|_| CachePadded::new(AtomicU64::new(0)))
                .collect(),
        };
        (queues, owned)
    }

    pub(crate) fn workers(&self) -> usize {
        self.stealers.len()
    }

    pub(crate) fn inject(&self, task: TaskRef) {
        self.outside.submit(task);
    }

    pub(crate) fn put_back(&self, entry: TaskRef) {
        self.outside.put_back(entry);
    }

    /// Returns a number that rises with each submission from outside that a worker or a sweeper
    /// takes. The answer may be old.
    pub(crate) fn taken_outside(&self) -> u64 {
        self.outside.taken()
    }

    #[inline]
    pub(crate) fn is_injector_empty(&self) -> bool {
        self.outside.is_empty()
    }

    /// Says how many entries from outside are queued and alive.
    pub(crate) fn living_outside(&self) -> usize {
        let submitted = self.outside.submitted();
        step::pass();
        submitted.saturating_sub(self.outside.stale())
    }

    /// Says how many entries that workers have submitted or put back are queued and alive.
    pub(crate) fn living_inside(&self) -> usize {
        let parts = self.stale.iter().map(|part| part.load(Ordering::Relaxed));
        let stale = parts.fold(self.stale_by_others.load(Ordering::Relaxed), usize::wrapping_add);
        let stale = if stale > usize::MAX / 2 { 0 } else { stale };
        step::pass();
        let queued = self.stealers.iter().map(Stealer::len).sum::<usize>();
        queued.saturating_sub(stale).saturating_add(self.outside.returned())
    }

    /// Counts `died` entries in deques that have become stale, and `left` stale entries that
    /// have left. `worker` is the worker that counts, or None if another thread does. A
    /// worker's part has one writer.
    pub(crate) fn count_stale_in_deques(&self, worker: Option<usize>, died: usize, left: usize) {
        let change = died.wrapping_sub(left);
        match worker {
            Some(worker) => {
                let part = &self.stale[worker];
                part.store(part.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
            }
            None => {
                self.stale_by_others.fetch_add(change, Ordering::Relaxed);
            }
        }
    }

    /// Counts so many entries from outside as stale. True if it is time to
    /// [`sweep`](Self::sweep).
    pub(crate) fn count_stale_outside(&self, count: usize) -> bool {
        self.outside.count_stale(count)
    }

    pub(crate) fn uncount_stale_outside(&self) {
        self.outside.uncount_stale();
    }

    /// Takes the stale entries from outside out of their queues, unless another thread is doing so.
    /// The caller must tell the workers of the entries that are left, and then drop the stale ones.
    pub(crate) fn sweep(&self) -> Option<Vec<Stale>> {
        self.outside.sweep()
    }

    /// Says that this worker's deque may hold an entry.
    ///
    /// Relaxed: a look that must not miss the bit is behind two SeqCst fences, one of this
    /// worker and one of the looking thread [SLEEP-1, SLEEP-4].
    pub(crate) fn mark_loaded(&self, worker: usize) {
        self.loaded[worker / 64].fetch_or(1 << (worker % 64), Ordering::Relaxed);
    }

    /// Says that this worker's deque is empty, and stays so until
    /// [`mark_loaded`](Self::mark_loaded).
    pub(crate) fn mark_empty(&self, worker: usize) {
        self.loaded[worker / 64].fetch_and(!(1 << (worker % 64)), Ordering::Relaxed);
    }

    /// Says whether any queue holds an entry, or any row an offer.
    pub(crate) fn any_work(&self) -> bool {
        let has_any = |worker: usize| {
            (!self.stealers[worker].is_empty() || self.offers[worker].any(0)).then_some(())
        };
        !self.is_injector_empty() || self.find_loaded(0, has_any).is_some()
    }

    /// Says whether more than `few` submissions from outside are queued. The answer may be old, and
    /// counts stale entries too.
    pub(crate) fn has_more_than(&self, few: usize) -> bool {
        self.outside.submitted() > few
    }

    /// Says what [`any_work`](Self::any_work) says, and misses no offer whose owner has not seen
    /// what the caller did before its last SeqCst fence. [SLEEP-4]
    pub(crate) fn any_work_for_sure(&self) -> bool {
        if !self.is_injector_empty() {
            return true;
        }
        // An owner makes a full fence with its first offer, and light ones while its row is in
        // use.
        let mut row_in_use = false;
        let has_entry = |worker: usize| {
            row_in_use |= self.offers[worker].depth() > 0;
            (!self.stealers[worker].is_empty()).then_some(())
        };
        if self.find_loaded(0, has_entry).is_some() {
            return true;
        }
        row_in_use && {
            // edge SLEEP fence: an offer → the look below.
            barrier::heavy();
            self.any_work()
        }
    }

    /// Returns the row of a worker's offers.
    pub(crate) fn offers(&self, worker: usize) -> &Arc<CachePadded<Offers>> {
        &self.offers[worker]
    }

    /// Takes the oldest offer of some worker. It looks at the rows from worker `start` on, and
    /// says whose row it was.
    pub(crate) fn take_offer(&self, start: usize) -> Option<(usize, TaskRef)> {
        self.find_loaded(start, |worker| self.offers[worker].take(0).map(|half| (worker, half)))
    }

    /// Takes the oldest entry that a runner has put back, or else the oldest submission from
    /// outside. `worker` begins it next.
    #[inline]
    pub(crate) fn take_injected(&self, worker: usize) -> Option<TaskRef> {
        self.outside.take_put_back().or_else(|| self.take_submitted(worker))
    }

    /// Takes the oldest entry that a runner has put back.
    pub(crate) fn take_put_back(&self) -> Option<TaskRef> {
        self.outside.take_put_back()
    }

    /// Takes the oldest submission from outside. `worker` begins it next.
    #[inline]
    pub(crate) fn take_submitted(&self, worker: usize) -> Option<TaskRef> {
        self.outside.take(worker)
    }

    /// Takes the oldest task of `worker`'s deque. The caller may be that worker or any other
    /// thread.
    pub(crate) fn steal_from(&self, worker: usize) -> Option<TaskRef> {
        // A thread that steals enters crossbeam's list of threads, and leaves memory there for a
        // while when it ends. So a thread does not enter it for a deque that was empty.
        if self.stealers[worker].is_empty() { None } else { self.take_oldest(worker) }
    }

    fn take_oldest(&self, worker: usize) -> Option<TaskRef> {
        loop {
            match self.stealers[worker].steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// Takes the oldest task of some deque, or else the oldest offer of the deque's worker. It
    /// looks at the workers from `start` on. `again` says that the caller's last look has found a
    /// task: then it does not ask first whether a deque is empty, which costs a full fence.
    pub(crate) fn steal_any(&self, start: usize, again: bool) -> Option<TaskRef> {
        let oldest =
            |worker| if again { self.take_oldest(worker) } else { self.steal_from(worker) };
        self.find_loaded(start, |worker| oldest(worker).or_else(|| self.offers[worker].take(0)))
    }

    /// Takes the oldest task of some deque other than `worker`'s own, and says whose deque it
    /// was. It looks at the deques from worker `start` on.
    pub(crate) fn steal_from_others(
        &self,
        start: usize,
        worker: usize,
    ) -> Option<(usize, TaskRef)> {
        self.find_loaded(start, |victim| {
            if victim == worker { None } else { self.steal_from(victim).map(|task| (victim, task)) }
        })
    }

    /// Takes everything out of every queue, also out of the deques of workers that are blocked,
    /// for the terminator. From then on no worker takes a submission from outside. [LIFE-16]
    pub(crate) fn drain(&self) -> Vec<TaskRef> {
        let mut drained = Vec::new();
        self.outside.drain(|| self.empty(|task| drained.push(task)));
        drained
    }

    /// Takes out what came into the queues from outside, or into the deque of the worker `own`,
    /// after the terminator's [`drain`](Self::drain). [LIFE-17]
    pub(crate) fn drain_late(&self, own: Option<usize>, mut each: impl FnMut(TaskRef)) {
        if self.outside.is_drained() {
            std::iter::from_fn(|| self.outside.take_any()).for_each(&mut each);
            own.into_iter().for_each(|own| self.empty_deque(own, &mut each));
        }
    }

    /// Takes everything out of every queue. The caller knows that the pool is over.
    pub(crate) fn empty(&self, mut each: impl FnMut(TaskRef)) {
        std::iter::from_fn(|| self.outside.take_any()).for_each(&mut each);
        (0..self.workers()).for_each(|worker| self.empty_deque(worker, &mut each));
    }

    fn empty_deque(&self, worker: usize, each: impl FnMut(TaskRef)) {
        std::iter::from_fn(|| self.steal_from(worker)).for_each(each);
    }

    /// Asks `visit` about each worker whose bit is up, from `start` on, until `visit` has an
    /// answer. `start` is a worker, too.
    fn find_loaded<T>(&self, start: usize, mut visit: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let words = self.loaded.len();
        // The loop looks at the first word twice: at its upper part first, and at its lower part
        // last, if it has one.
        let (first, upper) = (start / 64, !0 << (start % 64));
        for turn in 0..words + usize::from(upper != !0) {
            let at = if first + turn < words { first + turn } else { first + turn - words };
            let part = match turn {
                0 => upper,
                _ if turn == words => !upper,
                _ => !0,
            };
            let mut bits = self.loaded[at].load(Ordering::Relaxed) & part;
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some(answer) = visit(at * 64 + bit) {
                    return Some(answer);
                }
            }
        }
        None
    }
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues")
            .field("workers", &self.workers())
            .field("queued", &(self.living_outside() + self.living_inside()))
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_look_starts_where_it_is_told_and_meets_every_loaded_worker_once() {
        let (queues, _owned) = Queues::new(130);
        for worker in [0, 5, 63, 64, 70, 129] {
            queues.mark_loaded(worker);
        }
        for (start, expected) in [
            (0, [0, 5, 63, 64, 70, 129]),
            (6, [63, 64, 70, 129, 0, 5]),
            (65, [70, 129, 0, 5, 63, 64]),
            (129, [129, 0, 5, 63, 64, 70]),
        ] {
            let mut met = Vec::new();
            assert_eq!(
                queues.find_loaded(start, |worker| {
                    met.push(worker);
                    None::<()>
                }),
                None
            );
            assert_eq!(met, expected, "from {start}");
        }
        queues.mark_empty(5);
        assert_eq!(queues.find_loaded(1, Some), Some(63));
    }
}
