use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crate::block::{Fallible, Job, Notify, SubmitError, TaskError, Tell};
use crate::pool::{Pool, PoolHandle};
use crate::result::AsyncResult;
use crate::sched::WhenFull;
use crate::worker;

/// One call with options, not yet submitted. Made by [`Pool::task`] and [`Pool::try_task`].
///
/// `F` is the function, `T` and `E` what it returns. `C` and `D` are the callbacks for the value and for the error, `()` where none
/// was given.
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
pub struct Task<F, T, E = Infallible, C = (), D = ()> {
    pool: PoolHandle,
    job: Job<Fallible<F>, T, E, C, D>,
    when_full: WhenFull,
}

impl<F, T, E> Task<F, T, E> {
    pub(super) fn new(pool: &Pool, f: F) -> Self {
        let job = Job { run: Fallible(f), on_value: (), on_error: (), returns: PhantomData };
        Self { pool: pool.handle(), job, when_full: WhenFull::Wait }
    }
}

impl<F, T, E, D> Task<F, T, E, (), D> {
    /// Calls `callback` with the value, if there is one: once, on the worker that ran the task, before the result becomes
    /// visible to anybody. If it panics the result is [`TaskError::CallbackPanicked`].
    ///
    /// # Cost
    ///
    /// Keeps the callback: does not block, allocate, wake or run your code.
    pub fn callback<C: FnOnce(&T)>(self, callback: C) -> Task<F, T, E, Tell<C>, D> {
        let Job { run, on_value: (), on_error, returns } = self.job;
        let job = Job { run, on_value: Tell(callback), on_error, returns };
        Task { pool: self.pool, job, when_full: self.when_full }
    }
}

impl<F, T, E, C> Task<F, T, E, C, ()> {
    /// Calls `callback` with the error, if there is one: once, before the result becomes visible to anybody, on the worker
    /// that ran the task or on the thread that cancelled it or terminated the pool. If it panics the result is
    /// [`TaskError::CallbackPanicked`] with the error as its cause.
    ///
    /// # Cost
    ///
    /// Keeps the callback: does not block, allocate, wake or run your code.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(
        self,
        callback: D,
    ) -> Task<F, T, E, C, Tell<D>> {
        let Job { run, on_value, on_error: (), returns } = self.job;
        let job = Job { run, on_value, on_error: Tell(callback), returns };
        Task { pool: self.pool, job, when_full: self.when_full }
    }
}

impl<F, T, E, C, D> Task<F, T, E, C, D> {
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
    ///
    /// # Cost
    ///
    /// Keeps a flag: does not block, allocate, wake or run your code.
    pub fn nonblocking(mut self, yes: bool) -> Self {
        self.when_full = if yes { WhenFull::Refuse } else { WhenFull::Wait };
        self
    }
}

impl<F, T, E, C, D> Task<F, T, E, C, D>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
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
    /// # Cost
    ///
    /// As [`Pool::apply_async`]. If the task is [`nonblocking`](Self::nonblocking), never blocks.
    #[inline]
    pub fn apply_async(self) -> Result<AsyncResult<T, E>, SubmitError<Self>> {
        let Self { pool, job, when_full } = self;
        match worker::submit(pool.sched(), job, when_full) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, Self { pool, job, when_full })),
        }
    }
}

impl<F, T, E, C, D> fmt::Debug for Task<F, T, E, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("pool", &self.pool).finish_non_exhaustive()
    }
}
