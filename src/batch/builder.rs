use std::fmt;

use super::block::{BatchOptions, Map};
use super::{Input, submit};
use crate::block::{Each, Notify, SubmitError, SubmitErrorKind, TaskError, Tell};
#[cfg(doc)]
use crate::pool::Pool;
use crate::pool::PoolHandle;
use crate::result::AsyncResult;
use crate::sched::WhenFull;
use crate::worker::Entrance;

/// Collects the options of one function over many items that was not submitted yet.
///
/// [`Pool::batch`] and [`Pool::try_batch`] make it. It keeps its input unread until
/// [`map`](Self::map) or [`map_async`](Self::map_async) has asked the pool. A refused batch may be
/// submitted again, whether the caller had read its input or not.
///
/// `M` is the function, in a wrapper that says whether it returns a `Result`. `I` is the iterator
/// over the items. `T` and `E` are the types that the function returns. `C` and `D` are the
/// callbacks for the values and for the error, or `()` if the caller gave none.
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
    entrance: Entrance,
}

impl<M, I: Iterator, T, E> Batch<M, I, T, E> {
    pub(super) fn new(pool: PoolHandle, each: M, input: I, entrance: Entrance) -> Self {
        let (map, input) = (Map::new(each), Input::unread(input));
        Self { pool, map, input, options: BatchOptions::default(), entrance }
    }
}

impl<M, I: Iterator, T, E, D> Batch<M, I, T, E, (), D> {
    /// Lets the worker that finishes last call `callback` with all values, if there is no error.
    ///
    /// Of an empty batch the submitter calls it. It is called once, before the result becomes
    /// visible to any thread. If it panics, the result is [`TaskError::CallbackPanicked`].
    ///
    /// # Cost
    ///
    /// The call keeps the callback. It does not block, allocate, run your code or wake a thread.
    pub fn callback<C: FnOnce(&Vec<T>)>(self, callback: C) -> Batch<M, I, T, E, Tell<C>, D> {
        let Map { each, on_value: (), on_error, types } = self.map;
        let map = Map { each, on_value: Tell(callback), on_error, types };
        Batch {
            pool: self.pool,
            map,
            input: self.input,
            options: self.options,
            entrance: self.entrance,
        }
    }
}

impl<M, I: Iterator, T, E, C> Batch<M, I, T, E, C, ()> {
    /// Lets the thread that ends the batch call `callback` with the first error, if there is one.
    ///
    /// That thread calls it once, after all items are done, before the result becomes visible to
    /// any thread. If it panics, the result is [`TaskError::CallbackPanicked`] with the error as
    /// its cause.
    ///
    /// # Cost
    ///
    /// The call keeps the callback. It does not block, allocate, run your code or wake a thread.
    pub fn error_callback<D: FnOnce(&TaskError<E>)>(
        self,
        callback: D,
    ) -> Batch<M, I, T, E, C, Tell<D>> {
        let Map { each, on_value, on_error: (), types } = self.map;
        let map = Map { each, on_value, on_error: Tell(callback), types };
        Batch {
            pool: self.pool,
            map,
            input: self.input,
            options: self.options,
            entrance: self.entrance,
        }
    }
}

impl<M, I: Iterator, T, E, C, D> Batch<M, I, T, E, C, D> {
    /// Cuts the items into chunks of this many.
    ///
    /// One worker does a chunk, in order, as one. If an item fails, the worker skips the rest of
    /// its chunk. Without this call the pool cuts as it sees fit, and the workers attempt every
    /// other item.
    ///
    /// Python's own choice is [`default_chunksize`](crate::default_chunksize). The pool refuses
    /// 0 at the submission.
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.options.chunksize = Some(items);
        self
    }

    /// Lets the first failure keep the items that have not started from starting, if `yes`.
    ///
    /// Without this call the workers attempt every item, as Python's do.
    ///
    /// # Cost
    ///
    /// The call keeps a flag. It does not block, allocate, run your code or wake a thread.
    pub fn fail_fast(mut self, yes: bool) -> Self {
        self.options.fail_fast = yes;
        self
    }

    /// Sets what becomes of the batch if the pool is [full](crate::Builder::max_queued).
    ///
    /// Without this call it is as the [builder](crate::Builder::when_full) of the pool has it. A
    /// batch that was made by a [`Permit`](crate::Permit) has its place, so this changes nothing.
    ///
    /// A batch that does not wait asks twice whether the pool is full: before it reads the input,
    /// and when it has read it. If the pool is full then, the refused batch has the items.
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.entrance.set(when_full);
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
    /// Submits the batch, waits, and gives all values in the order of the items.
    ///
    /// Function, items and callbacks may borrow from the caller's stack.
    ///
    /// The caller asks the pool first. Then it reads the input to its end, and then it submits the
    /// items. If the input panics, that panic goes on from here, and nothing was submitted.
    ///
    /// # Errors
    ///
    /// The first failure in time. [`TaskError::NotSubmitted`] if the pool takes no more work, or if
    /// the chunk size is 0. [`TaskError::Full`] if the pool is full and the batch does not
    /// [wait](Self::when_full). [`TaskError::WouldDeadlock`] on a thread of the pool that runs no
    /// task, as in an initializer.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::map`]. It runs the callbacks on this thread only if the
    /// batch is empty, or if this thread is a worker of the same pool and finishes last.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map(self) -> Result<Vec<T>, TaskError<E>> {
        let Self { pool, map, input, options, entrance } =
            self.checked().map_err(|refused| TaskError::NotSubmitted(refused.kind()))?;
        submit::map(pool.sched(), map, input, options, entrance)
            .unwrap_or_else(|kind| Err(pool.sched().not_submitted(kind)))
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
    /// Submits the batch, and gives one handle for all values.
    ///
    /// The caller asks the pool first. Then it reads the input to its end, and then it submits the
    /// items. If the input panics, that panic goes on from here, and nothing was submitted.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, if the chunk size is 0, or if the pool is full and the batch
    /// does not [wait](Self::when_full), the error holds the batch itself, with its input and all
    /// that was set on it. The input is unread, unless the pool was closed or became full while the
    /// caller read it. Then the batch has the items. A permit that the batch was made by is used
    /// up, unless the chunk size was 0.
    ///
    /// So the error holds the input's iterator. If that iterator borrows, `?` cannot turn the error
    /// into a `Box<dyn Error>`. If the iterator is not `Send`, `?` cannot turn the error into a box
    /// that is `Send`. Then ask for the kind alone: `map_err(|refused| refused.kind())?`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::map_async`]. It runs the callback on this thread only if
    /// the batch is empty.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map_async(self) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Self>> {
        let Self { pool, map, input, options, entrance } = self.checked()?;
        let again = entrance.again();
        match submit::map_async(pool.sched(), map, input, options, entrance) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => {
                let handle = pool.clone();
                let batch = Self { pool, map, input, options, entrance: again };
                Err(handle.sched().refused(kind, batch))
            }
        }
    }
}

impl<M, I: Iterator, T, E, C, D> fmt::Debug for Batch<M, I, T, E, C, D> {
    /// Shows the options, and asks the input nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("pool", &self.pool)
            .field("items", &self.input.items())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
