use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::AsyncResult;
use crate::block::TaskError;

/// A handle that cancels its task when it is dropped: see [`AsyncResult::cancel_on_drop`].
///
/// It is a [`Future`] as the handle is, and dereferences to the handle for every method that
/// borrows it.
#[must_use = "dropping it cancels the task"]
pub struct CancelOnDrop<T, E = Infallible> {
    handle: AsyncResult<T, E>,
}

impl<T, E> AsyncResult<T, E> {
    /// Lets the drop of this handle cancel the task, as [`cancel`](Self::cancel) does.
    ///
    /// A caller that gives up waiting so leaves nothing queued. The future of a web request that
    /// timed out is such a caller.
    ///
    /// What the drop does depends on the task, or the batch:
    ///
    /// * If it has not begun, the drop drops the function, and the error callback hears of
    ///   [`TaskError::Cancelled`].
    /// * If it is running, it goes on to its end, callbacks included, and its outcome is dropped
    ///   then. [`is_cancelled`](crate::is_cancelled) says yes to it from now on. Items of a batch
    ///   that have not begun are dropped.
    /// * If it is done, the drop drops the outcome.
    ///
    /// A guard that was awaited to its end does nothing when it is dropped.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::new(1)?;
    /// let (release, held) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.apply_async(move || _ = held.recv())?; // keeps the worker
    /// let patient = pool.apply_async(|| 6 * 7)?.cancel_on_drop();
    /// drop(pool.apply_async(|| unreachable!("given up"))?.cancel_on_drop());
    /// drop(release);
    /// busy.get()?;
    /// assert_eq!(pollster::block_on(patient)?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call wraps the handle. It does not block, allocate, run your code or wake a thread. The
    /// drop costs as much as [`cancel`](Self::cancel), on the thread that drops the guard: it may
    /// run your error callback there.
    pub fn cancel_on_drop(self) -> CancelOnDrop<T, E> {
        CancelOnDrop { handle: self }
    }
}

impl<T, E> CancelOnDrop<T, E> {
    /// Gives the handle back. Its drop cancels nothing.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(1)?;
    /// let guard = pool.apply_async(|| 6 * 7)?.cancel_on_drop();
    /// assert_eq!(guard.into_inner().get()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call moves the handle. It does not block, allocate, run your code or wake a thread.
    pub fn into_inner(mut self) -> AsyncResult<T, E> {
        // The drop of an empty handle cancels nothing.
        AsyncResult { result: self.handle.result.take() }
    }
}

impl<T, E> Deref for CancelOnDrop<T, E> {
    type Target = AsyncResult<T, E>;

    fn deref(&self) -> &AsyncResult<T, E> {
        &self.handle
    }
}

/// Gives the outcome as the handle does: see [`AsyncResult`].
///
/// # Panics
///
/// A poll after the guard was ready panics: "result already taken".
impl<T, E> Future for CancelOnDrop<T, E> {
    type Output = Result<T, TaskError<E>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(context)
    }
}

impl<T, E> Drop for CancelOnDrop<T, E> {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}

impl<T, E> fmt::Debug for CancelOnDrop<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelOnDrop").field(&self.handle).finish()
    }
}
