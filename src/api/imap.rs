use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::asks::Asks;
use super::{PoolHandle, Progress, Timeout};
use crate::sched::Sched;
use crate::sync::clock::Deadline;
use crate::task::{
    Each, Flow, Host, Reason, StreamRef, SubmitError, SubmitErrorKind, TaskError, Waited, call, forget_panic,
};
use crate::worker::{self, Place};

/// One function over a lazily pulled input, with options, not yet begun. Made by [`PoolHandle::stream`] and its kin.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let mut squares = pool.stream(|x: u64| x * x, 0..).buffersize(8).imap()?;
/// assert_eq!(squares.next().unwrap()?, 0);
/// assert_eq!(squares.next().unwrap()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs until `imap` or `imap_unordered`"]
pub struct Stream<M, I> {
    pool: PoolHandle,
    each: M,
    input: I,
    flow: Flow,
}

impl<M, I: Iterator> Stream<M, I> {
    pub(super) fn new(pool: &PoolHandle, each: M, input: I) -> Self {
        Self { pool: pool.clone(), each, input, flow: Flow::default() }
    }

    /// How many consecutive items one worker does before it looks for other work. If this is not called the pool takes what
    /// suits the items. Results are per item either way. 0 is refused at the call.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.flow.chunksize = Some(items);
        self
    }

    /// The most items that may have been pulled and not yet yielded, strictly; 1 or more. 0 is refused at the call, and more
    /// than 1,048,576 is taken for that: there is a place for each from the beginning.
    ///
    /// If this is not called it is 64, or four chunks per worker if that is more. Where no [`chunksize`](Self::chunksize) was
    /// given either, it is 64 items that wait for a worker, more if they are short, and up to 1,024 in all: the stream pulls on while
    /// the result that is next in order is late and workers have nothing to do.
    ///
    /// Where the input says by its [`size_hint`](Iterator::size_hint) that it is shorter, there is room for that many, or for one per
    /// worker if that is more, and for one more.
    ///
    /// A window of n keeps n items running, if there are n workers; less than one item per worker leaves workers idle.
    pub fn buffersize(mut self, items: usize) -> Self {
        self.flow.buffersize = Some(items);
        self
    }

    /// Begins, and yields results in the order of the items.
    ///
    /// # Errors
    ///
    /// This stream itself, with its input and all that was set on it, if the pool takes no more work or a size is 0.
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full; then pulls the first items from the input, and so blocks
    /// as long as that does. Allocates the window, once.
    pub fn imap<T, E>(self) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.begin(true)
    }

    /// Begins, and yields results as they come.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Blocking
    ///
    /// As for [`imap`](Self::imap).
    pub fn imap_unordered<T, E>(self) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.begin(false)
    }

    fn begin<T, E>(mut self, ordered: bool) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.flow.ordered = ordered;
        if self.flow.chunksize == Some(0) {
            return Err(SubmitError::new(SubmitErrorKind::InvalidChunkSize, self));
        }
        if self.flow.buffersize == Some(0) {
            return Err(SubmitError::new(SubmitErrorKind::InvalidBufferSize, self));
        }
        let Self { pool, each, input, flow } = self;
        let at_most = call(|| input.size_hint().1).unwrap_or_else(|panic| {
            forget_panic(Err(panic));
            None
        });
        match worker::open_stream(pool.sched(), each, flow, at_most) {
            Ok(stream) => {
                let mut imap = Imap {
                    sched: pool.shared(),
                    stream: Some(stream),
                    input: Some(input),
                    asks: Asks::default(),
                    last: None,
                    ended: Progress { done: 0, total: 0 },
                };
                imap.pull_at_the_call();
                Ok(imap)
            }
            Err((kind, each)) => Err(SubmitError::new(kind, Self { pool, each, input, flow })),
        }
    }
}

impl<M, I> fmt::Debug for Stream<M, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("pool", &self.pool).field("flow", &self.flow).finish_non_exhaustive()
    }
}

/// The results of a stream, one by one: what Python's `imap` and `imap_unordered` return.
///
/// * The input is pulled here, on the consumer's thread: the first items at the call, the others inside [`next`], when no
///   finished result is waiting. So it needs no `Send`, it may be infinite, and while it blocks it holds up nobody else.
///   At most `buffersize` items are ahead of what was yielded.
/// * Each item is shown to the workers before the input is asked for the next, and a finished result is yielded before the input is
///   asked at all. Before an input that has kept its consumer waiting is asked again, the consumer waits up to 200 µs for a result.
/// * When the end is yielded, what the function captured has been dropped. (Of an [`Imap`] that is dropped earlier, the last item that
///   runs drops it.)
/// * A consumer that has to wait for short items sleeps until several are done, which costs the workers fewer wake-ups. No
///   finished result is kept back for longer than about 100 µs (on Windows, a tick of its timer).
/// * An item that fails is an `Err` of its own, and the iteration goes on.
/// * If the input panics, the results of all earlier items come first, then [`TaskError::InputPanicked`], then the end.
/// * After [`close`](PoolHandle::close) a stream goes on, also while somebody polls
///   [`join_timeout`](crate::ThreadPool::join_timeout).
/// * After [`join`](crate::ThreadPool::join), `terminate` or the pool's drop it pulls no more,
///   but for one item, to see whether any is left. It yields what has run, then, if anything was
///   left, one error ([`TaskError::NotSubmitted`] or [`TaskError::Terminated`]), then the end. In
///   order, what has run after the first item that has not is dropped: there are no gaps.
/// * Where waiting could never end ([`TaskError::WouldDeadlock`]) there is this one error, then the end.
/// * Dropping it stops it: items that have not begun are dropped, running ones finish.
///
/// A worker of the same pool that consumes a stream runs its items itself where nobody has begun them.
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
    /// None when no more is to be pulled. As long as it is there the pool counts the stream as open.
    input: Option<I>,
    asks: Asks,
    /// The error that comes after everything else.
    last: Option<TaskError<E>>,
    /// How far it had come at the end.
    ended: Progress,
}

/// What an iterator of results yields.
type Yield<T, E> = Option<Result<T, TaskError<E>>>;

impl<I: Iterator, T, E> Imap<I, T, E> {
    /// As [`next`](Iterator::next), and gives up when the time is up; what comes then is not lost. Python's `it.next(timeout)`.
    ///
    /// # Errors
    ///
    /// [`Timeout`] if the time is up. The next call may succeed.
    ///
    /// # Blocking
    ///
    /// For up to `limit`, and as long as the input blocks. Runs no item.
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Yield<T, E>, Timeout<()>> {
        match Deadline::after(limit) {
            Some(deadline) => self.advance(Some(&deadline)),
            None => self.advance(None),
        }
        .ok_or(Timeout(()))
    }

    /// How far it has come: items yielded, of items pulled so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.stream.as_ref().map_or(self.ended, |stream| {
            let (done, total) = stream.progress();
            Progress { done, total }
        })
    }

    /// None if the time is up.
    fn advance(&mut self, deadline: Option<&Deadline>) -> Option<Yield<T, E>> {
        loop {
            let Some(stream) = &mut self.stream else { return Some(self.last.take().map(Err)) };
            if let Some(outcome) = stream.try_take() {
                match outcome {
                    // One stands for all that was refused. In order it is the end, lest a later item's value, which a runner
                    // may have claimed while the one before was being refused, take the place of this one; out of order
                    // it comes after all that has run.
                    Err(
                        error @ (TaskError::Terminated | TaskError::Broken(_) | TaskError::NotSubmitted(_)),
                    ) => {
                        let ordered = stream.is_ordered();
                        self.stop_pulling();
                        self.last.get_or_insert(error);
                        if ordered {
                            self.end();
                        }
                    }
                    outcome => return Some(Some(outcome)),
                }
                continue;
            }
            if self.sched.is_forked() {
                // Whoever would do the rest is in the parent, and so is what it would be done with.
                std::mem::forget((self.stream.take(), self.input.take()));
                self.last = Some(TaskError::NotSubmitted(SubmitErrorKind::Forked));
                continue;
            }
            if self.pull(deadline) {
                // A slow input may use the time up.
                if deadline.is_some_and(Deadline::passed)
                    && self.asks.moment().is_some()
                    && !self.is_any_done()
                {
                    return None;
                }
                continue;
            }
            let Some(stream) = &mut self.stream else { continue };
            if stream.ahead() == 0 {
                self.end();
                continue;
            }
            if deadline.is_none() {
                let place = worker::place(stream.pool());
                if place == Place::Member || stream.is_running_here() {
                    self.stop_pulling();
                    self.last = Some(TaskError::WouldDeadlock);
                    self.end();
                    continue;
                }
                if place == Place::Worker && stream.has_backlog() {
                    stream.help(&*self.sched);
                    continue;
                }
            }
            let Some(stream) = &mut self.stream else { continue };
            if stream.wait(deadline, self.input.is_some()) == Waited::TimedOut {
                return None;
            }
        }
    }

    /// Whether the next call has something to yield at once, if only the end.
    fn is_any_done(&self) -> bool {
        self.stream
            .as_ref()
            .is_none_or(|stream| stream.is_any_done() || stream.ahead() == 0 && self.input.is_none())
    }

    /// What is still ahead is dropped.
    fn end(&mut self) {
        self.ended = self.progress();
        self.stream.take().into_iter().for_each(worker::end_stream);
    }

    /// Pulls one item and shows it to the runners, if there is room for it; false if not.
    ///
    /// An input that keeps its consumer waiting is not asked again before the last item's outcome has had a moment to come.
    fn pull(&mut self, deadline: Option<&Deadline>) -> bool {
        let (Some(stream), Some(input)) = (&mut self.stream, &mut self.input) else { return false };
        if stream.is_full() {
            return false;
        }
        if let Some(moment) = self.asks.moment() {
            let helps = deadline.is_none() && worker::place(stream.pool()) == Place::Worker;
            if helps && stream.has_backlog() && !stream.is_running_here() {
                stream.help(&*self.sched);
            }
            if stream.ahead() > 0 {
                stream.wait_briefly(moment, deadline);
            }
            if stream.is_any_done() {
                return true;
            }
        }
        if !self.sched.may_pull() {
            // Whether anything is left only the input knows.
            let left = !matches!(call(|| input.next()), Ok(None));
            self.stop_pulling();
            if left {
                // Closed and joined it would still take work from its own; broken it says so.
                let kind = self.sched.refusal(true).unwrap_or(SubmitErrorKind::NotRunning);
                self.last.get_or_insert(TaskError::NotSubmitted(kind));
            }
            return true;
        }
        match self.asks.time(|| call(|| input.next())) {
            Ok(Some(item)) => {
                stream.put(item);
                if let Some(entry) = stream.publish() {
                    if worker::send(&self.sched, entry).is_err() {
                        // It came too late: nobody may be left to take it.
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

    /// Pulls the first items, until the window is full, or the input has kept the caller waiting.
    fn pull_at_the_call(&mut self) {
        while self.pull(None) && self.asks.moment().is_none() {}
    }

    fn stop_pulling(&mut self) {
        if let Some(input) = self.input.take() {
            self.sched.close_stream();
            drop(input);
        }
    }
}

/// Yields what the function gave for each item. Fused.
impl<I: Iterator, T, E> Iterator for Imap<I, T, E> {
    type Item = Result<T, TaskError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(None).expect("without a limit the time is never up")
    }
}

impl<I: Iterator, T, E> std::iter::FusedIterator for Imap<I, T, E> {}

impl<I: Iterator, T, E> Drop for Imap<I, T, E> {
    fn drop(&mut self) {
        if self.sched.is_forked() {
            // The items are the parent's, which drops them.
            return std::mem::forget((self.stream.take(), self.input.take()));
        }
        self.stream.take().into_iter().for_each(worker::end_stream);
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
