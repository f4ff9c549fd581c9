//! Which worker am I: a worker's own end of things, and what a thread can ask about itself.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::profile::Profile;
use crate::sched::{Sched, Stage};
use crate::sync::deque::Worker;
use crate::sync::local;
use crate::task::{Header, Host, Reason, ResultRef, SubmitErrorKind, TaskRef, is_asked};

/// What belongs to one worker alone.
pub(crate) struct Context {
    pub(super) sched: Arc<Sched>,
    pub(super) index: usize,
    pub(super) deque: Worker<TaskRef>,
    /// Whether this worker's bit is up in the queues' filter.
    pub(super) loaded: Cell<bool>,
    /// Tasks taken from the own deque since the last one from the injector, and how many there may be.
    // count streak: the tasks in a row that a worker has taken from its own deque. Raised by
    // each; it stops at the end of its range, and begins anew with a task from elsewhere.
    pub(super) streak: Cell<usize>,
    pub(super) allowance: Cell<usize>,
    /// Tasks taken from the own deque.
    // count ticks: the tasks that a worker has taken from its own deque. Raised by each; it rolls
    // over, and says only whose turn it is.
    pub(super) ticks: Cell<u32>,
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
                    task.run(&*worker.sched);
                    if result.load().is_done() {
                        return true;
                    }
                }
                Some(other) => worker.put_back(other),
                None => {}
            }
        }
        !result.load().is_done() && result.help(&*worker.sched)
    })
}

impl Context {
    pub(crate) fn new(sched: Arc<Sched>, index: usize, deque: Worker<TaskRef>, profile: Profile) -> Self {
        Self {
            sched,
            index,
            deque,
            loaded: Cell::new(false),
            streak: Cell::new(0),
            allowance: Cell::new(0),
            ticks: Cell::new(0),
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
        self.mark_loaded();
        self.sched.announce(true)
    }

    /// The awaited task was stolen, and this one popped in its stead. To put it back is a submission like any other, lest
    /// it be stranded: by a worker that went to sleep meanwhile, or by a terminator that has passed.
    #[cold]
    fn put_back(&self, task: TaskRef) {
        if self.push([task]).is_err() {
            self.sched.resolve_queued();
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

/// The host of what the loop itself runs. What a task runs while it waits has the scheduler for its host: that worker does not
/// return to its loop.
impl Host for Context {
    fn stopping(&self) -> Option<Reason> {
        self.sched.stopping()
    }

    fn give_way(&self, token: TaskRef) -> Option<TaskRef> {
        self.sched.give_way(token)
    }

    /// Becomes a searcher beforehand, if there is nothing else to do: whoever is woken may submit the next task before this
    /// worker runs again, and would wake another one for it.
    fn about_to_wake(&self) {
        if self.deque.is_empty() && self.sched.queues.is_injector_empty() && !self.searching.get() {
            self.searching.set(self.sched.idle.try_search());
        }
    }
}
