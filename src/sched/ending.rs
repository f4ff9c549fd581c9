//! The end of a pool: the changes of the stage, the last worker, and what a shutdown reports.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crossbeam_utils::CachePadded;

use super::Sched;
use super::life::Stage;
use crate::block::{
    Owner, Panic, PoolView, Reason, STOP, TaskRef, catch_panic, drop_quietly, forget_panic,
};
use crate::sync::{AtomicU32, AtomicUsize, Lock, Ordering, fence, futex, step};

/// What the pool keeps for its end. While the pool runs, no thread touches it.
pub(super) struct Ending {
    /// How many tasks each worker has run to their ends since the pool took no more. Each worker
    /// has a count that it alone changes.
    ended: Box<[CachePadded<AtomicUsize>]>,
    // count dropped: the tasks that were resolved because the pool is over. Each lies in memory
    // when a thread raises the count.
    dropped: AtomicUsize,
    /// The worker that was the last to run out of work after a counted task, plus one; 0 is none.
    last: AtomicU32,
    /// The futures that wait for the last worker.
    watchers: Lock<Watchers>,
}

#[derive(Default)]
struct Watchers {
    wakers: Vec<(u64, Waker)>,
    // count tickets: all futures that ever waited for the end of a pool, which 64 bits count
    // without an end.
    tickets: u64,
}

impl Ending {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            ended: (0..workers).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            dropped: AtomicUsize::new(0),
            last: AtomicU32::new(0),
            watchers: Lock::new(Watchers::default()),
        }
    }
}

/// The changes of the stage.
impl Sched {
    /// Refuses submissions from outside from now on, and lets the workers leave once all
    /// accepted work is done.
    pub(crate) fn close(&self) {
        if !self.is_forked() && self.life.close() {
            self.wake_to_drain();
        }
    }

    /// As [`close`](Self::close), for a shutdown: permits may be used until the pool is drained,
    /// unless the pool is strict. [LIFE-10]
    pub(crate) fn close_for_shutdown(&self) {
        if self.is_strict() {
            self.close();
        } else if !self.is_forked() && self.life.close_for_shutdown() {
            self.wake_to_drain();
        }
    }

    /// Resolves all queued work, and lets the workers leave after the tasks that they are
    /// running.
    pub(crate) fn terminate(&self) {
        self.end(Stage::Terminate);
    }

    /// Ends the pool because an initializer panicked.
    pub(crate) fn break_down(&self, panic: Panic) {
        if let Err(second) = self.broken.set(Arc::new(panic)) {
            // Another initializer panicked first.
            drop_quietly(second);
        }
        self.end(Stage::Broken);
    }

    fn end(&self, stage: Stage) {
        if !self.is_forked() && self.life.end(stage) {
            // edge STOP release: the stage → a runner that sees STOP and asks for the reason.
            self.attention.fetch_or(STOP, Ordering::Release);
            // First this thread takes out what is queued, and wakes the workers. The rest runs user
            // code, which may wait for the pool's end. The fence of the drain stands between the
            // stage and all that follows. [LIFE-7]
            let drained = self.queues.drain(); // [LIFE-16]
            self.idle.wake_all();
            self.empty_line(); // [SPACE-5]
            self.fed.cut(); // [FED-3]
            if let Some(reason) = self.stopping() {
                drained.into_iter().for_each(|task| self.resolve(task, reason.clone()));
            }
        }
    }

    /// Resolves what this thread has pushed too late, if the pool is terminated or broken. It has
    /// passed a SeqCst fence since. `own` is the worker whose own deque it may be in. If the
    /// terminator has yet to drain the queues, this leaves the work to the terminator. [LIFE-17]
    pub(crate) fn resolve_late(&self, own: Option<usize>) {
        if let Some(reason) = self.stopping().filter(|_| !self.is_forked()) {
            self.queues.drain_late(own, |task| self.resolve(task, reason.clone()));
        }
    }

    fn resolve(&self, task: TaskRef, reason: Reason) {
        if task.resolve_by(reason, Owner::Queue) {
            self.ending.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn wake_for_stage(&self) {
        // edge LIFE fence: the stage → a parking worker's last look, or that worker on the
        // stack → the wake-ups.
        fence(Ordering::SeqCst);
        self.idle.wake_all();
        self.empty_line(); // [SPACE-5]
    }
}

/// The last worker, and the futures that wait for it.
impl Sched {
    /// Takes a worker that leaves for good out of the count of workers. The last one wakes all
    /// that wait for it. [LIFE-12]
    pub(crate) fn leave(&self, worker: usize) {
        step::pass();
        self.idle.leave(worker);
        // edge LEAVE release: all that this worker did → the thread that sees no worker left.
        // The workers that leave later continue the release sequence with their changes. (The
        // acquiring loads are in `block_until` and in `poll_end`.)
        if self.live.fetch_sub(1, Ordering::Release) == 1 {
            futex::wake_all(&self.live);
            self.wake_watchers();
        }
    }

    /// Says whether every worker has left. If not, keeps `waker` for the thread that calls
    /// [`wake_watchers`](Self::wake_watchers). `ticket` belongs to the future. [LIFE-12]
    pub(crate) fn poll_end(&self, ticket: &mut Option<u64>, waker: &Waker) -> bool {
        // The clone is the user's code. So it comes without the lock.
        let mut waker = Some(waker.clone());
        let ended = self.ending.watchers.with(|watchers| {
            // edge LEAVE acquire: all that the workers did → this thread.
            if self.live.load(Ordering::Acquire) == 0 {
                return true;
            }
            let found = watchers.wakers.iter_mut().find(|(number, _)| Some(*number) == *ticket);
            match (found, &mut waker) {
                (Some((_, kept)), Some(waker)) => mem::swap(kept, waker),
                (None, waker) => {
                    watchers.tickets += 1;
                    *ticket = Some(watchers.tickets);
                    watchers.wakers.extend(waker.take().map(|waker| (watchers.tickets, waker)));
                }
                (Some(_), None) => {}
            }
            false
        });
        drop_quietly(waker);
        ended
    }

    /// Keeps a waker without a look, for a negative control.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(crate) fn keep_watcher(&self, waker: Waker) {
        self.ending.watchers.with(|watchers| watchers.wakers.push((0, waker)));
    }

    /// Forgets the waker of a future that is dropped.
    pub(crate) fn forget_watcher(&self, ticket: u64) {
        // In the child of a fork a thread of the parent may hold the lock.
        if self.is_forked() {
            return;
        }
        let gone = self.ending.watchers.with(|watchers| {
            let at = watchers.wakers.iter().position(|(number, _)| *number == ticket)?;
            Some(watchers.wakers.swap_remove(at))
        });
        drop_quietly(gone);
    }

    /// Wakes the futures that wait for the last worker. Each looks again. [LIFE-12]
    pub(crate) fn wake_watchers(&self) {
        let wakers = self.ending.watchers.with(|watchers| mem::take(&mut watchers.wakers));
        for (_, waker) in wakers {
            forget_panic(catch_panic(|| waker.wake()));
        }
    }
}

/// What a shutdown reports.
impl Sched {
    /// Counts a task that a worker has run to its end since the pool took no more.
    pub(crate) fn count_ended(&self, worker: usize) {
        let ended = &self.ending.ended[worker];
        ended.store(ended.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Notes that a worker has run out of work, if it has counted a task.
    pub(crate) fn note_last(&self, worker: usize) {
        if self.ending.ended[worker].load(Ordering::Relaxed) > 0 {
            let number = u32::try_from(worker + 1).expect("workers are counted in 16 bits");
            self.ending.last.store(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn ended(&self) -> usize {
        self.ending.ended.iter().map(|ended| ended.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn dropped(&self) -> usize {
        self.ending.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn last(&self) -> Option<usize> {
        (self.ending.last.load(Ordering::Relaxed) as usize).checked_sub(1)
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}
