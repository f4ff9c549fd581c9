use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crate::block::{Fallible, Gate, Gated, Job, Notify, SubmitError, TaskError, Tell};
#[cfg(doc)]
use crate::pool::Pool;
use crate::pool::PoolHandle;
use crate::result::AsyncResult;
use crate::sched::WhenFull;
use crate::sync::step;
use crate::worker::{self, Entrance};

/// Collects the options of one call that was not submitted yet.
///
/// [`Pool::task`] and [`Pool::try_task`] make it.
///
/// `F` is the function, and `T` and `E` are the types that it returns. `C` and `D` are the
/// callbacks for the value and for the error, or `()` if the caller gave none. `G` is what the
/// pool asks before it calls the function, or `()`.
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
pub struct Task<F, T, E = Infallible, C = (), D = (), G = ()> {
    pub(super) pool: PoolHandle,
    pub(super) job: Job<Fallible<F>, T, E, C, D>,
    pub(super) gate: G,
    pub(super) entrance: Entrance,
}

impl<F, T, E> Task<F, T, E> {
    pub(super) fn new(pool: PoolHandle, f: F, entrance: Entrance) -> Self {
        let job = Job { run: Fallible(f), on_value: (), on_error: (), returns: PhantomData };
        Self { pool, job, gate: (), entrance }
    }
}

impl<F, T, E, D, G> Task<F, T, E, (), D, G> {
    /// Lets the worker that runs the task call `callback` with the value, if there is one.
    ///
    /// The worker calls it once, before the result becomes visible to any thread. If the callback
    /// panics, the result is [`TaskError::CallbackPanicked`].
    ///
    /// # Cost
    ///
    /// The call keeps the callback. It does not block, allocate, run your code or wake a thread.
    pub fn callback<C: FnOnce(&T)>(self, callback: C) -> Task<F, T, E, Tell<C>, D, G> {
        let Job { run, on_value: (), on_error, returns } = self.job;
        let job = Job { run, on_value: Tell(callback), on_error, returns };
        Task { pool: self.pool, job, gate: self.gate, entrance: self.entrance }
    }
}

impl<F, T, E, C, G> Task<F, T, E, C, (), G> {
    /// Lets the thread that ends the task call `callback` with the error, if there is one.
    ///
    /// That is the worker that ran the task, the thread that cancelled it or found it overdue, or
    /// the thread that terminated the pool. It calls the callback once, before the result becomes
    /// visible to any thread. If the callback panics, the result is
    /// [`TaskError::CallbackPanicked`] with the error as its cause.
    ///
    /// # Cost
    ///
    /// The call keeps the callback. It does not block, allocate, run your code or wake a thread.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(
        self,
        callback: D,
    ) -> Task<F, T, E, C, Tell<D>, G> {
        let Job { run, on_value, on_error: (), returns } = self.job;
        let job = Job { run, on_value, on_error: Tell(callback), returns };
        Task { pool: self.pool, job, gate: self.gate, entrance: self.entrance }
    }
}

impl<F, T, E, C, D, G> Task<F, T, E, C, D, G> {
    /// Lets a pool that is [full](crate::Builder::max_queued) refuse the task, if `yes`.
    ///
    /// The pool says [`SubmitErrorKind::Full`](crate::SubmitErrorKind::Full) then. If not `yes`, it
    /// lets the submitter wait. This is a short form of [`when_full`](Self::when_full). In a pool
    /// without a limit, and on the pool's own threads, this changes nothing.
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
    /// The call keeps a flag. It does not block, allocate, run your code or wake a thread.
    pub fn nonblocking(mut self, yes: bool) -> Self {
        self.entrance.set(if yes { WhenFull::Refuse } else { WhenFull::Wait });
        self
    }

    /// Sets what becomes of the task if the pool is [full](crate::Builder::max_queued).
    ///
    /// Without this call it is as the [builder](crate::Builder::when_full) of the pool has it. A
    /// task that was made by a [`Permit`](crate::Permit) has its place, so this changes nothing.
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.entrance.set(when_full);
        self
    }
}

impl<F, T, E, C, D, G> Task<F, T, E, C, D, G>
where
    F: FnOnce() -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    C: Notify<T> + Send + 'static,
    D: Notify<TaskError<E>> + Send + 'static,
    G: Gate + Send + 'static,
{
    /// Submits the call, and gives a handle to its result.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, or if it is full and the task does not
    /// [wait](Self::when_full), the error holds the task itself, with all that was set on it. A
    /// permit that the task was made by is used up.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::apply_async`]. It never blocks if the task does not
    /// [wait](Self::when_full), or if it was made by a permit. It runs no callback on this thread.
    #[inline]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn apply_async(self) -> Result<AsyncResult<T, E>, SubmitError<Self>> {
        step::call("apply_async");
        let Self { pool, job, mut gate, entrance } = self;
        gate.submitted();
        let again = entrance.again();
        match worker::submit_by(pool.sched(), Gated { work: job, gate }, entrance) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, Gated { work: job, gate })) => {
                let handle = pool.clone();
                let task = Self { pool, job, gate, entrance: again };
                Err(handle.sched().refused(kind, task))
            }
        }
    }
}

impl<F, T, E, C, D, G> fmt::Debug for Task<F, T, E, C, D, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("pool", &self.pool).finish_non_exhaustive()
    }
}
