use super::Scope;
use super::frame::in_scope;
use crate::block::{Job, SubmitError};
use crate::pool::Pool;
use crate::result::AsyncResult;

/// Tasks that borrow.
impl Pool {
    /// Runs `body` with a [`Scope`], through which it can submit tasks that borrow from the stack, and waits until all of them
    /// are done: whether `body` returns or panics, whatever became of the handles, and also if the pool is terminated meanwhile
    /// (then the tasks that had not begun are dropped).
    ///
    /// # Panics
    ///
    /// As `body` does, when all tasks are done. A panic of a task is its own handle's.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::new(2)?;
    /// let text = String::from("mill pond");
    /// let mut tally = [0; 2];
    /// let (first, second) = tally.split_at_mut(1);
    /// pool.scope(|s| {
    ///     s.spawn(|| first[0] = text.matches('l').count()).unwrap();
    ///     s.spawn(|| second[0] = text.matches('o').count()).unwrap();
    /// });
    /// assert_eq!(tally, [2, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Runs `body` on this thread, and blocks until all tasks of the scope are done. A worker of the same pool runs meanwhile those
    /// that no worker has begun, and so does an initializer. Allocates the scope's block; for its tasks as
    /// [`apply_async`](Pool::apply_async).
    pub fn scope<'env, F, R>(&'env self, body: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        in_scope(self.sched(), body)
    }
}

impl<'scope> Scope<'scope, '_> {
    /// As [`Pool::apply_async`], and `f` may borrow what outlives the scope.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Cost
    ///
    /// As [`Pool::apply_async`].
    pub fn apply_async<F, T>(&'scope self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match self.submit(Job::plain(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// As [`apply_async`](Self::apply_async) for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Cost
    ///
    /// As for [`apply_async`](Self::apply_async).
    pub fn try_apply_async<F, T, E>(&'scope self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'scope,
        T: Send + 'scope,
        E: Send + 'scope,
    {
        match self.submit(Job::fallible(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// As [`Pool::spawn`], and `f` may borrow what outlives the scope.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Cost
    ///
    /// As for [`apply_async`](Self::apply_async).
    pub fn spawn<F>(&'scope self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'scope,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }
}
