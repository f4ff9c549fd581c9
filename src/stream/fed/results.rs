use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::shared::{Flow, Shared};
use crate::block::{Outcome, PoolView, Reason, SubmitErrorKind, TaskError};
use crate::numbers::End;
use crate::result::Timeout;
use crate::sched::Sched;
use crate::stream::open::end_stream;
use crate::stream::ring::StreamRef;
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::wait::spin_until;
use crate::worker::{self, CallerKind};

/// Yields the results of a fed stream one by one: the other half of what
/// [`Stream::feed`](crate::Stream::feed) returns.
///
/// It is an iterator for a thread of its own, and [`poll_next`](Self::poll_next) is for
/// asynchronous code. The feeders and the results never wait for each other but through the
/// window: an item leaves the window when its result is yielded.
///
/// * An item that fails is an `Err` of its own, and the iteration goes on.
/// * The end comes when the stream is closed and everything in flight was yielded.
/// * After [`close`](crate::Pool::close) a stream goes on. After
///   [`join`](crate::ThreadPool::join), `terminate` or the pool's drop no more items come in. The
///   results of the items that have run come, then one error ([`TaskError::NotSubmitted`] or
///   [`TaskError::Terminated`]) unless a feeder had closed the stream and every item has run, and
///   then the end. A stream in order yields no result after the first item that has not run.
/// * Dropping the results stops the stream. Feeders that wait get their items back, items that have
///   not begun are dropped, and running items finish.
/// * A worker of the same pool that waits for a result runs the items itself that no thread has
///   begun. If nothing is in flight there and the stream is open, only a feeder could end the wait:
///   the results yield [`TaskError::WouldDeadlock`] and end.
///   [`next_timeout`](Self::next_timeout) waits there too.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let (feeder, mut results) = pool.fed_stream(|x: u64| x * x).feed()?;
/// feeder.send(3)?;
/// assert_eq!(results.next().unwrap()?, 9);
/// drop(feeder);
/// assert!(results.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it stops the stream"]
pub struct Results<T, E = std::convert::Infallible> {
    outlet: Box<dyn Outlet<T, E>>,
}

/// The type of what an iterator of results yields.
type Yield<T, E> = Option<Result<T, TaskError<E>>>;

/// How a consumer waits.
enum How<'a> {
    Block,
    Until(Deadline),
    Poll(&'a Waker),
}

/// The consumer's part of a stream, whatever the type of the items.
trait Outlet<T, E>: Send {
    /// Gives the next outcome or the end. None if the time is up, or a waker is left.
    fn advance(&mut self, how: &How<'_>) -> Option<Yield<T, E>>;
}

impl<T, E> Results<T, E> {
    pub(super) fn new<A: Send + 'static>(
        sched: Arc<Sched>,
        stream: StreamRef<A, T, E>,
        shared: Arc<Shared<A, T, E>>,
    ) -> Self
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        Self { outlet: Box::new(Consumer { sched, stream: Some(stream), shared, last: None }) }
    }

    /// Yields the next result, as [`next`](Iterator::next) does, or gives up when the time is up.
    ///
    /// A result that comes later is not lost.
    ///
    /// # Errors
    ///
    /// [`Timeout`] if the time is up. The next call may succeed.
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`. The call takes the stream's lock for a moment, and does
    /// not allocate. It runs no item. It wakes the first feeder that waits, which is a system call,
    /// or calls its waker on this thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Yield<T, E>, Timeout<()>> {
        step::call("next_timeout");
        let how = Deadline::after(limit).map_or(How::Block, How::Until);
        self.outlet.advance(&how).ok_or(Timeout(()))
    }

    /// Gives the next result, or leaves the waker and says that it is not there yet.
    ///
    /// It is what an asynchronous stream needs, and belongs to no particular runtime. With
    /// [`std::future::poll_fn`] it becomes a future, and one that is dropped loses no result. With
    /// the feature `futures`, `into_stream` makes a `futures_core::Stream` of the results. Only the
    /// waker of the last poll is woken.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use std::future::poll_fn;
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, mut results) = pool.fed_stream(|x: u64| x * x).feed()?;
    /// pollster::block_on(async {
    ///     feeder.send_async(3).await?;
    ///     let square = poll_fn(|context| results.poll_next(context)).await;
    ///     assert_eq!(square.unwrap()?, 9);
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call takes the stream's lock for a moment. It does not block otherwise or allocate, and
    /// it runs no item. If it has to wait, it clones the waker. It wakes the first waiting feeder,
    /// which is a system call, or calls its waker on this thread. The worker that finishes the
    /// awaited item calls the waker that was left, and so does a feeder that closes the stream.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Yield<T, E>> {
        step::call("poll_next");
        self.outlet.advance(&How::Poll(context.waker())).map_or(Poll::Pending, Poll::Ready)
    }
}

/// Yields the function's outcome for each item. The iterator is fused.
///
/// # Cost
///
/// The caller of `next` blocks until a result is there, or the end. The call takes the stream's
/// lock for a moment, and does not allocate. On a worker of the same pool it runs items. With the
/// end it drops the function on this thread. It wakes the first feeder that waits, which is a
/// system call, or calls its waker on this thread.
impl<T, E> Iterator for Results<T, E> {
    type Item = Result<T, TaskError<E>>;

    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    fn next(&mut self) -> Option<Self::Item> {
        step::call("next");
        self.outlet.advance(&How::Block).expect("without a limit the time is never up")
    }
}

impl<T, E> FusedIterator for Results<T, E> {}

// As for the pool that they come from.
impl<T, E> UnwindSafe for Results<T, E> {}
impl<T, E> RefUnwindSafe for Results<T, E> {}

impl<T, E> fmt::Debug for Results<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").finish_non_exhaustive()
    }
}

struct Consumer<A: Send, T: Send, E: Send> {
    sched: Arc<Sched>,
    /// None after the end.
    stream: Option<StreamRef<A, T, E>>,
    shared: Arc<Shared<A, T, E>>,
    /// The error that comes after everything else.
    last: Option<TaskError<E>>,
}

impl<A: Send, T: Send, E: Send> Consumer<A, T, E> {
    /// Gives an outcome back if the consumer is to yield it. An outcome that says that the pool has
    /// ended is kept for the end, as in [`Imap`](crate::Imap).
    fn judge(&mut self, outcome: Outcome<T, E>) -> Option<Outcome<T, E>> {
        match outcome {
            Err(
                error @ (TaskError::Terminated | TaskError::Broken(_) | TaskError::NotSubmitted(_)),
            ) => {
                let ordered = self.stream.as_ref().is_some_and(StreamRef::is_ordered);
                self.last.get_or_insert(error);
                if ordered {
                    self.end();
                }
                None
            }
            outcome => Some(outcome),
        }
    }

    /// Ends the stream, and drops the items and outcomes that are still ahead.
    fn end(&mut self) {
        self.end_as(if self.last.is_none() { End::Completed } else { End::Terminated });
    }

    fn end_as(&mut self, end: End) {
        let Some(mut stream) = self.stream.take() else { return };
        if self.shared.leave() {
            self.sched.close_stream();
        }
        stream.see_items();
        end_stream(&self.sched, stream, end);
    }

    /// Says why the pool takes no more items.
    fn end_of_pool(&self) -> TaskError<E> {
        match self.sched.stopping() {
            Some(reason) => reason.into(),
            None => TaskError::NotSubmitted(SubmitErrorKind::NotRunning),
        }
    }

    /// Does what can be done instead of a wait. True: the caller looks again.
    fn needs_no_wait(&mut self, how: &How<'_>) -> bool {
        let flow = self.shared.flow();
        let Some(stream) = &mut self.stream else { return true };
        match flow {
            Flow::Over { cut } => {
                if cut {
                    let error = self.end_of_pool();
                    self.last.get_or_insert(error);
                }
                self.end();
                return true;
            }
            Flow::Late if stream.has_backlog() => {
                stream.refuse(&self.sched.stopping().unwrap_or(Reason::NotRunning));
                return true;
            }
            Flow::Late | Flow::On => {}
        }
        if !matches!(how, How::Block) {
            return false;
        }
        let kind = worker::caller_kind(stream.pool());
        let works = kind == CallerKind::Worker;
        if works && stream.has_backlog() && !stream.is_running_here() {
            stream.help(&*self.sched);
            return true;
        }
        let stuck = works && self.shared.is_idle();
        if stuck || kind == CallerKind::Member || stream.is_running_here() {
            self.last = Some(TaskError::WouldDeadlock);
            self.end();
            return true;
        }
        false
    }
}

impl<A: Send, T: Send, E: Send> Outlet<T, E> for Consumer<A, T, E> {
    fn advance(&mut self, how: &How<'_>) -> Option<Yield<T, E>> {
        /// A result that comes later is not worth a processor.
        const SPIN: Duration = Duration::from_nanos(500);
        loop {
            let Some(stream) = &mut self.stream else { return Some(self.last.take().map(Err)) };
            if self.sched.is_forked() {
                // The workers that would do the rest are in the parent, and so are the items.
                std::mem::forget(self.stream.take());
                self.last = Some(TaskError::NotSubmitted(SubmitErrorKind::Forked));
                continue;
            }
            if let Some(outcome) = self.shared.take(stream) {
                match self.judge(outcome) {
                    None => continue,
                    outcome => return Some(outcome),
                }
            }
            if self.needs_no_wait(how) {
                continue;
            }
            let Some(stream) = &mut self.stream else { continue };
            let blocks = !matches!(how, How::Poll(_));
            if blocks && stream.ahead() > 0 && spin_until(SPIN, || stream.is_any_done()) {
                continue;
            }
            self.shared.bell.quiet();
            if let How::Poll(waker) = how {
                self.shared.bell.leave_waker(waker);
            }
            if !self.shared.ask(stream) {
                continue;
            }
            let deadline = match how {
                How::Block => None,
                How::Until(deadline) => Some(deadline),
                How::Poll(_) => return None,
            };
            if !self.shared.bell.wait(deadline) && !stream.is_any_done() {
                return None;
            }
        }
    }
}

impl<A: Send, T: Send, E: Send> Drop for Consumer<A, T, E> {
    fn drop(&mut self) {
        step::pass();
        if self.sched.is_forked() {
            // The items are the parent's, and the parent drops them.
            return std::mem::forget(self.stream.take());
        }
        self.end_as(End::Cancelled);
    }
}
