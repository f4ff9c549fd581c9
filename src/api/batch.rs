use std::fmt;

use super::handle::not_submitted;
use super::{AsyncResult, PoolHandle};
use crate::task::{Cut, Each, Map, Notify, SubmitError, SubmitErrorKind, TaskError, Tell};
use crate::worker;

/// One function over many items, with options, not yet submitted. Made by [`PoolHandle::batch`] and
/// [`PoolHandle::star_batch`].
///
/// It keeps its input unread until [`map`](Self::map) or [`map_async`](Self::map_async) has asked
/// the pool. A refused batch may be submitted again, whether its input had been read or not.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let squares = pool
///     .batch(|x: u64| x * x, 0..100)
///     .chunksize(8)
///     .callback(|all: &Vec<u64>| println!("{} squares", all.len()))
///     .map_async()?;
/// assert_eq!(squares.get()?[9], 81);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs until `map` or `map_async`"]
pub struct Batch<M, I: Iterator, T, E, C = (), D = ()> {
    pool: PoolHandle,
    map: Map<M, I::Item, T, E, C, D>,
    input: Input<I>,
    cut: Cut,
}

/// The items of a batch that has not been submitted.
enum Input<I: Iterator> {
    Unread(I),
    /// The pool took the work no more when the items had been collected, and gave them back.
    Collected(Vec<I::Item>),
}

impl<I: Iterator> Input<I> {
    fn collect(self) -> Vec<I::Item> {
        match self {
            Self::Unread(items) => items.collect(),
            Self::Collected(items) => items,
        }
    }
}

impl<M, I: Iterator, T, E> Batch<M, I, T, E> {
    pub(super) fn new(
        pool: &PoolHandle,
        each: M,
        items: impl IntoIterator<IntoIter = I, Item = I::Item>,
    ) -> Self {
        let input = Input::Unread(items.into_iter());
        Self { pool: pool.clone(), map: Map::new(each), input, cut: Cut::default() }
    }
}

impl<M, I: Iterator, T, E, D> Batch<M, I, T, E, (), D> {
    /// Calls `callback` with all values, if there is no error: once, before the result becomes visible to anybody, on the
    /// worker that finished last; of an empty batch on the calling thread. If it panics the result is
    /// [`TaskError::CallbackPanicked`].
    pub fn callback<C: FnOnce(&Vec<T>)>(self, callback: C) -> Batch<M, I, T, E, Tell<C>, D> {
        let Map { each, on_value: (), on_error, types } = self.map;
        let map = Map { each, on_value: Tell(callback), on_error, types };
        Batch { pool: self.pool, map, input: self.input, cut: self.cut }
    }
}

impl<M, I: Iterator, T, E, C> Batch<M, I, T, E, C, ()> {
    /// Calls `callback` with the first error, if there is one, after all items are done: once, before the result becomes
    /// visible to anybody. If it panics the result is [`TaskError::CallbackPanicked`] with the error as its cause.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(self, callback: D) -> Batch<M, I, T, E, C, Tell<D>> {
        let Map { each, on_value, on_error: (), types } = self.map;
        let map = Map { each, on_value, on_error: Tell(callback), types };
        Batch { pool: self.pool, map, input: self.input, cut: self.cut }
    }
}

impl<M, I: Iterator, T, E, C, D> Batch<M, I, T, E, C, D> {
    /// Cuts the items into chunks of this many, each done by one worker, in order, as one: when an item fails, the rest of
    /// its chunk is skipped. If this is not called the pool cuts as it sees fit, and every other item is attempted.
    ///
    /// Python's own choice is [`default_chunksize`](crate::default_chunksize). 0 is refused at submission.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.cut.chunksize = Some(items);
        self
    }

    /// Whether the first failure keeps what has not started from starting. Python's pool, and this one if not told so,
    /// attempts everything.
    pub fn fail_fast(mut self, yes: bool) -> Self {
        self.cut.fail_fast = yes;
        self
    }

    fn checked(self) -> Result<Self, SubmitError<Self>> {
        if self.cut.chunksize == Some(0) {
            return Err(SubmitError::new(SubmitErrorKind::InvalidChunkSize, self));
        }
        Ok(self)
    }
}

impl<M, I, T, E, C, D> Batch<M, I, T, E, C, D>
where
    I: Iterator,
    M: Each<I::Item, T, E> + Send + Sync,
    I::Item: Send,
    T: Send,
    E: Send,
    C: Notify<Vec<T>> + Send,
    D: Notify<TaskError<E>> + Send,
{
    /// Submits the batch, waits, and gives all values in the order of the items. Function, items and callbacks may borrow.
    ///
    /// The calling thread asks the pool first, then reads the input to its end, then submits the
    /// items. If the input panics, that panic goes on from here, and nothing was submitted.
    ///
    /// # Errors
    ///
    /// The first failure in time; [`TaskError::NotSubmitted`] if the pool takes no more work or the chunk size is 0.
    ///
    /// # Blocking
    ///
    /// As [`PoolHandle::map`].
    pub fn map(self) -> Result<Vec<T>, TaskError<E>> {
        let Self { pool, map, input, cut } =
            self.checked().map_err(|refused| TaskError::NotSubmitted(refused.kind()))?;
        let sched = pool.sched();
        worker::may_wait(sched)
            .and_then(|()| worker::map_and_wait(sched, map, input.collect(), cut))
            .unwrap_or_else(|kind| Err(not_submitted(kind)))
    }
}

impl<M, I, T, E, C, D> Batch<M, I, T, E, C, D>
where
    I: Iterator,
    M: Each<I::Item, T, E> + Send + Sync + 'static,
    I::Item: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    C: Notify<Vec<T>> + Send + 'static,
    D: Notify<TaskError<E>> + Send + 'static,
{
    /// Submits the batch. One handle stands for all values.
    ///
    /// The calling thread asks the pool first, then reads the input to its end, then submits the
    /// items. If the input panics, that panic goes on from here, and nothing was submitted.
    ///
    /// # Errors
    ///
    /// The batch itself, with its input and all that was set on it, if the pool takes no more work
    /// or the chunk size is 0. The input is unread, unless the pool was closed while the input was
    /// being read; then the batch has the items.
    ///
    /// So the error holds the input's iterator. If that borrows, `?` cannot turn the error into a
    /// `Box<dyn Error>`; if it is not `Send`, not into one that is. Then ask for the kind alone:
    /// `map_err(|refused| refused.kind())?`.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// let pool = ThreadPool::new(1)?;
    /// pool.close();
    /// let refused = pool.map_async(|x: u64| x * x, 0..).unwrap_err(); // an endless input, unread
    /// assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full. Allocates the block, and the values'
    /// buffer if they do not fit into the items'. May wake a worker, which is a system call.
    pub fn map_async(self) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Self>> {
        let batch = self.checked()?;
        if let Err(kind) = worker::may_submit(batch.pool.sched()) {
            return Err(SubmitError::new(kind, batch));
        }
        let Self { pool, map, input, cut } = batch;
        match worker::submit_map(pool.sched(), map, input.collect(), cut) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, items)) => {
                let input = Input::Collected(items);
                Err(SubmitError::new(kind, Self { pool, map, input, cut }))
            }
        }
    }
}

impl<M, I: Iterator, T, E, C, D> fmt::Debug for Batch<M, I, T, E, C, D> {
    /// Asks the input nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = match &self.input {
            Input::Unread(_) => None,
            Input::Collected(items) => Some(items.len()),
        };
        f.debug_struct("Batch")
            .field("pool", &self.pool)
            .field("items", &items)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}
