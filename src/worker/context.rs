//! A worker's own end of things: its deque, its counters, and the loop that runs its tasks.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::current::{Caller, set_current, with_worker};
use super::pool_view::Inline;
use super::profile::Profile;
use crate::block::{Header, PoolView, ResultRef, Stale, SubmitErrorKind, TaskRef};
use crate::sched::Sched;
use crate::sync::deque::Worker;

/// In a deque of fewer entries nothing is swept.
const SWEEP_FROM: usize = 64;

/// What belongs to one worker alone.
pub(crate) struct Context {
    pub(super) sched: Arc<Sched>,
    pub(super) index: usize,
    pub(super) deque: Worker<TaskRef>,
    /// Whether this worker's bit is up in the queues' filter.
    pub(super) loaded: Cell<bool>,
    /// Tasks taken from the own deque since the last one from the injector.
    pub(super) own_in_a_row: Cell<u32>,
    /// Where in a round of begun tasks this worker is.
    pub(super) begun: Cell<u32>,
    /// Whether the task that ran last has put itself back for older work.
    pub(super) gave_way: Cell<bool>,
    /// After a task that gave way: whether the last turn was of the deques first.
    pub(super) deques_first: Cell<bool>,
    /// The deque from which this worker steals next when it is the turn of other workers' oldest tasks.
    pub(super) next_victim: Cell<usize>,
    /// With so many entries in the own deque it is time to look for stale ones.
    sweep_at: Cell<usize>,
    /// The task pushed last; it may be gone.
    newest: Cell<Option<NonNull<Header>>>,
    pub(super) profile: Profile,
    /// Whether this worker, which is in its loop, is counted as a searcher already.
    pub(super) searching: Cell<bool>,
    /// Spins in a row that found nothing.
    pub(super) idle_spins: Cell<u32>,
}

/// Pushes what this thread submits: a worker's own submissions go into its own deque, all others into the injector.
///
/// # Errors
///
/// They were pushed, but perhaps nobody will take them: see [`Sched::inject`].
#[inline]
pub(crate) fn push(
    sched: &Sched,
    caller: Caller<'_>,
    tasks: impl IntoIterator<Item = TaskRef>,
) -> Result<(), SubmitErrorKind> {
    match caller {
        Caller::Worker(worker) => worker.push(tasks),
        Caller::Outside | Caller::Member => sched.inject(tasks),
    }
}

/// If the calling thread is a worker of the task's own pool: does all of the awaited work that nobody has started, and
/// nothing else. What is running elsewhere is left to be waited for. Says whether it did anything.
#[inline]
pub(super) fn help<T, E>(result: &ResultRef<T, E>) -> bool {
    with_worker(result.pool(), |worker| {
        let Some(worker) = worker else { return false };
        // Awaited right after it was submitted, it is the newest in the own deque, and run from the queue's side it costs
        // a read-modify-write less and leaves no entry behind.
        if worker.newest.get() == Some(result.id()) {
            match worker.deque.pop() {
                Some(task) if task.is(result.id()) => {
                    task.run(&Inline(worker));
                    if result.load().is_done() {
                        return true;
                    }
                }
                Some(other) => worker.put_back(other),
                None => {}
            }
        }
        !result.load().is_done() && result.help(&Inline(worker))
    })
}

/// A worker has finished work of which up to `most` entries may lie, stale, on top of its deque: takes them back.
pub(crate) fn take_back(pool: u32, id: NonNull<Header>, most: usize) {
    with_worker(pool, |worker| {
        if let Some(worker) = worker.filter(|worker| worker.newest.get() == Some(id)) {
            worker.take_back(id, most);
        }
    });
}

/// The view of what this thread runs here and now, whether it is a worker of the pool or not.
pub(crate) fn as_pool_view<R>(sched: &Sched, f: impl FnOnce(&dyn PoolView) -> R) -> R {
    with_worker(sched.id, |worker| match worker {
        Some(worker) => f(&Inline(worker)),
        None => f(sched),
    })
}

impl Context {
    pub(crate) fn new(
        sched: Arc<Sched>,
        index: usize,
        deque: Worker<TaskRef>,
        profile: Profile,
    ) -> Self {
        Self {
            sched,
            index,
            deque,
            loaded: Cell::new(false),
            own_in_a_row: Cell::new(0),
            begun: Cell::new(0),
            gave_way: Cell::new(false),
            deques_first: Cell::new(false),
            next_victim: Cell::new(index),
            sweep_at: Cell::new(SWEEP_FROM),
            newest: Cell::new(None),
            profile,
            searching: Cell::new(false),
            idle_spins: Cell::new(0),
        }
    }

    #[inline]
    fn push(&self, tasks: impl IntoIterator<Item = TaskRef>) -> Result<(), SubmitErrorKind> {
        for task in tasks {
            self.newest.set(Some(task.id()));
            self.deque.push(task);
        }
        let swept = (self.deque.len() >= self.sweep_at.get()).then(|| self.sweep());
        self.mark_loaded();
        let told = self.sched.tell_workers(true);
        if told.is_err() && swept.is_some() {
            // A terminator may have passed while the entries that are alive were in no queue.
            self.sched.resolve_queued();
        }
        told
    }

    /// The awaited task was stolen, and this one popped in its stead. To put it back is a submission like any other, lest
    /// it be stranded: by a worker that went to sleep meanwhile, or by a terminator that has passed.
    #[cold]
    fn put_back(&self, task: TaskRef) {
        if self.push([task]).is_err() {
            self.sched.resolve_queued();
        }
    }

    /// Drops the stale entries of the own deque: the dead must not outnumber the living. The caller tells the workers of what is left.
    ///
    /// While entries are out of the deque no other worker finds them, nor does a terminator: the caller must look at the stage.
    #[cold]
    fn sweep(&self) -> Vec<Stale> {
        let (mut stale, mut alive) = (Vec::new(), Vec::new());
        while let Some(task) = self.deque.pop() {
            match task.retire() {
                Ok(entry) => stale.push(entry),
                Err(task) => alive.push(task),
            }
        }
        // Where most entries are alive the next sweep can wait for longer.
        let factor = if stale.len() < alive.len() { 4 } else { 2 };
        self.sweep_at.set((factor * alive.len()).max(SWEEP_FROM));
        alive.into_iter().rev().for_each(|task| self.deque.push(task));
        stale.iter().for_each(|entry| self.stale_entry_left(entry.is_outside()));
        stale
    }

    /// Takes back up to `most` entries of a block that lie on top of the own deque and have nothing left to do.
    fn take_back(&self, id: NonNull<Header>, most: usize) {
        for _ in 0..most {
            let Some(top) = self.deque.pop() else { return };
            if !top.is(id) {
                return self.put_back(top);
            }
            match top.retire() {
                Ok(stale) => self.stale_entry_left(stale.is_outside()),
                Err(top) => return self.put_back(top),
            }
        }
    }

    #[inline]
    pub(super) fn mark_loaded(&self) {
        if !self.loaded.replace(true) {
            self.sched.queues.mark_loaded(self.index);
        }
    }

    pub(crate) fn sched(&self) -> &Arc<Sched> {
        &self.sched
    }

    /// The worker's life: find, run, again; until the pool is over, or the worker finds itself in
    /// the child of a fork that its own task has made: what is queued there is the parent's to
    /// run.
    pub(crate) fn run(&self) {
        set_current(self);
        while !self.sched.is_forked() {
            let Some(task) = self.next() else { break };
            task.run(self);
        }
        // What lies in the deque now was taken back by its submitter; the scheduler frees those blocks when it goes.
        set_current(ptr::null());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::current::enlist;
    use super::super::submit::submit;
    use super::*;
    use crate::block::{Job, call_of_nothing};
    use crate::sched::WhenFull;

    /// Worker 0 of two, on this thread, and its pool. Worker 1 is for the test to play.
    fn with_two_workers(test: impl FnOnce(&Context, &Sched)) {
        let (sched, deques) = Sched::new(2);
        let sched = Arc::new(sched);
        let deque = deques.into_iter().next().expect("two workers have two deques");
        let context = Context::new(Arc::clone(&sched), 0, deque, Profile::Balanced);
        enlist(sched.id);
        set_current(&raw const context);
        test(&context, &sched);
        set_current(ptr::null());
    }

    #[test]
    fn time_02_a_task_that_was_popped_in_vain_is_shown_again() {
        with_two_workers(|worker, sched| {
            let Ok(awaited) = submit(sched, Job::plain(|| 7), WhenFull::Wait) else {
                panic!("the pool runs")
            };
            let stolen = sched.queues.steal_from(0).expect("it is in the deque");
            // As the rest of a batch does, which is nothing that this worker has submitted.
            worker.deque.push(call_of_nothing(sched.id));
            // While the other task is in this worker's hand the last other worker goes to sleep.
            sched.idle.push(1, false);
            assert!(help(&awaited), "nobody has begun what is awaited");
            assert!(awaited.load().is_done());
            assert_eq!(worker.deque.len(), 1, "the other task is back where it was");
            assert_eq!(sched.idle.at_rest(), (1, vec![]), "and the other worker is woken for it");
            stolen.run(sched);
        });
    }

    #[test]
    fn life_06_a_task_that_was_popped_in_vain_is_resolved_if_the_terminator_has_passed() {
        with_two_workers(|worker, sched| {
            let Ok(handle) = submit(sched, Job::plain(|| 7), WhenFull::Wait) else {
                panic!("the pool runs")
            };
            let popped = worker.deque.pop().expect("it is in the deque");
            sched.terminate();
            assert!(!handle.load().is_done(), "the terminator has not found it");
            worker.put_back(popped);
            assert!(handle.load().is_done());
        });
    }
}
