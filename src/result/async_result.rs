use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::block::{Reason, ResultRef, TaskError};
use crate::sync::clock::Deadline;
use crate::worker;

/// The result of a task or a batch, there or on its way.
///
/// It is what Python's `apply_async`, `map_async` and `starmap_async` return. Dropping it does not cancel anything: the
/// work runs, and its result is dropped. It does not keep the pool alive, and outlives it: when the pool goes away without
/// having run the work, the result is [`TaskError::Terminated`].
///
/// It takes eight bytes and is `Send` and `Sync` if `T` and `E` are `Send`: any number of threads may
/// [`wait`](Self::wait) for it.
///
/// It is also a [`Future`], of no particular runtime.
///
/// # Blocking
///
/// Waiting spins for at most about 1.5 µs and then blocks the thread; it does not allocate. A worker that waits without a
/// time limit for work of its own pool first does, itself, whatever of the awaited work nobody has started, and nothing
/// else; so nesting never deadlocks. A wait with a time limit never runs user code.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let answer = pool.apply_async(|| 6 * 7)?;
/// answer.wait();
/// assert!(answer.ready());
/// assert_eq!(answer.get()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the work runs, but its result and its error are lost; say `detach()` if that is meant"]
pub struct AsyncResult<T, E = Infallible> {
    /// Empty once polled to the end.
    result: Option<ResultRef<T, E>>,
}

/// How far a batch or a stream has come, in items. A call is one item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Items that are done, however they ended. Of a stream: that were yielded.
    pub done: usize,
    /// Items that there are. Of a stream: that were pulled so far.
    pub total: usize,
}

/// The task is not ready. Python raises `ValueError` here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotReady;

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not ready")
    }
}

impl Error for NotReady {}

/// The time is up and the result is not there; here is the handle back. The task goes on.
pub struct Timeout<H>(pub H);

impl<H> fmt::Debug for Timeout<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timeout")
    }
}

impl<H> fmt::Display for Timeout<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the result was not ready in time")
    }
}

impl<H> Error for Timeout<H> {}

impl<T, E> AsyncResult<T, E> {
    pub(crate) fn new(result: ResultRef<T, E>) -> Self {
        Self { result: Some(result) }
    }

    #[inline]
    pub(super) fn result(&self) -> &ResultRef<T, E> {
        self.result.as_ref().expect("result already taken")
    }

    #[inline]
    fn into_result(mut self) -> ResultRef<T, E> {
        self.result.take().expect("result already taken")
    }

    /// Ready when the task is done; the result stays. Until then the last waker given is woken when it is.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.result.as_mut().expect("result already taken").poll(context.waker())
    }

    /// The waker that was given last hears nothing any more. Ready if the task is done instead.
    pub(super) fn forget_waker(&mut self) -> Poll<()> {
        self.result.as_mut().expect("result already taken").forget_waker()
    }

    /// As a worker of the task's pool: does what nobody has started of it. False if there is nothing, or this is no worker of
    /// it.
    pub(super) fn help(&self) -> bool {
        worker::help_with(self.result())
    }

    /// Waits for the result and takes it.
    ///
    /// # Errors
    ///
    /// Why there is none; [`TaskError::WouldDeadlock`] if the calling thread could only wait for ever.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    ///
    /// # Blocking
    ///
    /// See [the type](Self#blocking).
    #[inline]
    pub fn get(self) -> Result<T, TaskError<E>> {
        let result = self.into_result();
        if !worker::wait_for(&result) {
            return Err(TaskError::WouldDeadlock);
        }
        result.take_done().unwrap_or_else(|_| unreachable!("waited for"))
    }

    /// Waits for the result up to `limit` and takes it. The limit may be zero, and may be longer than the clock can say.
    ///
    /// # Errors
    ///
    /// [`Timeout`] with the handle, if the time is up: the task goes on, and the handle is as good as before.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    ///
    /// # Blocking
    ///
    /// Blocks for up to `limit`, which on a busy system can be late by a scheduling delay; runs no user code.
    pub fn get_timeout(self, limit: Duration) -> Result<Result<T, TaskError<E>>, Timeout<Self>> {
        self.wait_timeout(limit);
        self.try_get()
    }

    /// Takes the result if it is there.
    ///
    /// # Errors
    ///
    /// [`Timeout`] with the handle, if it is not.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    ///
    /// # Blocking
    ///
    /// Never.
    pub fn try_get(self) -> Result<Result<T, TaskError<E>>, Timeout<Self>> {
        self.into_result().take_done().map_err(|result| Timeout(Self::new(result)))
    }

    /// Waits until the task is done, however it ended. False if the calling thread could only wait for ever (where
    /// [`get`](Self::get) says [`TaskError::WouldDeadlock`]). True also if the result was taken by polling the handle to the end.
    ///
    /// # Blocking
    ///
    /// See [the type](Self#blocking).
    pub fn wait(&self) -> bool {
        self.result.as_ref().is_none_or(worker::wait_for)
    }

    /// Waits until the task is done, however it ended, or until the time is up; says whether it is done. True also if the result
    /// was taken by polling the handle to the end.
    ///
    /// # Blocking
    ///
    /// Blocks for up to `limit`; runs no user code.
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        let Some(result) = &self.result else { return true };
        if limit.is_zero() {
            return result.load().is_done();
        }
        result.wait(Deadline::after(limit).as_ref())
    }

    /// Whether the task is done, however it ended. Its effects are visible then. True also if the result was taken by polling the
    /// handle to the end.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.result.as_ref().is_none_or(|result| result.load().is_done())
    }

    /// Whether the task ended with a value.
    ///
    /// # Errors
    ///
    /// If it is not done.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    pub fn successful(&self) -> Result<bool, NotReady> {
        let seen = self.result().load();
        if seen.is_done() { Ok(seen.is_value()) } else { Err(NotReady) }
    }

    /// Keeps what has not started from starting; true if there was any of it.
    ///
    /// A call that had not started never will: its closure has been dropped, its error callback has run, here, and its result
    /// is [`TaskError::Cancelled`]. Of a batch, the items that had not started are dropped; when the running ones are done, its
    /// error callback runs and its result is [`TaskError::Cancelled`], unless an item had failed before. Items that a worker has
    /// taken along are dropped too, before the next of them begins; if there are no others, this is false though the result is
    /// `Cancelled`.
    ///
    /// False if the result was taken by polling the handle to the end. False also in the child of a
    /// fork, for a task of the parent's: there it does nothing.
    ///
    /// # Blocking
    ///
    /// Never, but for what the error callback and the closure's `Drop` do; their panics are contained.
    ///
    /// What is running is not interrupted; it can ask [`is_cancelled`](crate::is_cancelled) whether this was called.
    pub fn cancel(&self) -> bool {
        let Some(result) = &self.result else { return false };
        if worker::is_foreign(result.pool()) {
            return false;
        }
        let kept = result.resolve(Reason::Cancelled);
        result.ask();
        kept
    }

    /// How far it has come.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (done, total) = self.result().progress();
        Progress { done, total }
    }

    /// Whether the task ended by [`cancel`](Self::cancel), also if its error callback then panicked.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.result().load().is_cancelled()
    }

    /// The result, if it is there, left where it is.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    #[must_use]
    pub fn peek(&self) -> Option<&Result<T, TaskError<E>>>
    where
        T: Sync,
        E: Sync,
    {
        self.result().peek_done()
    }

    /// The result, if it is there, left where it is.
    ///
    /// # Panics
    ///
    /// If the result was taken by polling the handle to the end.
    #[must_use]
    pub fn peek_mut(&mut self) -> Option<&mut Result<T, TaskError<E>>> {
        self.result.as_mut().expect("result already taken").peek_done_mut()
    }

    /// Lets the work run without anybody waiting for it. The same as dropping the handle, but says so.
    pub fn detach(self) {}
}

/// Ready when the task is done, however it ended. The last waker given is woken, once. Dropping the future detaches the
/// task; it does not cancel it. Polling does not run the task: on a worker of the same pool, `block_on` of a handle can wait
/// for a task that only this worker could run; use [`get`](AsyncResult::get) there.
///
/// # Panics
///
/// If polled again after it was ready: "result already taken".
impl<T, E> Future for AsyncResult<T, E> {
    type Output = Result<T, TaskError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.result.as_mut().expect("result already taken");
        if result.poll(context.waker()).is_pending() {
            return Poll::Pending;
        }
        match self.result.take().map(ResultRef::take_done) {
            Some(Ok(outcome)) => Poll::Ready(outcome),
            _ => unreachable!("it is done"),
        }
    }
}

// After a panic elsewhere a handle is as good as before: what it shows is either untouched or complete.
impl<T, E> UnwindSafe for AsyncResult<T, E> {}
impl<T, E> RefUnwindSafe for AsyncResult<T, E> {}

// The handle is no more than an address: nothing is pinned in it.
impl<T, E> Unpin for AsyncResult<T, E> {}

impl<T, E> fmt::Debug for AsyncResult<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncResult").field(&self.result).finish()
    }
}
