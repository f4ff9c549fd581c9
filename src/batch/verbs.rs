use std::marker::PhantomData;

use super::block::{BatchOptions, Map, MapResults, MapSlice};
use super::star::{Spread, Star};
use super::{Batch, Input, submit};
use crate::block::{Each, Plain, SubmitError, TaskError};
use crate::pool::Pool;
use crate::result::AsyncResult;
use crate::worker::Entrance;

/// Many items, all at once.
impl Pool {
    /// Lets the workers call `f` with each item, waits, and gives the values in the items' order.
    ///
    /// It is Python's `map`. Function and items may borrow from the caller's stack. The workers
    /// attempt every item even if one fails. A caller that is a worker of the same pool takes part
    /// in the work.
    ///
    /// A pool that takes no more work refuses before the caller reads the input. Else the caller
    /// collects all items, and then submits them. If the iterator panics, nothing was submitted.
    /// [`imap`](Self::imap) is for an input without an end.
    ///
    /// # Errors
    ///
    /// The first failure in time; [`item()`](TaskError::item) says whose. If the pool takes no more
    /// work, [`TaskError::NotSubmitted`]. On a thread of the pool that runs no task, as in an
    /// initializer, [`TaskError::WouldDeadlock`].
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let words = ["tarn", "mere", "pond"];
    /// let lengths = pool.map(|word: &str| word.len(), words)?;
    /// assert_eq!(lengths, [4, 4, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks until every item is done. The call allocates the collected items and one
    /// block. If the values need as much room as the items they lie in the items' place, else the
    /// call allocates them too. It runs the input's iterator on this thread, and on a worker of the
    /// same pool `f` too. It wakes a worker, by a system call, and each worker wakes the next.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        self.map_in_place(Plain(&f), items.into_iter())
    }

    /// Does what [`map`](Self::map) does, but does not wait: gives one handle for all values.
    ///
    /// It is Python's `map_async`. [`batch`](Self::batch) does this with callbacks.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds function and input. The input is unread,
    /// unless the pool was closed while the caller read it: then the iterator yields the items that
    /// the caller has read.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// let pool = ThreadPool::new(1)?;
    /// pool.close();
    /// let refused = pool.map_async(|x: u64| x * x, 0..).err().unwrap(); // endless, and unread
    /// assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    /// let (_, mut input) = refused.into_task();
    /// assert_eq!(input.next(), Some(0));
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks while it reads the input, and while a pool with a
    /// [limit](crate::Builder::max_queued) is full. The call allocates and wakes as
    /// [`map`](Self::map) does. It runs the input's iterator on this thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<(F, Input<I::IntoIter>)>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        let map = Map::new(Plain(f));
        match submit::map_async(
            self.sched(),
            map,
            Input::unread(items.into_iter()),
            BatchOptions::default(),
            Entrance::Ask(None),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(self.sched().refused(kind, (map.each.0, input))),
        }
    }

    /// Does what [`map`](Self::map) does, for a function of several arguments.
    ///
    /// It is Python's `starmap`: each item is a tuple. [`star`](fn@crate::star) is for other verbs.
    ///
    /// # Errors
    /// Those of [`map`](Self::map).
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let areas = pool.starmap(|width, height| width * height, [(2, 3), (4, 5)])?;
    /// assert_eq!(areas, [6, 20]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// The call costs as much as [`map`](Self::map).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn starmap<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send,
        F: Sync,
        T: Send,
    {
        self.map_in_place(Plain(|item: I::Item| item.spread(&f)), items.into_iter())
    }

    /// Does what [`starmap`](Self::starmap) does, but does not wait: gives one handle for all.
    ///
    /// It is Python's `starmap_async`. [`batch`](Self::batch) of [`star(f)`](fn@crate::star) does
    /// this with callbacks.
    ///
    /// # Errors
    /// Those of [`map_async`](Self::map_async).
    ///
    /// # Cost
    /// The call costs as much as [`map_async`](Self::map_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn starmap_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<(F, Input<I::IntoIter>)>>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send + 'static,
        F: Send + Sync + 'static,
        T: Send + 'static,
    {
        let map = Map::new(Plain(Star(f)));
        match submit::map_async(
            self.sched(),
            map,
            Input::unread(items.into_iter()),
            BatchOptions::default(),
            Entrance::Ask(None),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(self.sched().refused(kind, (map.each.0.0, input))),
        }
    }

    /// Does what [`map`](Self::map) does, over the elements of a slice, and collects nothing.
    ///
    /// The slice stays where it is.
    ///
    /// # Errors
    /// Those of [`map`](Self::map).
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let words = vec![String::from("tarn"), String::from("pond")];
    /// assert_eq!(pool.map_slice(String::len, &words)?, [4, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks until every element is done. The call allocates the values and one block.
    /// On a worker of the same pool it runs `f` on this thread too. It wakes workers as `map` does.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map_slice<'a, F, A, T>(&self, f: F, slice: &'a [A]) -> Result<Vec<T>, TaskError>
    where
        F: Fn(&'a A) -> T + Sync,
        A: Sync,
        T: Send,
    {
        let mapping = MapSlice { f: &f, slice };
        submit::map_collected(
            self.sched(),
            mapping,
            slice.len().into(),
            BatchOptions::default(),
            Entrance::Ask(None),
        )
        .unwrap_or_else(|kind| Err(self.sched().not_submitted(kind)))
    }

    /// Does what [`map`](Self::map) does, and gives every item a result of its own.
    ///
    /// An item that fails takes no other item's value with it.
    ///
    /// # Errors
    ///
    /// [`TaskError::NotSubmitted`] if the pool takes no more work, [`TaskError::Terminated`] or
    /// [`TaskError::Broken`] if the pool ended before every item had begun.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let tenths = pool.map_results(|x: u32| 10 / x, 0..3)?;
    /// assert!(tenths[0].is_err());
    /// assert!(matches!(tenths[2], Ok(5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// The call costs as much as [`map`](Self::map).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn map_results<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<Vec<Result<T, TaskError>>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        let mapping = MapResults { f: &f, types: PhantomData };
        submit::map(
            self.sched(),
            mapping,
            Input::unread(items.into_iter()),
            BatchOptions::default(),
            Entrance::Ask(None),
        )
        .unwrap_or_else(|kind| Err(self.sched().not_submitted(kind)))
    }

    /// Makes a batch with options, such as callbacks, and does not submit it: see [`Batch`].
    ///
    /// # Cost
    ///
    /// The call asks the items for their iterator, on this thread, and reads nothing of it. It does
    /// not block, allocate or wake a thread.
    pub fn batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<F>, I::IntoIter, T>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Batch::new(self.handle(), Plain(f), items.into_iter(), Entrance::Ask(None))
    }

    pub(super) fn map_in_place<M, I, T, E>(&self, each: M, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: Iterator,
        M: Each<I::Item, T, E> + Send + Sync,
        I::Item: Send,
        T: Send,
        E: Send,
    {
        submit::map(
            self.sched(),
            Map::new(each),
            Input::unread(items),
            BatchOptions::default(),
            Entrance::Ask(None),
        )
        .unwrap_or_else(|kind| Err(self.sched().not_submitted(kind)))
    }
}

/// Gives the chunk size that Python's pool chooses for so many items and so many workers.
///
/// It makes about four chunks per worker. This pool needs no chunk size: see [`Batch::chunksize`].
///
/// ```
/// use millpond::default_chunksize;
/// assert_eq!(default_chunksize(10, 4), 1);
/// assert_eq!(default_chunksize(100, 4), 7);
/// assert_eq!(default_chunksize(1000, 8), 32);
/// assert_eq!(default_chunksize(0, 4), 0);
/// ```
///
/// # Cost
///
/// The call divides. It does not block, allocate, run your code or wake a thread.
#[must_use]
pub fn default_chunksize(items: usize, workers: usize) -> usize {
    items.div_ceil(workers.saturating_mul(4).max(1))
}
