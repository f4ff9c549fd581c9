//! The queues: one injector for submissions from outside, oldest first, and a deque per worker for its own, newest first.
//!
//! A bit per worker says whose deque may hold something, so that a look at 1,024 deques costs sixteen loads. The bit is a
//! filter, not an answer: it goes up with the first push after its owner was idle and comes down when the owner goes
//! searching, so it may be up over a deque that thieves have emptied.

use crossbeam_utils::CachePadded;

use crate::sync::deque::{Injector, Steal, Stealer, Worker};
use crate::sync::{AtomicU64, Ordering};
use crate::task::TaskRef;

pub(crate) struct Queues {
    injector: Injector<TaskRef>,
    stealers: Box<[Stealer<TaskRef>]>,
    loaded: Box<[CachePadded<AtomicU64>]>,
}

impl Queues {
    /// The queues, and each worker's end of its own.
    pub(crate) fn new(workers: usize) -> (Self, Vec<Worker<TaskRef>>) {
        let owned: Vec<_> = (0..workers).map(|_| Worker::new_lifo()).collect();
        let queues = Self {
            injector: Injector::new(),
            stealers: owned.iter().map(Worker::stealer).collect(),
            loaded: (0..workers.div_ceil(64)).map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
        };
        (queues, owned)
    }

    pub(crate) fn workers(&self) -> usize {
        self.stealers.len()
    }

    pub(crate) fn inject(&self, task: TaskRef) {
        self.injector.push(task);
    }

    #[inline]
    pub(crate) fn is_injector_empty(&self) -> bool {
        self.injector.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.injector.len() + self.len_of_deques()
    }

    pub(crate) fn len_of_deques(&self) -> usize {
        self.stealers.iter().map(Stealer::len).sum()
    }

    /// Says that this worker's deque may hold something.
    ///
    /// Relaxed: between this and any look that must not miss it stands a SeqCst fence on either side [SLEEP-1, SLEEP-4].
    pub(crate) fn mark_loaded(&self, worker: usize) {
        self.loaded[worker / 64].fetch_or(1 << (worker % 64), Ordering::Relaxed);
    }

    /// Says that this worker's deque is empty and stays so until [`mark_loaded`](Self::mark_loaded).
    pub(crate) fn mark_empty(&self, worker: usize) {
        self.loaded[worker / 64].fetch_and(!(1 << (worker % 64)), Ordering::Relaxed);
    }

    /// Whether any queue holds something.
    pub(crate) fn any_work(&self) -> bool {
        !self.injector.is_empty()
            || self.find_loaded(0, |worker| (!self.stealers[worker].is_empty()).then_some(())).is_some()
    }

    /// The oldest task from outside; with a `limit` over one, the next few go into `own`.
    #[inline]
    pub(crate) fn take_injected(&self, own: &Worker<TaskRef>, limit: usize) -> Option<TaskRef> {
        while !self.injector.is_empty() {
            let stolen = if limit > 1 {
                self.injector.steal_batch_with_limit_and_pop(own, limit)
            } else {
                self.injector.steal()
            };
            match stolen {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
        None
    }

    /// How many tasks a worker may take from the injector at once, if nobody is idle.
    pub(crate) fn batch_limit(&self) -> usize {
        (self.injector.len() / (2 * self.workers())).clamp(1, 16)
    }

    /// The oldest task of this worker's own deque, or of another's.
    pub(crate) fn steal_from(&self, worker: usize) -> Option<TaskRef> {
        let stealer = &self.stealers[worker];
        while !stealer.is_empty() {
            match stealer.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
        None
    }

    /// The oldest task of some deque, looking from `start` on.
    pub(crate) fn steal_any(&self, start: usize) -> Option<TaskRef> {
        self.find_loaded(start, |worker| self.steal_from(worker))
    }

    /// Takes everything out of every queue, also out of the deques of workers that are blocked. Only once the pool is over.
    pub(crate) fn drain(&self, mut each: impl FnMut(TaskRef)) {
        loop {
            match self.injector.steal() {
                Steal::Success(task) => each(task),
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        for worker in 0..self.workers() {
            while let Some(task) = self.steal_from(worker) {
                each(task);
            }
        }
    }

    /// Asks `visit` about each worker whose bit is up, from `start` on, until it has an answer.
    fn find_loaded<T>(&self, start: usize, mut visit: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let words = self.loaded.len();
        let first = start / 64 % words;
        for turn in 0..=words {
            let at = (first + turn) % words;
            let mut bits = self.loaded[at].load(Ordering::Relaxed);
            // The first word is looked at twice: its upper part first, its lower part last.
            let upper = !0 << (start % 64);
            if turn == 0 {
                bits &= upper;
            } else if turn == words {
                bits &= !upper;
            }
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
        f.debug_struct("Queues").field("workers", &self.workers()).field("queued", &self.len()).finish()
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
