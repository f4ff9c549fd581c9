use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::progress::Progress;
use crate::block::{Reason, ResultRef, TaskError};
use crate::sched::end_burst;
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::worker;

/// Stands for the result of a task or a batch, which is there or on its way.
///
/// Python's `apply_async`, `map_async` and `starmap_async` return it. Dropping the handle cancels
/// nothing: the work runs, and its result is dropped. [`cancel_on_drop`](Self::cancel_on_drop)
/// changes that. The handle does not keep the pool alive, and may outlive it. If the pool goes
/// away before it has run the work, the result is [`TaskError::Terminated`].
///
/// A handle takes eight bytes. It is `Send` and `Sync` if `T` and `E` are `Send`, so any number of
/// threads may [`wait`](Self::wait) for it.
///
/// It is also a [`Future`], of no particular runtime.
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
///
/// # Cost
///
/// A thread that waits spins for at most about 1.5 µs, and then blocks. It does not allocate.
///
/// A worker that waits without a time limit for work of its own pool works first: it does, itself,
/// all of the awaited work that no thread has started, and nothing else. So nesting never
/// deadlocks. That runs your code on the waiting thread, and wakes the threads that wait for this
/// work. A wait with a time limit runs none of your code and wakes no thread.
///
/// A task with a deadline is the exception: see [`start_by`](crate::Task::start_by). A thread that
/// waits beyond the deadline resolves the task, if no thread has begun it.
#[must_use = "the work runs, but its result is lost; call `detach()` if that is meant"]
pub struct AsyncResult<T, E = Infallible> {
    /// Empty once the handle was polled to the end.
    pub(super) result: Option<ResultRef<T, E>>,
}

/// Says that the task is not done. Python raises `ValueError` here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotReady;

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not ready")
    }
}

impl Error for NotReady {}

/// Gives the handle back when the time is up and the result is not there. The task goes on.
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

    /// Says whether the task is done, and leaves the result where it is. If it is not done, the
    /// completer will wake the waker that was given last.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.result.as_mut().expect("result already taken").poll(context.waker())
    }

    /// Drops the waker that was given last, so that it hears nothing any more. Ready if the task is
    /// done instead.
    pub(super) fn forget_waker(&mut self) -> Poll<()> {
        self.result.as_mut().expect("result already taken").forget_waker()
    }

    /// Does what no thread has started of the task, if the caller is a worker of the task's pool.
    /// False if there is nothing to do, or if the caller is no such worker.
    pub(super) fn help(&self) -> bool {
        worker::help_with(self.result())
    }

    /// Waits for the result and takes it.
    ///
    /// # Errors
    ///
    /// The error says why there is no value. It is [`TaskError::WouldDeadlock`] if the calling
    /// thread could only wait for ever.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The caller blocks until the task is done. The call does not allocate. A worker of the task's
    /// pool runs the task on this thread if no thread has started it: see [the type](Self#cost).
    #[inline]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn get(self) -> Result<T, TaskError<E>> {
        step::wait("get");
        let result = self.into_result();
        if !worker::wait_for(&result) {
            return Err(TaskError::WouldDeadlock);
        }
        result.take_done().unwrap_or_else(|_| unreachable!("waited for"))
    }

    /// Waits for the result up to `limit`, and takes it.
    ///
    /// The limit may be zero, and may be longer than the clock can say.
    ///
    /// # Errors
    ///
    /// [`Timeout`] with the handle, if the time is up. The task goes on, and the handle is as good
    /// as before.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`. On a busy system it may return late, by a scheduling
    /// delay. The call does not allocate, run your code or wake a thread, except for a task that is
    /// overdue: see [the type](Self#cost).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn get_timeout(self, limit: Duration) -> Result<Result<T, TaskError<E>>, Timeout<Self>> {
        self.wait_timeout(limit);
        self.try_get()
    }

    /// Takes the result if it is there, and does not wait for it.
    ///
    /// # Errors
    ///
    /// [`Timeout`] with the handle, if the result is not there.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call does not block, allocate, run your code or wake a thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_get(self) -> Result<Result<T, TaskError<E>>, Timeout<Self>> {
        step::call("try_get");
        self.into_result().take_done().map_err(|result| Timeout(Self::new(result)))
    }

    /// Waits until the task is done, however it ended.
    ///
    /// It returns false if the calling thread could only wait for ever, where [`get`](Self::get)
    /// says [`TaskError::WouldDeadlock`]. It returns true also if polling the handle to the end has
    /// taken the result.
    ///
    /// # Cost
    ///
    /// The caller blocks until the task is done. The call does not allocate. A worker of the task's
    /// pool runs the task on this thread if no thread has started it: see [the type](Self#cost).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn wait(&self) -> bool {
        step::wait("wait");
        self.result.as_ref().is_none_or(worker::wait_for)
    }

    /// Waits until the task is done, however it ended, or until the time is up.
    ///
    /// It says whether the task is done. It returns true also if polling the handle to the end has
    /// taken the result.
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`. The call does not allocate, run your code or wake a
    /// thread, except for a task that is overdue: see [the type](Self#cost).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        step::call("wait_timeout");
        let Some(result) = &self.result else { return true };
        if limit.is_zero() {
            return result.load().is_done();
        }
        end_burst();
        result.wait(Deadline::after(limit).as_ref())
    }

    /// Says whether the task is done, however it ended.
    ///
    /// If it is done, its effects are visible to the caller. It returns true also if polling the
    /// handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn ready(&self) -> bool {
        step::call("ready");
        self.result.as_ref().is_none_or(|result| result.load().is_done())
    }

    /// Says whether the task ended with a value.
    ///
    /// # Errors
    ///
    /// [`NotReady`] if the task is not done.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn successful(&self) -> Result<bool, NotReady> {
        step::call("successful");
        let seen = self.result().load();
        if seen.is_done() { Ok(seen.is_value()) } else { Err(NotReady) }
    }

    /// Keeps work that has not started from starting, and asks running work to stop.
    ///
    /// It says whether it kept any work from starting. It does not interrupt a running task. The
    /// task can ask [`is_cancelled`](crate::is_cancelled) whether this was called.
    ///
    /// **A call** that had not started never will. When this returns, the caller has dropped the
    /// closure and run the error callback, and the result is [`TaskError::Cancelled`].
    ///
    /// **Of a batch**, the items that had not started are dropped. When the running items are done,
    /// the error callback runs. The result is [`TaskError::Cancelled`], unless an item had failed
    /// before. A worker that has taken items along drops those too, before it begins the next. If
    /// no other items were left, this returns false though the result is `Cancelled`.
    ///
    /// It returns false if polling the handle to the end has taken the result. In the child of a
    /// fork it does nothing for a task of the parent's, and returns false.
    ///
    /// # Cost
    ///
    /// The caller waits for no task. It blocks for short locks, and for as long as your code takes.
    /// The call may allocate. It runs your error callback, your waker, and the `Drop` of the
    /// closure or the items, on this thread, and contains their panics. It wakes the threads that
    /// wait for the result, by a system call, and in a full pool the first submitter in the line.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn cancel(&self) -> bool {
        step::call("cancel");
        let Some(result) = &self.result else { return false };
        if worker::is_foreign(result.pool()) {
            return false;
        }
        let kept = result.resolve(Reason::Cancelled);
        result.ask();
        kept
    }

    /// Tells how many items are done, of how many.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads two numbers. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn progress(&self) -> Progress {
        step::call("progress");
        let (done, total) = self.result().progress();
        Progress { done, total }
    }

    /// Says whether the task ended by [`cancel`](Self::cancel).
    ///
    /// It returns true also if the error callback then panicked.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn cancelled(&self) -> bool {
        step::call("cancelled");
        self.result().load().is_cancelled()
    }

    /// Lends the result, if it is there, and leaves it where it is.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn peek(&self) -> Option<&Result<T, TaskError<E>>>
    where
        T: Sync,
        E: Sync,
    {
        step::call("peek");
        self.result().peek_done()
    }

    /// Lends the result mutably, if it is there, and leaves it where it is.
    ///
    /// # Panics
    ///
    /// The call panics if polling the handle to the end has taken the result.
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn peek_mut(&mut self) -> Option<&mut Result<T, TaskError<E>>> {
        step::call("peek_mut");
        self.result.as_mut().expect("result already taken").peek_done_mut()
    }

    /// Lets the work run, though no thread waits for it.
    ///
    /// Dropping the handle does this too. `detach` says that it is meant.
    ///
    /// # Cost
    ///
    /// The call does not block, allocate or wake a thread. If the task is done, it drops the value
    /// or the error on this thread. That runs your `Drop`, and the callback given to
    /// [`on_unobserved`](crate::Builder::on_unobserved) if it has to hear of the error.
    pub fn detach(self) {}
}

/// Gives the outcome when the task is done, however it ended.
///
/// The completer wakes the waker that was given last, once. Dropping the future detaches the task,
/// and does not cancel it. Polling does not run the task. So on a worker of the task's own pool,
/// `block_on` of a handle can wait for a task that only this worker could run. Use
/// [`get`](AsyncResult::get) there.
///
/// # Panics
///
/// A poll after the handle was ready panics: "result already taken".
impl<T, E> Future for AsyncResult<T, E> {
    type Output = Result<T, TaskError<E>>;

    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        step::call("poll");
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

// After a panic elsewhere a handle is as good as before: the outcome is either not there yet or
// complete.
impl<T, E> UnwindSafe for AsyncResult<T, E> {}
impl<T, E> RefUnwindSafe for AsyncResult<T, E> {}

// The handle is an address and nothing more: nothing is pinned in it.
impl<T, E> Unpin for AsyncResult<T, E> {}

impl<T, E> fmt::Debug for AsyncResult<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncResult").field(&self.result).finish()
    }
}
