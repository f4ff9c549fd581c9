use std::convert::Infallible;

use super::Task;
use crate::block::{Job, Outcome, SubmitError, SubmitErrorKind, TaskError, Work};
use crate::pool::Pool;
use crate::result::AsyncResult;
use crate::sched::{Sched, WhenFull};
use crate::worker::{self, Place, Tie};

/// One call.
impl Pool {
    /// Has `f` called on a worker, and does not wait for that. Python's `apply_async`; with callbacks it is
    /// [`task`](Self::task).
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
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
    /// Blocks while a pool with a [limit](crate::Builder::max_queued) is full, else never. May wake a worker, which is a system
    /// call. Runs none of your code on this thread.
    ///
    /// Allocates once for thirty-one calls of the same size on one thread. So a result that is kept keeps the memory of its
    /// neighbours, less than 4 KiB. A call whose block is larger than 128 bytes has an allocation of its own.
    #[inline]
    pub fn apply_async<F, T>(&self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match worker::submit(self.sched(), Job::plain(f), WhenFull::Wait) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// Calls `f` on a worker, waits, and gives its value. `f` may borrow from the caller's stack. Python's `apply`.
    ///
    /// On a worker of the same pool `f` is called at once, on the spot.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] with the payload if `f` panics, [`TaskError::NotSubmitted`] if the pool takes no more work,
    /// [`TaskError::Terminated`] or [`TaskError::Broken`] if the pool ended before `f` began.
    ///
    /// # Cost
    ///
    /// Blocks until `f` has returned. Allocates and wakes as [`apply_async`](Self::apply_async). On a worker of the same pool it
    /// does neither, and runs `f` on this thread.
    pub fn apply<F, T>(&self, f: F) -> Result<T, TaskError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        call_and_wait(self.sched(), Job::plain(f))
            .unwrap_or_else(|kind| Err(TaskError::refused(kind)))
    }

    /// Has `f` called on a worker, and forgets it: for what nobody waits for. A panic in it is dropped.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Cost
    ///
    /// Blocks, allocates and wakes as [`apply_async`](Self::apply_async).
    #[inline]
    pub fn spawn<F>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }

    /// A call with options: see [`Task`].
    ///
    /// # Cost
    ///
    /// Wraps the function: does not block, allocate, wake or run your code.
    pub fn task<F, T>(&self, f: F) -> Task<impl FnOnce() -> Result<T, Infallible> + use<F, T>, T>
    where
        F: FnOnce() -> T,
    {
        Task::new(self, || Ok(f()))
    }

    /// As [`apply_async`](Self::apply_async), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Cost
    ///
    /// As [`apply_async`](Self::apply_async).
    pub fn try_apply_async<F, T, E>(&self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        match worker::submit(self.sched(), Job::fallible(f), WhenFull::Wait) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// As [`apply`](Self::apply), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply), and [`TaskError::Failed`] with what `f` returned.
    ///
    /// # Cost
    ///
    /// As [`apply`](Self::apply).
    pub fn try_apply<F, T, E>(&self, f: F) -> Result<T, TaskError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send,
        T: Send,
        E: Send,
    {
        call_and_wait(self.sched(), Job::fallible(f))
            .unwrap_or_else(|kind| Err(TaskError::refused(kind)))
    }

    /// As [`task`](Self::task), for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// As [`task`](Self::task).
    pub fn try_task<F, T, E>(&self, f: F) -> Task<F, T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        Task::new(self, f)
    }
}

/// Submits work and waits for its outcome. The work may borrow from the caller's frames.
///
/// # Errors
///
/// Why the pool does not take the work; nothing stands for "waiting would never end".
fn call_and_wait<W>(
    sched: &Sched,
    work: W,
) -> Result<Outcome<W::Value, W::Error>, Option<SubmitErrorKind>>
where
    W: Work + Send,
    W::Value: Send,
    W::Error: Send,
{
    let place = worker::place(sched.id);
    worker::refusal(sched, place, Tie::Nested).map_err(Some)?;
    match place {
        // A worker would wait for what it can as well do itself.
        Place::Worker => return Ok(work.run().0),
        Place::Member => return Err(None),
        Place::Outside => {}
    }
    // SAFETY: the work is `Send`, and this frame does not end before the task is DONE: nothing below returns or unwinds
    // before the wait is over.
    let result =
        unsafe { worker::submit_borrowing(sched, work, Tie::Async, WhenFull::Wait, |task| task) }
            .map_err(|(kind, _)| Some(kind))?;
    Ok(worker::outcome_of_borrowed(result))
}
