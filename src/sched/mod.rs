#![doc = include_str!("README.md")]

mod admission;
mod books;
mod burst;
mod drain;
mod ending;
mod idle;
mod in_hand;
mod life;
mod line;
mod outside;
mod permit;
mod pool_view;
mod queues;
mod reserve;
mod space;
mod streams;

use std::sync::Arc;

use crossbeam_utils::CachePadded;

use crate::block::{Panic, Reason, SubmitErrorKind, TaskRef, unregister, unwatch};
use crate::numbers::Books;
use crate::sync::deque::Worker;
use crate::sync::{AtomicU32, OnceLock, Ordering, fence, identity, thread};

pub(crate) use burst::end_burst;
use ending::Ending;
pub(crate) use idle::Idle;
use life::Life;
pub(crate) use life::{Duty, Stage};
pub use permit::WhenFull;
pub(crate) use permit::{Limit, Permit};
pub(crate) use queues::Queues;
pub(crate) use reserve::{Reservation, Turn};
use space::Space;
pub(crate) use streams::FedStream;
use streams::FedStreams;

/// The state that the workers of one pool share with its submitters.
#[derive(Debug)]
pub(crate) struct Sched {
    /// Tells this pool from every other pool in the process.
    pub(crate) id: u32,
    pub(crate) queues: Queues,
    /// The places and the line, if the pool has a limit.
    space: Option<Arc<Space>>,
    pub(crate) idle: Idle,
    life: Life,
    /// How many workers have not left yet. A join with a time limit sleeps on this futex word.
    live: AtomicU32,
    /// The word that runners of batches and streams look at before each item. Its bits are
    /// [`STOP`] and [`WORK`].
    attention: CachePadded<AtomicU32>,
    broken: OnceLock<Arc<Panic>>,
    ending: Ending,
    /// Whether the workers that have yet to begin their loops are counted as drained-idle.
    begins_drained_idle: bool,
    /// Whether the pool, once CLOSED, takes only work that a running task waits for.
    strict: bool,
    /// The fed streams, whose feeders and consumers hear that the pool takes no more items.
    fed: FedStreams,
    /// What the pool counts, if it counts.
    books: Option<Arc<Books>>,
}

impl Sched {
    /// Makes the shared part of a pool, and each worker's end of its deque.
    pub(crate) fn new(workers: usize) -> (Self, Vec<Worker<TaskRef>>) {
        let processors = thread::processors();
        let (queues, owned) = Queues::new(workers);
        let sched = Self {
            id: identity::unique(),
            queues,
            space: None,
            idle: Idle::new(workers, processors, 0),
            life: Life::new(workers),
            live: AtomicU32::new(u32::try_from(workers).expect("checked by `Life::new`")),
            attention: CachePadded::new(AtomicU32::new(0)),
            broken: OnceLock::new(),
            ending: Ending::new(workers),
            begins_drained_idle: false,
            strict: false,
            fed: FedStreams::default(),
            books: None,
        };
        (sched, owned)
    }

    /// Puts the shared part into an `Arc`. With `limit`, the pool has a limit on the entries that
    /// are queued from outside.
    pub(crate) fn share(mut self, limit: Option<Limit>) -> Arc<Self> {
        match limit {
            None => Arc::new(self),
            Some(limit) => Arc::new_cyclic(|pool| {
                self.space = Some(Arc::new(Space::new(limit, pool.clone(), self.id)));
                self
            }),
        }
    }

    /// Makes the pool strict: once CLOSED, it takes only work that a running task waits for.
    pub(crate) fn close_strictly(&mut self) {
        self.strict = true;
    }

    #[inline]
    pub(crate) fn is_strict(&self) -> bool {
        self.strict
    }

    /// Says whether this is the copy, in a forked child, of a pool whose threads are in the
    /// parent. The child touches nothing of such a copy.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        identity::is_forked(self.id)
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        self.life.stage()
    }

    /// Submits entries from outside. If it succeeds, they are pushed and workers will take
    /// them. The caller asked [`admit`](Self::admit) or [`refusal`](Self::refusal) before.
    ///
    /// # Errors
    ///
    /// The entries are pushed, but perhaps no worker will take them. The caller must take the
    /// work back, or find that another thread has claimed it.
    #[inline]
    pub(crate) fn inject(
        &self,
        tasks: impl IntoIterator<Item = TaskRef>,
    ) -> Result<(), SubmitErrorKind> {
        for task in tasks {
            self.queues.inject(task);
        }
        self.tell_workers(false)
    }

    /// Tells the workers of work that the caller has just made visible. An error tells the
    /// caller that the work came too late.
    #[inline]
    pub(crate) fn tell_workers(&self, by_worker: bool) -> Result<(), SubmitErrorKind> {
        // edge SLEEP fence: the push → a parking worker's last look, or that worker's push
        // onto the idle stack → this look. [SLEEP-1]
        // edge LIFE fence: the push → the last drained-idle worker's look or the terminator's
        // drain, or the stage that either has set → this look. [LIFE-2]
        fence(Ordering::SeqCst);
        let stage = match self.stage() {
            Stage::Draining if !by_worker => self.life.stage_after_look(), // [LIFE-11]
            stage => stage,
        };
        match stage {
            Stage::Run | Stage::Closed => {}
            Stage::Draining if by_worker => {}
            Stage::Broken => return Err(SubmitErrorKind::Broken),
            _ => return Err(SubmitErrorKind::NotRunning),
        }
        self.tell_of_offer();
        Ok(())
    }

    /// Tells the workers of an offer, or of other work that has just become visible. A fence
    /// stands between the work and this call. [SLEEP-2, JOIN-1]
    #[inline]
    pub(crate) fn tell_of_offer(&self) {
        if !self.idle.notify() {
            self.call_runners();
        }
    }

    /// Ends the search of a worker that has found a task. If that was the last searcher and
    /// work is left, this wakes another worker, or calls the runners if no worker sleeps.
    /// [SLEEP-5]
    ///
    /// If workers sleep and more work is left than the searchers can take, this wakes one more.
    /// [SLEEP-6]
    pub(crate) fn stop_searching(&self) {
        if self.idle.stop_searching() {
            // edge SLEEP fence: a push, whose submitter saw this searcher and so woke no
            // worker → this look.
            fence(Ordering::SeqCst);
            if !self.queues.any_work_for_sure() {
                // Nothing is queued, so SLEEP-6 wakes no worker either.
                return;
            }
            if !self.idle.wake_one() {
                self.call_runners();
            }
        }
        if self.idle.searchers_that_need_help().is_some_and(|some| self.queues.has_more_than(some))
        {
            self.idle.wake_one();
        }
    }

    /// Parks a worker that has found nothing. True: the worker has slept, or was woken before
    /// it could, and is a searcher now. False: the worker must look once more, and is a
    /// searcher only if it was one before.
    #[must_use]
    #[inline]
    pub(crate) fn park(&self, worker: usize, was_searching: bool) -> bool {
        let duty = self.life.join_drained_idle(); // [LIFE-3]
        if duty == Duty::LookAgain && !self.finish_drain(true) {
            return false;
        }
        let counted = duty != Duty::NotClosed;
        self.idle.set_counted(worker, counted);
        self.idle.push(worker, was_searching); // [SLEEP-3]
        // edge SLEEP fence: this worker on the stack → a submitter's look, or the submitter's
        // push → the look below.
        // edge LIFE fence: this worker on the stack → the thread that closes or ends the pool,
        // or the new stage → the look below. [SLEEP-4]
        fence(Ordering::SeqCst);
        if self.life.forbids_sleep(counted) {
            // This worker must not sleep, and another worker may be on top. So it wakes all of
            // them, itself too, and does not sleep.
            self.idle.wake_all();
        } else if self.queues.any_work_for_sure() {
            // The worker on top can do the work. If that is this worker, it does not sleep.
            self.idle.wake_one();
        }
        self.idle.sleep(worker);
        if self.idle.is_counted(worker) {
            self.leave_drained_idle();
        }
        true
    }

    /// Returns the panic that has broken the pool. The caller has seen the stage.
    pub(crate) fn broken_by(&self) -> Option<&Arc<Panic>> {
        // edge BROKEN acquire: the panic, from the thread that set the stage → this thread, which
        // has seen the stage.
        fence(Ordering::Acquire);
        self.broken.get()
    }

    /// Says how many workers are running something. The answer may be old.
    pub(crate) fn active(&self) -> usize {
        if self.live.load(Ordering::Relaxed) == 0 { 0 } else { self.idle.busy() }
    }

    /// Returns the word that is 0 once every worker has left.
    pub(crate) fn live(&self) -> &AtomicU32 {
        &self.live
    }
}

impl Drop for Sched {
    /// Frees the blocks whose entries still lie in the queues. No thread is left that could
    /// submit or run anything. The submitters took the work of these entries back after the
    /// workers had left.
    fn drop(&mut self) {
        self.queues.empty(|task| task.resolve(Reason::Terminated));
        if let Some(space) = &self.space {
            space.empty(true).into_iter().for_each(|entry| entry.turn_away(Reason::Terminated));
        }
        unregister(self.id);
        unwatch(self.id);
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) use burst::in_burst;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::call_of_nothing;

    #[test]
    fn a_late_submission_is_told_which_end_it_was() {
        let late = |end: fn(&Sched)| {
            let (sched, _deques) = Sched::new(1);
            end(&sched);
            [false, true].map(|by_worker| sched.tell_workers(by_worker))
        };
        assert_eq!(
            late(Sched::close),
            [Ok(()), Ok(())],
            "not yet: the workers are told that work is there"
        );
        assert_eq!(late(Sched::terminate), [Err(SubmitErrorKind::NotRunning); 2]);
        assert_eq!(
            late(|sched| sched.break_down(Panic::new(Box::new("why")))),
            [Err(SubmitErrorKind::Broken); 2]
        );
    }

    #[test]
    fn a_searcher_that_finds_a_task_wakes_two_workers_only_if_there_is_work_for_both() {
        for (left, woken) in [(0, 0), (1, 1), (2, 2), (5, 2)] {
            let (sched, _deques) = Sched::new(4);
            (0..4).for_each(|worker| sched.idle.push(worker, false));
            (0..left).for_each(|_| sched.queues.inject(call_of_nothing(sched.id)));
            assert!(sched.idle.try_search());
            sched.stop_searching();
            let (searchers, parked) = sched.idle.at_rest();
            assert_eq!((searchers, 4 - parked.len()), (woken as u64, woken), "{left} entries left");
        }
    }

    #[test]
    fn the_last_stream_of_a_closed_pool_settles_what_its_parked_workers_cannot() {
        for left in [false, true] {
            let (sched, _deques) = Sched::new(1);
            assert!(sched.open_stream(false, false));
            sched.close();
            assert_eq!(sched.life.join_drained_idle(), Duty::Park);
            sched.idle.push(0, false);
            if left {
                sched.queues.inject(call_of_nothing(sched.id));
            }
            sched.close_stream();
            assert_eq!(sched.stage(), if left { Stage::Closed } else { Stage::Drained });
            assert_eq!(
                sched.idle.at_rest(),
                (1, vec![]),
                "told to leave, or to see to what is left"
            );
        }
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/sched.rs"]
mod models;
