//! The frame that waits for its scope.

use std::marker::PhantomData;
use std::panic::resume_unwind;

use super::caller::{Tie, admit};
use super::context::{Place, as_host, place, push, take_back};
use crate::sched::{Sched, WhenFull};
use crate::task::{Abort, Call, Placed, ResultRef, ScopeRef, Scoped, SubmitErrorKind, Work, call};

/// Where tasks can be submitted that borrow from the stack. Made by [`PoolHandle::scope`](crate::PoolHandle::scope), in the shape
/// of [`std::thread::scope`]: `'scope` is the scope's own life, `'env` that of what it borrows.
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    sched: &'env Sched,
    scope: ScopeRef,
    /// Invariant: neither can be made to seem longer or shorter.
    lives: PhantomData<(&'scope mut &'scope (), &'env mut &'env ())>,
}

impl<'scope> Scope<'scope, '_> {
    /// Submits work into the scope, once there is space for it.
    ///
    /// # Errors
    ///
    /// The work, if the pool does not take it.
    pub(crate) fn submit<W>(
        &'scope self,
        work: W,
    ) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
    where
        W: Work<After = ()> + Send + 'scope,
        W::Value: Send + 'scope,
        W::Error: Send + 'scope,
    {
        let place = place(self.sched.id);
        let outside = place != Place::Worker;
        match admit(self.sched, place, Tie::Nested, WhenFull::Wait) {
            Ok(None) => self.push_call(work, outside),
            Ok(Some(place)) => {
                self.push_call(Placed { work, place }, outside).map_err(|(kind, placed)| (kind, placed.work))
            }
            Err(kind) => Err((kind, work)),
        }
    }

    fn push_call<W>(
        &'scope self,
        work: W,
        outside: bool,
    ) -> Result<ResultRef<W::Value, W::Error>, (SubmitErrorKind, W)>
    where
        W: Work<After = ()> + Send + 'scope,
        W::Value: Send + 'scope,
        W::Error: Send + 'scope,
    {
        let sched = self.sched;
        let scoped = Scoped { work, pending: self.scope.begin() };
        // SAFETY: work and outcome are `Send`, and what they borrow lives for `'scope`. A `Scope` exists only in `in_scope`,
        // which ends `'scope` after it has waited until every task of the scope is done for good.
        let (task, result) = unsafe { Call::create(scoped, sched.id, outside) };
        match push(sched, [self.scope.push(task)]) {
            Ok(()) => Ok(result),
            // SAFETY: the handle is the one that `Call::<Scoped<W>>::create` made above.
            Err(kind) => match unsafe { Call::<Scoped<W>>::take_back(result) } {
                Ok(scoped) => Err((kind, scoped.work)),
                Err(result) => Ok(result),
            },
        }
    }
}

/// Runs `body` with a scope, and waits until all its tasks are done for good, whether `body` returns or panics.
///
/// A thread of the pool runs meanwhile those that nobody has begun: a worker, and also an initializer, since the frame must not
/// end before them, and nobody else may be there.
pub(crate) fn in_scope<'env, R>(
    sched: &'env Sched,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    let place = place(sched.id);
    let scope = Scope { sched, scope: ScopeRef::new(sched.id, place != Place::Worker), lives: PhantomData };
    let guard = Abort("a wait for a scope unwound");
    let result = call(|| body(&scope));
    match place {
        Place::Worker | Place::Member => {
            as_host(sched, |host| scope.scope.work_and_wait(host));
            take_back(sched.id, scope.scope.id(), scope.scope.tokens());
        }
        Place::Outside => scope.scope.wait(),
    }
    guard.disarm();
    result.unwrap_or_else(|panic| resume_unwind(panic.into_payload()))
}
