use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::input::InputTimer;
use super::open::{end_stream, open_stream, send};
use super::ring::{StreamOptions, StreamRef, Waited};
use crate::block::{
    Each, Outcome, PoolView, Reason, SubmitErrorKind, TaskError, catch_panic, forget_panic,
};
use crate::numbers::End;
use crate::pool::Pool;
use crate::result::{Progress, Timeout};
use crate::sched::Sched;
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::worker::{self, CallerKind, Entrance};

/// Yields the results of a stream one by one: what Python's `imap` and `imap_unordered` return.
///
/// **The input.**
///
/// * The consumer pulls the input on its own thread: the first items at the call, the others
///   inside [`next`], when no finished result is waiting. So the input needs no `Send`, and it
///   may be infinite. While it blocks, it holds up no other thread. At most `buffersize` items
///   are ahead of what was yielded.
/// * The consumer shows each item to the workers before it asks the input for the next. It yields a
///   finished result before it asks the input at all. If the input has kept the consumer waiting,
///   the consumer waits up to 200 µs for a result before it asks again.
/// * If the input panics, the results of all earlier items come first, then
///   [`TaskError::InputPanicked`], then the end.
///
/// **The results.**
///
/// * An item that fails is an `Err` of its own, and the iteration goes on.
/// * A consumer that has to wait for short items sleeps until several are done, which costs the
///   workers fewer wake-ups. The stream keeps no finished result back for longer than about 100 µs
///   (on Windows, a tick of its timer).
/// * If a wait could never end, the stream yields [`TaskError::WouldDeadlock`] once, then the end.
/// * A worker of the same pool that consumes a stream runs the items itself that no thread has
///   begun.
///
/// **The end.**
///
/// * When the end is yielded, the function's captures have been dropped. If the [`Imap`] is dropped
///   earlier, the last item that runs drops them.
/// * After [`close`](crate::Pool::close) a stream goes on, also while another thread polls
///   [`join_timeout`](crate::ThreadPool::join_timeout).
/// * After [`join`](crate::ThreadPool::join), `terminate` or the pool's drop the stream pulls no
///   more, but for one item, to see whether any is left. It yields the results of the items that
///   have run. Then, if anything was left, it yields one error ([`TaskError::NotSubmitted`] or
///   [`TaskError::Terminated`]), and then the end. A stream in order drops the results of items
///   that ran after the first item that did not: there are no gaps.
/// * Dropping the stream stops it. Items that have not begun are dropped, and running items finish.
///
/// [`next`]: Iterator::next
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// for (i, square) in pool.imap(|x: u64| x * x, 0..100)?.enumerate() {
///     assert_eq!(square?, (i * i) as u64);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it stops it"]
pub struct Imap<I: Iterator, T, E = std::convert::Infallible> {
    sched: Arc<Sched>,
    /// None after the end.
    stream: Option<StreamRef<I::Item, T, E>>,
    /// None when the consumer pulls no more. As long as it is there, the pool counts the stream as
    /// open.
    input: Option<I>,
    timer: InputTimer,
    /// The error that the stream yields after everything else.
    last: Option<TaskError<E>>,
    /// How far the stream had come at its end.
    ended: Progress,
}

/// The type of what an iterator of results yields.
type Yield<T, E> = Option<Result<T, TaskError<E>>>;

impl<I: Iterator, T, E> Imap<I, T, E> {
    /// Yields the next result, as [`next`](Iterator::next) does, or gives up when the time is up.
    ///
    /// It is Python's `it.next(timeout)`. A result that comes later is not lost.
    ///
    /// # Errors
    ///
    /// [`Timeout`] if the time is up. The next call may succeed.
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`, and as long as the input blocks. The call does not
    /// allocate. It runs the input's iterator on this thread, and no item. It may wake a worker
    /// with each item that it pulls, which is a system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Yield<T, E>, Timeout<()>> {
        step::call("next_timeout");
        match Deadline::after(limit) {
            Some(deadline) => self.advance(Some(&deadline)),
            None => self.advance(None),
        }
        .ok_or(Timeout(()))
    }

    /// Tells how many items were yielded, of how many that were pulled so far.
    ///
    /// # Cost
    ///
    /// The call reads two numbers. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn progress(&self) -> Progress {
        step::call("progress");
        self.stream.as_ref().map_or(self.ended, |stream| {
            let (done, total) = stream.progress();
            Progress { done, total }
        })
    }

    /// Opens the stream and pulls the first items.
    ///
    /// # Errors
    ///
    /// The error says why the pool does not take the stream, and holds function and input. The
    /// input is unread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub(super) fn open<M>(
        pool: &Pool,
        each: M,
        input: I,
        options: StreamOptions,
        entrance: Entrance,
    ) -> Result<Self, (SubmitErrorKind, M, I)>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        step::call("imap");
        let at_most = catch_panic(|| input.size_hint().1).unwrap_or_else(|panic| {
            forget_panic(Err(panic));
            None
        });
        match open_stream(pool.sched(), each, options, at_most, entrance) {
            Ok(stream) => {
                let mut imap = Self {
                    sched: pool.shared(),
                    stream: Some(stream),
                    input: Some(input),
                    timer: InputTimer::default(),
                    last: None,
                    ended: Progress { done: 0, total: 0 },
                };
                imap.pull_at_the_call();
                Ok(imap)
            }
            Err((kind, each)) => Err((kind, each, input)),
        }
    }

    /// Gives the next outcome or the end. None if the time is up.
    fn advance(&mut self, deadline: Option<&Deadline>) -> Option<Yield<T, E>> {
        loop {
            let Some(stream) = &mut self.stream else { return Some(self.last.take().map(Err)) };
            if let Some(outcome) = stream.try_take() {
                if let Some(outcome) = self.judge(outcome) {
                    return Some(Some(outcome));
                }
            } else if self.sched.is_forked() {
                self.leave_to_parent();
            } else if self.pull(deadline) {
                if self.is_time_up_by_pulling(deadline) {
                    return None;
                }
            } else if self.wait_for_outcome(deadline) == Waited::TimedOut {
                return None;
            }
        }
    }

    /// Gives an outcome back if the consumer is to yield it. An outcome that says that the pool has
    /// ended is kept for the end of the iteration.
    ///
    /// One error stands for all items that were refused. A stream in order ends with it at once: a
    /// runner may have claimed a later item while another thread refused this one, and the value of
    /// the later item must not take this item's place. A stream out of order yields the error after
    /// the outcomes of all items that have run.
    fn judge(&mut self, outcome: Outcome<T, E>) -> Option<Outcome<T, E>> {
        match outcome {
            Err(
                error @ (TaskError::Terminated | TaskError::Broken(_) | TaskError::NotSubmitted(_)),
            ) => {
                let ordered = self.stream.as_ref().is_some_and(StreamRef::is_ordered);
                self.stop_pulling();
                self.last.get_or_insert(error);
                if ordered {
                    self.end();
                }
                None
            }
            outcome => Some(outcome),
        }
    }

    /// Ends the stream in the child of a fork. The workers that would do the rest are in the
    /// parent, and so are the items.
    fn leave_to_parent(&mut self) {
        std::mem::forget((self.stream.take(), self.input.take()));
        self.last = Some(TaskError::NotSubmitted(SubmitErrorKind::Forked));
    }

    /// Says whether a slow input has used the time up, and no outcome has come meanwhile.
    fn is_time_up_by_pulling(&mut self, deadline: Option<&Deadline>) -> bool {
        deadline.is_some_and(Deadline::passed)
            && self.timer.patience().is_some()
            && !self.is_any_done()
    }

    /// Waits for an outcome, when none is there and the consumer can pull no more. A worker of the
    /// pool runs items meanwhile.
    ///
    /// It ends the stream if nothing is ahead, or if the wait would never end.
    fn wait_for_outcome(&mut self, deadline: Option<&Deadline>) -> Waited {
        let Some(stream) = &mut self.stream else { return Waited::Outcome };
        if stream.ahead() == 0 {
            self.end();
            return Waited::Outcome;
        }
        if deadline.is_none() {
            let kind = worker::caller_kind(stream.pool());
            if kind == CallerKind::Member || stream.is_running_here() {
                self.stop_pulling();
                self.last = Some(TaskError::WouldDeadlock);
                self.end();
                return Waited::Outcome;
            }
            if kind == CallerKind::Worker && stream.has_backlog() {
                stream.help(&*self.sched);
                return Waited::Outcome;
            }
        }
        stream.wait(deadline, self.input.is_some())
    }

    /// Says whether the next call has something to yield at once, if only the end.
    fn is_any_done(&mut self) -> bool {
        self.stream.as_mut().is_none_or(|stream| {
            stream.is_any_done() || stream.ahead() == 0 && self.input.is_none()
        })
    }

    /// Ends the stream, and drops the items and outcomes that are still ahead.
    fn end(&mut self) {
        self.ended = self.progress();
        let end = match &self.last {
            None => End::Completed,
            Some(TaskError::Terminated | TaskError::Broken(_) | TaskError::NotSubmitted(_)) => {
                End::Terminated
            }
            Some(_) => End::Failed,
        };
        if let Some(stream) = self.stream.take() {
            end_stream(&self.sched, stream, end);
        }
    }

    /// Pulls one item and shows it to the runners, or finds that there is none, or that an outcome
    /// has come first. False if the window has enough: then the call has done nothing.
    ///
    /// If the input keeps its consumer waiting, the consumer gives the last item's outcome a moment
    /// to come before it asks the input again.
    fn pull(&mut self, deadline: Option<&Deadline>) -> bool {
        let (Some(stream), Some(input)) = (&mut self.stream, &mut self.input) else { return false };
        if stream.has_enough() {
            return false;
        }
        if let Some(patience) = self.timer.patience() {
            let helps =
                deadline.is_none() && worker::caller_kind(stream.pool()) == CallerKind::Worker;
            if helps && stream.has_backlog() && !stream.is_running_here() {
                stream.help(&*self.sched);
            }
            if stream.ahead() > 0 {
                stream.wait_briefly(patience, deadline);
            }
            if stream.is_any_done() {
                return true;
            }
        }
        if !self.sched.may_pull() {
            // Only the input knows whether anything is left.
            let left = !matches!(catch_panic(|| input.next()), Ok(None));
            self.stop_pulling();
            if left {
                // A pool that is closed and joined would still take work from its own workers, so
                // it may give no reason. A broken pool gives one.
                let kind = self.sched.refusal(true).unwrap_or(SubmitErrorKind::NotRunning);
                self.last.get_or_insert(TaskError::NotSubmitted(kind));
            }
            return true;
        }
        match self.timer.time(|| catch_panic(|| input.next())) {
            Ok(Some(item)) => {
                stream.put(item);
                if let Some(entry) = stream.publish() {
                    if send(&self.sched, entry).is_err() {
                        // The entry came too late: perhaps no worker is left to take it.
                        stream.refuse(&self.sched.stopping().unwrap_or(Reason::NotRunning));
                    }
                }
            }
            Ok(None) => self.stop_pulling(),
            Err(panic) => {
                self.stop_pulling();
                self.last.get_or_insert(TaskError::InputPanicked(panic));
            }
        }
        true
    }

    /// Pulls the first items, until the window is full or the input has kept the caller waiting.
    fn pull_at_the_call(&mut self) {
        while self.pull(None) && self.timer.patience().is_none() {}
    }

    fn stop_pulling(&mut self) {
        if let Some(input) = self.input.take() {
            self.sched.close_stream();
            drop(input);
        }
    }
}

/// Yields the function's outcome for each item. The iterator is fused.
///
/// # Cost
///
/// The caller of `next` blocks until a result is there, and as long as the input blocks. The call
/// does not allocate. It runs the input's iterator on this thread, and on a worker of the same pool
/// items too. With the end it drops the input and the function on this thread. It may wake a worker
/// with each item that it pulls, which is a system call.
impl<I: Iterator, T, E> Iterator for Imap<I, T, E> {
    type Item = Result<T, TaskError<E>>;

    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    fn next(&mut self) -> Option<Self::Item> {
        step::call("next");
        self.advance(None).expect("without a limit the time is never up")
    }
}

impl<I: Iterator, T, E> std::iter::FusedIterator for Imap<I, T, E> {}

impl<I: Iterator, T, E> Drop for Imap<I, T, E> {
    fn drop(&mut self) {
        step::pass();
        if self.sched.is_forked() {
            // The items are the parent's, and the parent drops them.
            return std::mem::forget((self.stream.take(), self.input.take()));
        }
        if let Some(stream) = self.stream.take() {
            end_stream(&self.sched, stream, End::Cancelled);
        }
        self.stop_pulling();
    }
}

impl<I: Iterator, T, E> fmt::Debug for Imap<I, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap")
            .field("ahead", &self.stream.as_ref().map(StreamRef::ahead))
            .finish_non_exhaustive()
    }
}
