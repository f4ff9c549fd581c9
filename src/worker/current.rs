//! Which worker am I: what a thread can ask about itself.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use super::context::Context;
use crate::block::is_asked;
use crate::sched::{Sched, Stage};
use crate::sync::local;

local! {
    /// The worker whose loop is running on this thread.
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}
local! {
    /// The pool that started this thread, from its first to its last instruction; 0 is none.
    static MEMBER_OF: Cell<u32> = const { Cell::new(0) };
}

/// Says which worker's loop runs on this thread: for as long as [`Context::run`] borrows it, then none (null).
pub(super) fn set_current(context: *const Context) {
    CURRENT.with(|current| current.set(context));
}

/// What the calling thread is to a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// No thread of that pool.
    Outside,
    /// A worker of it, inside a task or callback.
    Worker,
    /// A thread of it that runs no tasks at the moment: in an initializer, an exit callback or a thread-local's destructor.
    Member,
}

/// As [`Place`], with the worker itself.
#[derive(Clone, Copy)]
pub(crate) enum Caller<'a> {
    Outside,
    Worker(&'a Context),
    Member,
}

impl Caller<'_> {
    #[inline]
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Outside => Place::Outside,
            Self::Worker(_) => Place::Worker,
            Self::Member => Place::Member,
        }
    }

    /// Whether what this thread submits goes into the queue for submissions from outside.
    #[inline]
    pub(crate) fn is_outside(self) -> bool {
        !matches!(self, Self::Worker(_))
    }
}

/// Marks the calling thread as one of the pool's, for ever.
pub(crate) fn enlist(pool: u32) {
    MEMBER_OF.with(|member| member.set(pool));
}

/// What the calling thread is to the pool with this id.
#[inline]
pub(crate) fn place(pool: u32) -> Place {
    with_caller(pool, |caller| caller.place())
}

/// Calls `f` with what the calling thread is to the pool with this id.
#[inline]
pub(crate) fn with_caller<R>(pool: u32, f: impl FnOnce(Caller<'_>) -> R) -> R {
    // A thread-local may be gone already where a destructor of another one asks; such a thread runs no tasks.
    match MEMBER_OF.try_with(Cell::get) {
        Ok(member) if member == pool => {
            with_worker(pool, |worker| f(worker.map_or(Caller::Member, Caller::Worker)))
        }
        _ => f(Caller::Outside),
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
pub(super) fn with_worker<R>(pool: u32, f: impl FnOnce(Option<&Context>) -> R) -> R {
    with_current(|worker| f(worker.filter(|worker| worker.sched.id == pool)))
}

/// Whether what the calling thread is running has been asked to stop, or its pool is giving up.
pub(crate) fn is_cancelled() -> bool {
    is_asked()
        || with_current(|worker| {
            worker.is_some_and(|worker| worker.sched.stage() >= Stage::Terminate)
        })
}

/// The pool of the worker that the calling thread is; 0 is none.
pub(crate) fn current_id() -> u32 {
    with_current(|worker| worker.map_or(0, |worker| worker.sched.id))
}

/// The scheduler of the worker that the calling thread is.
pub(crate) fn current_pool() -> Option<Arc<Sched>> {
    with_current(|worker| worker.map(|worker| Arc::clone(&worker.sched)))
}
