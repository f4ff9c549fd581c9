//! Tells a thread which worker it is, and what it is to a pool.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use super::context::Context;
use crate::block::is_asked;
use crate::sched::{Sched, Stage};
use crate::sync::local;

local! {
    /// The worker whose loop runs on this thread.
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}
local! {
    /// The pool that started this thread, from the thread's first instruction to its last; 0
    /// is none.
    static MEMBER_OF: Cell<u32> = const { Cell::new(0) };
}

/// Says which worker's loop runs on this thread: one for as long as [`Context::run`] borrows
/// it, then none (null).
pub(super) fn set_current(context: *const Context) {
    CURRENT.with(|current| current.set(context));
}

/// Says what the calling thread is to a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallerKind {
    /// The thread is none of that pool's.
    Outside,
    /// The thread is a worker of the pool, inside a task or callback.
    Worker,
    /// The thread is the pool's but runs no tasks at the moment: it is in an initializer, an
    /// exit callback or a thread-local's destructor.
    Member,
}

/// Says what the calling thread is to a pool, as [`CallerKind`] does, and lends the worker itself.
#[derive(Clone, Copy)]
pub(crate) enum Caller<'a> {
    Outside,
    Worker(&'a Context),
    Member,
}

impl Caller<'_> {
    #[inline]
    pub(crate) fn kind(self) -> CallerKind {
        match self {
            Self::Outside => CallerKind::Outside,
            Self::Worker(_) => CallerKind::Worker,
            Self::Member => CallerKind::Member,
        }
    }

    /// Says whether the thread's submissions go into the queue for submissions from outside.
    #[inline]
    pub(crate) fn is_outside(self) -> bool {
        !matches!(self, Self::Worker(_))
    }
}

/// Marks the calling thread as one of the pool's, for ever.
pub(crate) fn enlist(pool: u32) {
    MEMBER_OF.with(|member| member.set(pool));
}

/// Says what the calling thread is to the pool with this id.
#[inline]
pub(crate) fn caller_kind(pool: u32) -> CallerKind {
    with_caller(pool, |caller| caller.kind())
}

/// Calls `f` with what the calling thread is to the pool with this id.
#[inline]
pub(crate) fn with_caller<R>(pool: u32, f: impl FnOnce(Caller<'_>) -> R) -> R {
    // The destructor of another thread-local may ask after these are gone. Such a thread runs no
    // tasks.
    let is_member = MEMBER_OF.try_with(Cell::get).is_ok_and(|member| member == pool);
    let current = if is_member { CURRENT.try_with(Cell::get).ok() } else { None };
    // SAFETY: the pointer must be null, or its context must live as long as the reference.
    // CURRENT is set only while `Context::run` borrows the context on this thread, and nothing
    // here outlives the call.
    let worker = unsafe { current.unwrap_or(ptr::null()).as_ref() };
    // One call: a function that is called in two places is not inlined.
    f(match worker {
        Some(worker) if worker.sched.id == pool => Caller::Worker(worker),
        _ if is_member => Caller::Member,
        _ => Caller::Outside,
    })
}

/// Lends `f` the context of the calling thread, if it is a worker.
#[inline]
fn with_current<R>(f: impl FnOnce(Option<&Context>) -> R) -> R {
    // The destructor of another thread-local may ask after this one is gone.
    let current = CURRENT.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: the pointer must be null, or its context must live as long as the reference.
    // CURRENT is set only while `Context::run` borrows the context on this thread, and nothing
    // here outlives the call.
    f(unsafe { current.as_ref() })
}

/// Lends `f` the context of the calling thread, if it is a worker of this pool.
#[inline]
pub(super) fn with_worker<R>(pool: u32, f: impl FnOnce(Option<&Context>) -> R) -> R {
    with_current(|worker| f(worker.filter(|worker| worker.sched.id == pool)))
}

/// Says whether the work that the calling thread runs has been asked to stop, or its pool is
/// giving up.
pub(crate) fn is_cancelled() -> bool {
    is_asked()
        || with_current(|worker| {
            worker.is_some_and(|worker| worker.sched.stage() >= Stage::Terminate)
        })
}

/// Returns the id of the pool whose worker the calling thread is; 0 if it is no worker.
pub(crate) fn current_id() -> u32 {
    with_current(|worker| worker.map_or(0, |worker| worker.sched.id))
}

/// Returns the scheduler of the pool whose worker the calling thread is.
pub(crate) fn current_pool() -> Option<Arc<Sched>> {
    with_current(|worker| worker.map(|worker| Arc::clone(&worker.sched)))
}
