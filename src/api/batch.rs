use std::fmt;

use super::handle::not_submitted;
use super::{AsyncResult, PoolHandle};
use crate::task::{Cut, Each, Map, Notify, SubmitError, SubmitErrorKind, TaskError, Tell};
use crate::worker;

/// One function over many items, with options, not yet submitted. Made by [`PoolHandle::batch`] and
/// [`PoolHandle::star_batch`].
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
pub struct Batch<M, A, T, E, C = (), D = ()> {
    pool: PoolHandle,
    map: Map<M, A, T, E, C, D>,
    items: Vec<A>,
    cut: Cut,
}

impl<M, A, T, E> Batch<M, A, T, E> {
    pub(super) fn new(pool: &PoolHandle, each: M, items: impl IntoIterator<Item = A>) -> Self {
        Self {
            pool: pool.clone(),
            map: Map::new(each),
            items: items.into_iter().collect(),
            cut: Cut::default(),
        }
    }
}

impl<M, A, T, E, D> Batch<M, A, T, E, (), D> {
    /// Calls `callback` with all values, if there is no error: once, before the result becomes visible to anybody, on the
    /// worker that finished last; of an empty batch on the calling thread. If it panics the result is
    /// [`TaskError::CallbackPanicked`].
    pub fn callback<C: FnOnce(&Vec<T>)>(self, callback: C) -> Batch<M, A, T, E, Tell<C>, D> {
        let Map { each, on_value: (), on_error, types } = self.map;
        let map = Map { each, on_value: Tell(callback), on_error, types };
        Batch { pool: self.pool, map, items: self.items, cut: self.cut }
    }
}

impl<M, A, T, E, C> Batch<M, A, T, E, C, ()> {
    /// Calls `callback` with the first error, if there is one, after all items are done: once, before the result becomes
    /// visible to anybody. If it panics the result is [`TaskError::CallbackPanicked`] with the error as its cause.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(self, callback: D) -> Batch<M, A, T, E, C, Tell<D>> {
        let Map { each, on_value, on_error: (), types } = self.map;
        let map = Map { each, on_value, on_error: Tell(callback), types };
        Batch { pool: self.pool, map, items: self.items, cut: self.cut }
    }
}

impl<M, A, T, E, C, D> Batch<M, A, T, E, C, D> {
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

impl<M, A, T, E, C, D> Batch<M, A, T, E, C, D>
where
    M: Each<A, T, E> + Send + Sync,
    A: Send,
    T: Send,
    E: Send,
    C: Notify<Vec<T>> + Send,
    D: Notify<TaskError<E>> + Send,
{
    /// Submits the batch, waits, and gives all values in the order of the items. Function, items and callbacks may borrow.
    ///
    /// # Errors
    ///
    /// The first failure in time; [`TaskError::NotSubmitted`] if the pool takes no more work or the chunk size is 0.
    ///
    /// # Blocking
    ///
    /// As [`PoolHandle::map`].
    pub fn map(self) -> Result<Vec<T>, TaskError<E>> {
        let Self { pool, map, items, cut } =
            self.checked().map_err(|refused| TaskError::NotSubmitted(refused.kind()))?;
        worker::map_and_wait(pool.sched(), map, items, cut).unwrap_or_else(|kind| Err(not_submitted(kind)))
    }
}

impl<M, A, T, E, C, D> Batch<M, A, T, E, C, D>
where
    M: Each<A, T, E> + Send + Sync + 'static,
    A: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    C: Notify<Vec<T>> + Send + 'static,
    D: Notify<TaskError<E>> + Send + 'static,
{
    /// Submits the batch. One handle stands for all values.
    ///
    /// # Errors
    ///
    /// The batch itself, with its items and all that was set on it, if the pool takes no more work or the chunk size is 0.
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full. Allocates the block, and the values'
    /// buffer if they do not fit into the items'. May wake a worker, which is a system call.
    pub fn map_async(self) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Self>> {
        let Self { pool, map, items, cut } = self.checked()?;
        match worker::submit_map(pool.sched(), map, items, cut) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, items)) => Err(SubmitError::new(kind, Self { pool, map, items, cut })),
        }
    }
}

impl<M, A, T, E, C, D> fmt::Debug for Batch<M, A, T, E, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("pool", &self.pool)
            .field("items", &self.items.len())
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}
