//! The frame that waits for the tasks of its scope.

use std::marker::PhantomData;
use std::panic::resume_unwind;

use super::block::ScopeRef;
use super::scoped::Scoped;
use crate::block::{Abort, ResultRef, SubmitErrorKind, Work, catch_panic};
use crate::sched::{Sched, WhenFull, end_burst};
use crate::worker::{CallerKind, Tie, as_pool_view, caller_kind, submit_borrowing, take_back};

/// Submits tasks that borrow from the stack.
///
/// [`Pool::scope`](crate::Pool::scope) makes it, in the shape of [`std::thread::scope`].
/// `'scope` is the scope's own lifetime. `'env` is the lifetime of the data that its tasks
/// borrow.
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    sched: &'env Sched,
    when_full: Option<WhenFull>,
    scope: ScopeRef,
    /// Makes both lifetimes invariant: a caller can make neither seem longer or shorter.
    lives: PhantomData<(&'scope mut &'scope (), &'env mut &'env ())>,
}

impl<'scope> Scope<'scope, '_> {
    /// Returns the pool that the scope is of.
    pub(super) fn sched(&self) -> &Sched {
        self.sched
    }

    /// Submits work into the scope, once there is a place for it or as the scope says.
    ///
    /// # Errors
    ///
    /// If the pool does not take the work, the error says why, and holds the work.
    pub(super) fn submit<W>(
        &'scope self,
        work: W,
    ) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
    where
        W: Work<After = ()> + Send + 'scope,
        W::Value: Send + 'scope,
        W::Error: Send + 'scope,
    {
        let scoped = Scoped { work, pending: self.scope.begin() };
        let entry = |task| self.scope.push(task);
        // SAFETY: work and outcome are `Send`, and what they borrow lives for `'scope`. A `Scope`
        // exists only in `in_scope`, which ends `'scope` after it has waited until every task of
        // the scope is done for good.
        unsafe { submit_borrowing(self.sched, scoped, Tie::Nested, self.when_full, entry) }
            .map_err(|(kind, scoped)| (kind, scoped.work))
    }
}

/// Runs `body` with a scope, and waits until all its tasks are done for good, whether `body`
/// returns or panics.
///
/// A thread of the pool meanwhile runs the tasks that no thread has begun. A worker does so, and
/// also a thread in an initializer: the frame must not end before the tasks, and perhaps no other
/// thread is there to run them.
pub(super) fn in_scope<'env, R>(
    sched: &'env Sched,
    when_full: Option<WhenFull>,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    let kind = caller_kind(sched.id);
    let scope = Scope {
        sched,
        when_full,
        scope: ScopeRef::new(sched.id, kind != CallerKind::Worker),
        lives: PhantomData,
    };
    let guard = Abort("a wait for a scope unwound");
    let result = catch_panic(|| body(&scope));
    match kind {
        CallerKind::Worker | CallerKind::Member => {
            as_pool_view(sched, |view| scope.scope.work_and_wait(view));
            take_back(sched.id, scope.scope.id(), scope.scope.entries());
        }
        CallerKind::Outside => {
            end_burst();
            scope.scope.wait();
        }
    }
    guard.disarm();
    result.unwrap_or_else(|panic| resume_unwind(panic.into_payload()))
}
