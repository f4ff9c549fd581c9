use std::fmt;

use super::block::{BatchOptions, Map};
use super::submit::{self, Input};
use crate::block::{Each, Notify, SubmitError, SubmitErrorKind, TaskError, Tell};
use crate::pool::{Pool, PoolHandle};
use crate::result::AsyncResult;

/// One function over many items, with options, not yet submitted. Made by [`Pool::batch`] and [`Pool::try_batch`].
///
/// It keeps its input unread until [`map`](Self::map) or [`map_async`](Self::map_async) has asked
/// the pool. A refused batch may be submitted again, whether its input had been read or not.
///
/// `M` is the function (in a wrapper that says whether it returns a `Result`), `I` the iterator over the items, `T` and `E` what
/// the function returns. `C` and `D` are the callbacks for the values and for the error, `()` where none was given.
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
pub struct Batch<M, I: Iterator, T, E = std::convert::Infallible, C = (), D = ()> {
    pool: PoolHandle,
    map: Map<M, I::Item, T, E, C, D>,
    input: Input<I>,
    options: BatchOptions,
}

impl<M, I: Iterator, T, E> Batch<M, I, T, E> {
    pub(super) fn new(pool: &Pool, each: M, input: I) -> Self {
        let (map, input) = (Map::new(each), Input::Unread(input));
        Self { pool: pool.handle(), map, input, options: BatchOptions::default() }
    }
}

impl<M, I: Iterator, T, E, D> Batch<M, I, T, E, (), D> {
    /// Calls `callback` with all values, if there is no error: once, before the result becomes visible to anybody, on the
    /// worker that finished last; of an empty batch on the calling thread. If it panics the result is
    /// [`TaskError::CallbackPanicked`].
    ///
    /// # Cost
    ///
    /// Keeps the callback: does not block, allocate, wake or run your code.
    pub fn callback<C: FnOnce(&Vec<T>)>(self, callback: C) -> Batch<M, I, T, E, Tell<C>, D> {
        let Map { each, on_value: (), on_error, types } = self.map;
        let map = Map { each, on_value: Tell(callback), on_error, types };
        Batch { pool: self.pool, map, input: self.input, options: self.options }
    }
}

impl<M, I: Iterator, T, E, C> Batch<M, I, T, E, C, ()> {
    /// Calls `callback` with the first error, if there is one, after all items are done: once, before the result becomes
    /// visible to anybody. If it panics the result is [`TaskError::CallbackPanicked`] with the error as its cause.
    ///
    /// # Cost
    ///
    /// Keeps the callback: does not block, allocate, wake or run your code.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(
        self,
        callback: D,
    ) -> Batch<M, I, T, E, C, Tell<D>> {
        let Map { each, on_value, on_error: (), types } = self.map;
        let map = Map { each, on_value, on_error: Tell(callback), types };
        Batch { pool: self.pool, map, input: self.input, options: self.options }
    }
}

impl<M, I: Iterator, T, E, C, D> Batch<M, I, T, E, C, D> {
    /// Cuts the items into chunks of this many, each done by one worker, in order, as one: when an item fails, the rest of
    /// its chunk is skipped. If this is not called the pool cuts as it sees fit, and every other item is attempted.
    ///
    /// Python's own choice is [`default_chunksize`](crate::default_chunksize). 0 is refused at submission.
    ///
    /// # Cost
    ///
    /// Keeps a number: does not block, allocate, wake or run your code.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.options.chunksize = Some(items);
        self
    }

    /// Whether the first failure keeps what has not started from starting. Python's pool, and this one if not told so,
    /// attempts everything.
    ///
    /// # Cost
    ///
    /// Keeps a flag: does not block, allocate, wake or run your code.
    pub fn fail_fast(mut self, yes: bool) -> Self {
        self.options.fail_fast = yes;
        self
    }

    fn checked(self) -> Result<Self, SubmitError<Self>> {
        if self.options.chunksize == Some(0) {
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
    /// # Cost
    ///
    /// As [`Pool::map`].
    pub fn map(self) -> Result<Vec<T>, TaskError<E>> {
        let Self { pool, map, input, options } =
            self.checked().map_err(|refused| TaskError::NotSubmitted(refused.kind()))?;
        submit::map(pool.sched(), map, input, options)
            .unwrap_or_else(|kind| Err(TaskError::refused(kind)))
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
    /// # Cost
    ///
    /// As [`Pool::map_async`].
    pub fn map_async(self) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Self>> {
        let Self { pool, map, input, options } = self.checked()?;
        match submit::map_async(pool.sched(), map, input, options) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => {
                Err(SubmitError::new(kind, Self { pool, map, input, options }))
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
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
