use std::fmt;
use std::marker::PhantomData;

use super::{AsyncResult, PoolHandle};
use crate::task::{Job, Notify, Run, SubmitError, TaskError, Tell};
use crate::worker;

/// One call with options, not yet submitted. Made by [`PoolHandle::task`].
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let result = pool
///     .task(|| 6 * 7)
///     .callback(|answer| println!("the answer is {answer}"))
///     .error_callback(|error| eprintln!("there is none: {error}"))
///     .apply_async()?;
/// assert_eq!(result.get()?, 42); // the callback has returned
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs until `apply_async`"]
pub struct Task<R, T, E, C = (), D = ()> {
    pool: PoolHandle,
    job: Job<R, T, E, C, D>,
    nonblocking: bool,
}

impl<R, T, E> Task<R, T, E> {
    pub(super) fn new(pool: &PoolHandle, run: R) -> Self {
        let job = Job { run, on_value: (), on_error: (), returns: PhantomData };
        Self { pool: pool.clone(), job, nonblocking: false }
    }
}

impl<R, T, E, D> Task<R, T, E, (), D> {
    /// Calls `callback` with the value, if there is one: once, on the worker that ran the task, before the result becomes
    /// visible to anybody. If it panics the result is [`TaskError::CallbackPanicked`].
    pub fn callback<C: FnOnce(&T)>(self, callback: C) -> Task<R, T, E, Tell<C>, D> {
        let Job { run, on_value: (), on_error, returns } = self.job;
        let job = Job { run, on_value: Tell(callback), on_error, returns };
        Task { pool: self.pool, job, nonblocking: self.nonblocking }
    }
}

impl<R, T, E, C> Task<R, T, E, C, ()> {
    /// Calls `callback` with the error, if there is one: once, before the result becomes visible to anybody, on the worker
    /// that ran the task or on the thread that cancelled it or terminated the pool. If it panics the result is
    /// [`TaskError::CallbackPanicked`] with the error as its cause.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(self, callback: D) -> Task<R, T, E, C, Tell<D>> {
        let Job { run, on_value, on_error: (), returns } = self.job;
        let job = Job { run, on_value, on_error: Tell(callback), returns };
        Task { pool: self.pool, job, nonblocking: self.nonblocking }
    }
}

impl<R, T, E, C, D> Task<R, T, E, C, D> {
    /// Whether a pool that is [full](crate::Builder::max_queued) refuses the task, with
    /// [`SubmitErrorKind::Full`](crate::SubmitErrorKind::Full), instead of letting the submitter wait, as it does if this is not
    /// called. Of a pool without a limit, and on the pool's own threads, it changes nothing.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// let pool = ThreadPool::builder().workers(1).max_queued(1).build()?;
    /// let (release, held) = std::sync::mpsc::channel::<()>();
    /// pool.spawn(move || _ = held.recv())?; // keeps the worker
    /// let refused = loop {
    ///     match pool.task(|| 6 * 7).nonblocking(true).apply_async() {
    ///         Ok(result) => result.detach(),
    ///         Err(refused) => break refused,
    ///     }
    /// };
    /// assert_eq!(refused.kind(), SubmitErrorKind::Full);
    /// drop(release);
    /// let result = refused.into_task().nonblocking(false).apply_async()?; // waits now
    /// assert_eq!(result.get()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nonblocking(mut self, yes: bool) -> Self {
        self.nonblocking = yes;
        self
    }
}

impl<R, T, E, C, D> Task<R, T, E, C, D>
where
    R: Run<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    C: Notify<T> + Send + 'static,
    D: Notify<TaskError<E>> + Send + 'static,
{
    /// Submits the call.
    ///
    /// # Errors
    ///
    /// The task itself, with all that was set on it, if the pool takes no more work, or if it is full and the task is
    /// [`nonblocking`](Self::nonblocking).
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full; if the task is [`nonblocking`](Self::nonblocking), never.
    /// Allocates as [`PoolHandle::apply_async`](crate::PoolHandle::apply_async). May wake a worker, which is a system call.
    #[inline]
    pub fn apply_async(self) -> Result<AsyncResult<T, E>, SubmitError<Self>> {
        let Self { pool, job, nonblocking } = self;
        let submitted = if nonblocking {
            worker::submit_nonblocking(pool.sched(), job)
        } else {
            worker::submit(pool.sched(), job)
        };
        match submitted {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, Self { pool, job, nonblocking })),
        }
    }
}

impl<R, T, E, C, D> fmt::Debug for Task<R, T, E, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("pool", &self.pool).finish_non_exhaustive()
    }
}
