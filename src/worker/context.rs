//! One worker's own end of things: its deque, its counters, and the loop that runs its tasks.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::current::{Caller, set_current, with_worker};
use super::pool_view::Inline;
use super::profile::Profile;
use crossbeam_utils::CachePadded;

use crate::block::{Header, Offers, PoolView, ResultRef, Stale, SubmitErrorKind, TaskRef};
use crate::numbers::{self, Seat};
use crate::sched::Sched;
use crate::sync::deque::Worker;
use crate::sync::step;

/// A worker does not sweep a deque of fewer entries.
const SWEEP_FROM: usize = 64;

/// The state that belongs to one worker alone.
pub(crate) struct Context {
    pub(super) sched: Arc<Sched>,
    pub(super) index: usize,
    pub(super) deque: Worker<TaskRef>,
    /// Whether this worker's bit is up in the queues' filter.
    pub(super) loaded: Cell<bool>,
    /// How many tasks this worker has taken from its own deque since the last one from the
    /// injector.
    pub(super) own_in_a_row: Cell<u32>,
    /// The place of this worker in a round of begun tasks.
    pub(super) begun: Cell<u32>,
    /// Whether the task that ran last has given way to other work.
    pub(super) gave_way: Cell<bool>,
    /// After a task that gave way: whether the worker last looked into the other deques first.
    pub(super) deques_first: Cell<bool>,
    /// Whether this worker's last look at the other workers has found a task.
    pub(super) stole: Cell<bool>,
    /// The deque from which this worker steals next, when it is the turn of other workers'
    /// oldest tasks.
    pub(super) next_victim: Cell<usize>,
    /// The worker whose second halves this worker takes next, when it is their turn.
    pub(super) next_owner: Cell<usize>,
    /// This worker's row of second halves.
    pub(super) offers: Arc<CachePadded<Offers>>,
    /// The owners of the halves that this worker has taken and not ended, the innermost last.
    pub(super) owners: RefCell<Vec<usize>>,
    /// With so many entries in its own deque the worker looks for stale ones.
    sweep_at: Cell<usize>,
    /// The task that this worker pushed last. It may be gone.
    newest: Cell<Option<NonNull<Header>>>,
    pub(super) profile: Profile,
    /// Whether this worker, which is in its loop, is counted as a searcher already.
    pub(super) searching: Cell<bool>,
    /// How many spins in a row have found nothing.
    pub(super) idle_spins: Cell<u32>,
}

/// Pushes the tasks that this thread submits: a worker's go into its own deque, all others
/// into the injector.
///
/// # Errors
///
/// The tasks were pushed, but perhaps no worker will take them: see [`Sched::inject`].
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

/// Does all of the awaited work that no thread has started, and nothing else, if the calling
/// thread is a worker of the work's own pool. Returns whether it did anything.
///
/// The caller must still wait for the parts that run on other threads.
#[inline]
pub(super) fn help<T, E>(result: &ResultRef<T, E>) -> bool {
    step::pass();
    with_worker(result.pool(), |worker| {
        let Some(worker) = worker else { return false };
        // A task that its submitter awaits at once is the newest in the worker's own deque.
        // The worker runs it from the queue's side: that costs one read-modify-write less and
        // leaves no entry behind.
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

/// Takes back the stale entries of work that the calling worker has finished: up to `most` of
/// them may lie on top of its deque.
pub(crate) fn take_back(pool: u32, id: NonNull<Header>, most: usize) {
    with_worker(pool, |worker| {
        if let Some(worker) = worker.filter(|worker| worker.newest.get() == Some(id)) {
            worker.take_back(id, most);
        }
    });
}

/// Calls `f` with the pool view for work that this thread runs here and now, whether it is a
/// worker of the pool or not.
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
        let offers = Arc::clone(sched.queues.offers(index));
        Self {
            sched,
            index,
            next_owner: Cell::new(index),
            offers,
            owners: RefCell::new(Vec::new()),
            deque,
            loaded: Cell::new(false),
            own_in_a_row: Cell::new(0),
            begun: Cell::new(0),
            gave_way: Cell::new(false),
            deques_first: Cell::new(false),
            stole: Cell::new(false),
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
            self.sched.resolve_late(Some(self.index));
        }
        told
    }

    /// Pushes a task again that this worker has popped instead of the one that it looked for.
    ///
    /// This is a submission like any other, so that the task is not stranded: another worker
    /// may have gone to sleep meanwhile, or a terminator may have passed.
    #[cold]
    fn put_back(&self, task: TaskRef) {
        if self.push([task]).is_err() {
            self.sched.resolve_late(Some(self.index));
        }
    }

    /// Takes the stale entries out of the worker's own deque, so that they never outnumber the
    /// living. The caller tells the workers of the living ones, and then drops the stale ones.
    ///
    /// While entries are out of the deque, no other worker and no terminator finds them. So
    /// the caller must look at the stage.
    #[cold]
    fn sweep(&self) -> Vec<Stale> {
        let (mut stale, mut alive) = (Vec::new(), Vec::new());
        while let Some(task) = self.deque.pop() {
            match task.retire() {
                Ok(entry) => stale.push(entry),
                Err(task) => alive.push(task),
            }
        }
        // Where most entries are alive, the next sweep can wait longer.
        let factor = if stale.len() < alive.len() { 4 } else { 2 };
        self.sweep_at.set((factor * alive.len()).max(SWEEP_FROM));
        alive.into_iter().rev().for_each(|task| self.deque.push(task));
        stale.iter().for_each(|entry| self.stale_entry_left(entry.is_outside()));
        stale
    }

    /// Takes back up to `most` entries of a block that lie on top of the worker's own deque
    /// and have nothing left to do.
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

    /// The worker's part of the books, if its pool counts.
    pub(super) fn seat(&self) -> Option<&Seat> {
        self.sched.books().map(|books| books.seat(self.index))
    }

    /// Runs the worker's life: it finds a task, runs it, and looks for the next.
    ///
    /// The loop ends when the pool is over. It also ends when the worker finds itself in the
    /// child of a fork that its own task has made: the queued work there is the parent's to
    /// run.
    pub(crate) fn run(&self) {
        set_current(self);
        self.sched.begin();
        let mut ran = false;
        numbers::sit(self.seat(), || {
            while !self.sched.is_forked() {
                let Some(task) = self.next(ran) else { break };
                step::pass();
                ran = task.run_if_any(self);
            }
        });
        // Submitters have taken back the work whose entries still lie in the deque. The
        // scheduler frees those blocks when it goes.
        set_current(ptr::null());
    }
}

/// For models, which play a worker on a thread of their own.
#[cfg(all(test, loom, feature = "loom"))]
impl Context {
    /// Runs `f` as a task of this worker would run.
    pub(crate) fn play<R>(&self, f: impl FnOnce(&Self) -> R) -> R {
        super::current::enlist(self.sched.id);
        set_current(self);
        let result = f(self);
        set_current(ptr::null());
        result
    }

    /// Takes a task and runs it, if there is one.
    pub(crate) fn run_one(&self) -> bool {
        self.take().map(|task| task.run(self)).is_some()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::current::enlist;
    use super::super::submit::submit;
    use super::*;
    use crate::block::{Job, call_of_nothing};

    /// Makes worker 0 of two, on this thread, and its pool. The test plays worker 1.
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

    // covers TIME-02
    #[test]
    fn a_task_that_was_popped_in_vain_is_shown_again() {
        with_two_workers(|worker, sched| {
            let Ok(awaited) = submit(sched, Job::plain(|| 7), None) else {
                panic!("the pool runs")
            };
            let stolen = sched.queues.steal_from(0).expect("it is in the deque");
            // The test pushes this one past `submit`, so the awaited task remains the newest
            // that this worker has submitted.
            worker.deque.push(call_of_nothing(sched.id));
            // While this worker holds the other task, the last other worker goes to sleep.
            sched.idle.push(1, false);
            assert!(help(&awaited), "nobody has begun what is awaited");
            assert!(awaited.load().is_done());
            assert_eq!(worker.deque.len(), 1, "the other task is back where it was");
            assert_eq!(sched.idle.at_rest(), (1, vec![]), "and the other worker is woken for it");
            stolen.run(sched);
        });
    }

    // covers LIFE-06
    #[test]
    fn a_task_that_was_popped_in_vain_is_resolved_if_the_terminator_has_passed() {
        with_two_workers(|worker, sched| {
            let Ok(handle) = submit(sched, Job::plain(|| 7), None) else { panic!("the pool runs") };
            let popped = worker.deque.pop().expect("it is in the deque");
            sched.terminate();
            assert!(!handle.load().is_done(), "the terminator has not found it");
            worker.put_back(popped);
            assert!(handle.load().is_done());
        });
    }
}
