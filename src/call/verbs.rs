use std::convert::Infallible;

use super::Task;
use super::submit::call_and_wait;
use crate::block::{Job, SubmitError, TaskError};
use crate::pool::Pool;
use crate::result::AsyncResult;
use crate::sync::step;
use crate::worker::{self, Entrance};

/// One call.
impl Pool {
    /// Lets a worker call `f`, does not wait for that, and gives a handle to the result.
    ///
    /// It is Python's `apply_async`. [`task`](Self::task) does this with callbacks.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, or if it is full and [refuses](crate::Builder::when_full),
    /// the error holds `f` itself.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(1)?;
    /// let word = String::from("Hello world");
    /// let length = pool.apply_async(move || word.len())?;
    /// assert_eq!(length.get()?, 11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks while a pool with a [limit](crate::Builder::max_queued) is full, but
    /// not on one of the pool's own threads. Otherwise it never blocks. In asynchronous code
    /// [`reserve`](Self::reserve) waits instead, and blocks no thread. The call runs none of your
    /// code on this thread. It may wake a worker, which is a system call.
    ///
    /// The call allocates once for thirty-one calls of one size on one thread, or four times at
    /// once for 124 of them. So a result that is kept keeps the memory of its neighbours, less than
    /// 4 KiB. A call whose block is larger than 128 bytes has an allocation of its own. The queue
    /// allocates too as it grows.
    #[inline]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn apply_async<F, T>(&self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        step::call("apply_async");
        match worker::submit(self.sched(), Job::plain(f), None) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(self.sched().refused(kind, job.run.0)),
        }
    }

    /// Lets a worker call `f`, waits for that, and gives the value of `f`.
    ///
    /// It is Python's `apply`. `f` may borrow from the caller's stack. A caller that is a worker of
    /// the same pool calls `f` itself, at once.
    ///
    /// # Errors
    ///
    /// * [`TaskError::Panicked`] with the payload, if `f` panics.
    /// * [`TaskError::NotSubmitted`], if the pool takes no more work.
    /// * [`TaskError::Full`], if the pool is full and [refuses](crate::Builder::when_full).
    /// * [`TaskError::Terminated`] or [`TaskError::Broken`], if the pool ended before `f` began.
    /// * [`TaskError::WouldDeadlock`], if a thread of the pool calls this while it runs no task, as
    ///   in an initializer.
    ///
    /// # Cost
    ///
    /// The caller blocks until `f` has returned. The call allocates and wakes a worker as
    /// [`apply_async`](Self::apply_async) does, and runs none of your code on this thread. On a
    /// worker of the same pool it runs `f` on this thread, and does not allocate or wake a thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn apply<F, T>(&self, f: F) -> Result<T, TaskError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        step::call("apply");
        call_and_wait(self.sched(), Job::plain(f))
            .unwrap_or_else(|kind| Err(self.sched().not_submitted(kind)))
    }

    /// Lets a worker call `f`, and forgets it: no thread waits for the result.
    ///
    /// A panic of `f` goes to [`on_unobserved`](crate::Builder::on_unobserved), if the pool has it.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds `f` itself.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply_async`](Self::apply_async).
    #[inline]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn spawn<F>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }

    /// Makes a call with options, such as callbacks, and does not submit it: see [`Task`].
    ///
    /// # Cost
    ///
    /// The call wraps the function. It does not block, allocate, run your code or wake a thread.
    pub fn task<F, T>(&self, f: F) -> Task<impl FnOnce() -> Result<T, Infallible> + use<F, T>, T>
    where
        F: FnOnce() -> T,
    {
        Task::new(self.handle(), || Ok(f()), Entrance::Ask(None))
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
    pub fn try_apply_async<F, T, E>(&self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        step::call("try_apply_async");
        match worker::submit(self.sched(), Job::fallible(f), None) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(self.sched().refused(kind, job.run.0)),
        }
    }

    /// Does what [`apply`](Self::apply) does, for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Self::apply), and [`TaskError::Failed`] with the `Err` of `f`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply`](Self::apply).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_apply<F, T, E>(&self, f: F) -> Result<T, TaskError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send,
        T: Send,
        E: Send,
    {
        step::call("try_apply");
        call_and_wait(self.sched(), Job::fallible(f))
            .unwrap_or_else(|kind| Err(self.sched().not_submitted(kind)))
    }

    /// Does what [`task`](Self::task) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`task`](Self::task).
    pub fn try_task<F, T, E>(&self, f: F) -> Task<F, T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        Task::new(self.handle(), f, Entrance::Ask(None))
    }
}
