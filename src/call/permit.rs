use std::convert::Infallible;

use super::Task;
use crate::block::{Job, SubmitError};
use crate::pool::Permit;
use crate::result::AsyncResult;
use crate::sync::step;
use crate::worker;

/// One call, by a place that is reserved.
impl Permit {
    /// Does what [`Pool::apply_async`](crate::Pool::apply_async) does, at once: it never waits for
    /// a place.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds `f` itself. It is never
    /// [`Full`](crate::SubmitErrorKind::Full).
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// use std::time::Duration;
    /// let pool = ThreadPool::builder().workers(1).max_queued(1).build()?;
    /// let permit = pool.reserve_timeout(Duration::MAX)?;
    /// pool.close();
    /// let refused = permit.apply_async(|| 6 * 7).unwrap_err();
    /// assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    /// assert_eq!(refused.into_task()(), 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call never blocks but for a lock, which other threads hold for a moment. Otherwise it
    /// costs as much as [`Pool::apply_async`](crate::Pool::apply_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn apply_async<F, T>(self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        step::call("apply_async");
        let (pool, entrance) = self.into_parts();
        match worker::submit_by(pool.sched(), Job::plain(f), entrance) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// Does what [`apply_async`](Self::apply_async) does, for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// Those of [`apply_async`](Self::apply_async).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply_async`](Self::apply_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_apply_async<F, T, E>(self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        step::call("try_apply_async");
        let (pool, entrance) = self.into_parts();
        match worker::submit_by(pool.sched(), Job::fallible(f), entrance) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// Does what [`Pool::spawn`](crate::Pool::spawn) does, at once: it never waits for a place.
    ///
    /// # Errors
    ///
    /// Those of [`apply_async`](Self::apply_async).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`apply_async`](Self::apply_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn spawn<F>(self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }

    /// Makes a call with options, such as callbacks, and does not submit it: see [`Task`].
    ///
    /// The task has the permit's place until it is submitted or dropped.
    ///
    /// # Cost
    ///
    /// The call wraps the function. It does not block, allocate, run your code or wake a thread.
    pub fn task<F, T>(self, f: F) -> Task<impl FnOnce() -> Result<T, Infallible> + use<F, T>, T>
    where
        F: FnOnce() -> T,
    {
        let (pool, entrance) = self.into_parts();
        Task::new(pool, || Ok(f()), entrance)
    }

    /// Does what [`task`](Self::task) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`task`](Self::task).
    pub fn try_task<F, T, E>(self, f: F) -> Task<F, T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        let (pool, entrance) = self.into_parts();
        Task::new(pool, f, entrance)
    }
}
