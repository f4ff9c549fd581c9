//! Which worker am I: a worker's own end of things, and what a thread can ask about itself.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::profile::Profile;
use crate::sched::{Sched, Stage};
use crate::sync::deque::Worker;
use crate::sync::{AtomicU32, local};
use crate::task::{Header, Host, Reason, ResultRef, Stale, SubmitErrorKind, TaskRef, is_asked};

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

local! {
    /// The worker whose loop is running on this thread.
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}
local! {
    /// The pool that started this thread, from its first to its last instruction; 0 is none.
    static MEMBER_OF: Cell<u32> = const { Cell::new(0) };
}

/// What the calling thread is to a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// No thread of that pool.
    Outside,
    /// A worker of it, inside a task or callback.
    Worker,
    /// A thread of it that runs no tasks at the moment: in an initializer, an exit hook or a thread-local's destructor.
    Member,
}

/// Marks the calling thread as one of the pool's, for ever.
pub(crate) fn enlist(pool: u32) {
    MEMBER_OF.with(|member| member.set(pool));
}

/// What the calling thread is to the pool with this id.
#[inline]
pub(crate) fn place(pool: u32) -> Place {
    // A thread-local may be gone already where a destructor of another one asks; such a thread runs no tasks.
    match MEMBER_OF.try_with(Cell::get) {
        Ok(member) if member == pool => with_worker(pool, |worker| match worker {
            Some(_) => Place::Worker,
            None => Place::Member,
        }),
        _ => Place::Outside,
    }
}

/// Lends the context of the calling thread, if it is a worker.
#[inline]
fn with_current<R>(f: impl FnOnce(Option<&Context>) -> R) -> R {
    // A thread-local may be gone already where a destructor of another one asks.
    let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: CURRENT is null or points to the context that `Context::run` borrows on this thread for as long as it is
    // set; nothing here outlives the call.
    f(unsafe { current.as_ref() })
}

/// Lends the context of the calling thread, if it is a worker of this pool.
#[inline]
fn with_worker<R>(pool: u32, f: impl FnOnce(Option<&Context>) -> R) -> R {
    with_current(|worker| f(worker.filter(|worker| worker.sched.id == pool)))
}

/// Whether what the calling thread is running has been asked to stop, or its pool is giving up.
pub(crate) fn is_cancelled() -> bool {
    is_asked() || with_current(|worker| worker.is_some_and(|worker| worker.sched.stage() >= Stage::Terminate))
}

/// The pool of the worker that the calling thread is; 0 is none.
pub(crate) fn current_id() -> u32 {
    with_current(|worker| worker.map_or(0, |worker| worker.sched.id))
}

/// The scheduler of the worker that the calling thread is.
pub(crate) fn current_pool() -> Option<Arc<Sched>> {
    with_current(|worker| worker.map(|worker| Arc::clone(&worker.sched)))
}

/// Submits from this thread: a worker's own submissions go into its own deque, all others into the injector.
///
/// # Errors
///
/// They were pushed, but perhaps nobody will take them: see [`Sched::inject`].
#[inline]
pub(super) fn push(sched: &Sched, tasks: impl IntoIterator<Item = TaskRef>) -> Result<(), SubmitErrorKind> {
    with_worker(sched.id, |worker| match worker {
        Some(worker) => worker.push(tasks),
        None => sched.inject(tasks),
    })
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
pub(super) fn take_back(pool: u32, id: NonNull<Header>, most: usize) {
    with_worker(pool, |worker| {
        if let Some(worker) = worker.filter(|worker| worker.newest.get() == Some(id)) {
            worker.take_back(id, most);
        }
    });
}

/// The host of what this thread runs here and now, whether it is a worker of the pool or not.
pub(super) fn as_host<R>(sched: &Sched, f: impl FnOnce(&dyn Host) -> R) -> R {
    with_worker(sched.id, |worker| match worker {
        Some(worker) => f(&Inline(worker)),
        None => f(sched),
    })
}

impl Context {
    pub(crate) fn new(sched: Arc<Sched>, index: usize, deque: Worker<TaskRef>, profile: Profile) -> Self {
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
        let told = self.sched.announce(true);
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

    /// Drops the stale entries of the own deque: the dead must not outnumber the living. The caller announces what is left.
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
        CURRENT.with(|current| current.set(ptr::from_ref(self)));
        while !self.sched.is_forked() {
            let Some(task) = self.next() else { break };
            task.run(self);
        }
        // What lies in the deque now was taken back by its submitter; the scheduler frees those blocks when it goes.
        CURRENT.with(|current| current.set(ptr::null()));
    }
}

/// The host of what the loop itself runs.
impl Host for Context {
    fn stopping(&self) -> Option<Reason> {
        self.sched.stopping()
    }

    fn attention(&self) -> Option<&AtomicU32> {
        self.sched.attention()
    }

    fn worker(&self) -> Option<usize> {
        Some(self.index)
    }

    /// Becomes a searcher beforehand, if there is nothing else to do: whoever is woken may submit the next task before this
    /// worker runs again, and would wake another one for it.
    fn about_to_wake(&self) {
        if self.deque.is_empty() && self.sched.queues.is_injector_empty() && !self.searching.get() {
            self.searching.set(self.sched.idle.try_search());
        }
    }

    fn gives_way(&self) -> bool {
        true
    }

    fn is_work_waiting(&self) -> bool {
        self.sched.queues.any_work()
    }

    fn give_way(&self, entry: Option<TaskRef>) {
        self.gave_way.set(true);
        entry.into_iter().for_each(|entry| self.sched.put_back(entry));
    }

    fn put_back(&self, entry: TaskRef) {
        self.sched.put_back(entry);
    }

    fn entries_died(&self, outside: bool, count: usize) {
        self.sched.count_dead(Some(self.index), outside, count);
    }

    fn stale_entry_left(&self, outside: bool) {
        self.sched.count_left(Some(self.index), outside);
    }
}

/// The host of what a task runs while it waits: its worker does not return to its loop, so it gives no way and wakes like any
/// thread.
struct Inline<'a>(&'a Context);

impl Host for Inline<'_> {
    fn stopping(&self) -> Option<Reason> {
        self.0.sched.stopping()
    }

    fn attention(&self) -> Option<&AtomicU32> {
        self.0.sched.attention()
    }

    fn worker(&self) -> Option<usize> {
        Some(self.0.index)
    }

    fn put_back(&self, entry: TaskRef) {
        self.0.sched.put_back(entry);
    }

    fn entries_died(&self, outside: bool, count: usize) {
        self.0.entries_died(outside, count);
    }

    fn stale_entry_left(&self, outside: bool) {
        self.0.stale_entry_left(outside);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::caller::submit;
    use super::*;
    use crate::task::{Job, call_of_nothing};

    /// Worker 0 of two, on this thread, and its pool. Worker 1 is for the test to play.
    fn with_two_workers(test: impl FnOnce(&Context, &Sched)) {
        let (sched, deques) = Sched::new(2);
        let sched = Arc::new(sched);
        let deque = deques.into_iter().next().expect("two workers have two deques");
        let context = Context::new(Arc::clone(&sched), 0, deque, Profile::Balanced);
        enlist(sched.id);
        CURRENT.with(|current| current.set(&raw const context));
        test(&context, &sched);
        CURRENT.with(|current| current.set(ptr::null()));
    }

    #[test]
    fn time_02_a_task_that_was_popped_in_vain_is_shown_again() {
        with_two_workers(|worker, sched| {
            let Ok(awaited) = submit(sched, Job::plain(|| 7)) else { panic!("the pool runs") };
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
            let Ok(handle) = submit(sched, Job::plain(|| 7)) else { panic!("the pool runs") };
            let popped = worker.deque.pop().expect("it is in the deque");
            sched.terminate();
            assert!(!handle.load().is_done(), "the terminator has not found it");
            worker.put_back(popped);
            assert!(handle.load().is_done());
        });
    }
}
