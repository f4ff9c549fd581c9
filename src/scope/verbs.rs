use super::Scope;
use super::frame::in_scope;
use crate::block::{Job, SubmitError};
use crate::pool::Pool;
use crate::result::AsyncResult;
use crate::sched::WhenFull;
use crate::sync::step;

/// Tasks that borrow.
impl Pool {
    /// Runs `body`, which submits tasks that borrow from the stack, and waits until all are done.
    ///
    /// `body` submits them through the [`Scope`] that it is given. The caller waits for them
    /// whether `body` returns or panics, and even if the handles are gone. It also waits if
    /// another thread terminates the pool meanwhile. The tasks that had not begun are dropped
    /// then.
    ///
    /// # Panics
    ///
    /// If `body` panics, its panic goes on from here when all tasks are done. The panic of a task
    /// goes to the task's own handle.
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
    /// The caller blocks until all tasks of the scope are done. The call allocates the scope's
    /// block. It runs `body` on this thread. A worker of the same pool runs the tasks that no
    /// thread has begun on this thread too, and so does a thread in an initializer. The call
    /// itself wakes no thread. Each submission to the scope costs as much as
    /// [`apply_async`](Pool::apply_async).
    pub fn scope<'env, F, R>(&'env self, body: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        in_scope(self.sched(), None, body)
    }
}

impl Pool {
    /// Does what [`scope`](Self::scope) does, and says what becomes of its submissions if the pool
    /// is [full](crate::Builder::max_queued).
    ///
    /// [`scope`](Self::scope) itself does as the [builder](crate::Builder::when_full) of the pool
    /// has it.
    ///
    /// # Panics
    ///
    /// If `body` panics, its panic goes on from here when all tasks are done.
    ///
    /// ```
    /// use millpond::{ThreadPool, WhenFull};
    /// let pool = ThreadPool::builder().workers(1).max_queued(1).build()?;
    /// let jobs = [1, 2, 3];
    /// let taken = pool.scope_when_full(WhenFull::Refuse, |s| {
    ///     // The pool may be too busy for some of them.
    ///     jobs.iter().filter(|job| s.spawn(|| assert!(**job < 4)).is_ok()).count()
    /// });
    /// assert!(taken >= 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call costs as much as [`scope`](Self::scope).
    pub fn scope_when_full<'env, F, R>(&'env self, when_full: WhenFull, body: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        in_scope(self.sched(), Some(when_full), body)
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Does what [`Pool::apply_async`] does, and `f` may borrow data that outlives the scope.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds `f` itself.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::apply_async`]. The scope's own queue allocates too as it
    /// grows. If the scope's frame waits on a thread of the pool, the call wakes it, which is a
    /// system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn apply_async<F, T>(&'scope self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        step::call("apply_async");
        match self.submit(Job::plain(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(self.sched().refused(kind, job.run.0)),
        }
    }

    /// Does what [`apply_async`](Self::apply_async) does, for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds `f` itself.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply_async`](Self::apply_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_apply_async<F, T, E>(&'scope self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'scope,
        T: Send + 'scope,
        E: Send + 'scope,
    {
        step::call("try_apply_async");
        match self.submit(Job::fallible(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(self.sched().refused(kind, job.run.0)),
        }
    }

    /// Does what [`Pool::spawn`] does, and `f` may borrow data that outlives the scope.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds `f` itself.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply_async`](Self::apply_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn spawn<F>(&'scope self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'scope,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }
}
