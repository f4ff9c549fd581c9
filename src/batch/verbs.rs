use std::marker::PhantomData;

use super::Batch;
use super::block::{BatchOptions, Map, MapResults, MapSlice};
use super::star::{Spread, Star};
use super::submit::{self, Input};
use crate::block::{Each, Fallible, Plain, SubmitError, SubmitErrorKind, TaskError};
use crate::pool::Pool;
use crate::result::AsyncResult;

/// Many items, all at once.
impl Pool {
    /// Calls `f` with each item, on the workers, waits, and gives the values in the order of the items. Function and items may
    /// borrow from the caller's stack. Python's `map`.
    ///
    /// A pool that takes no more work refuses before it reads the input. Else the calling thread
    /// collects all items, and then submits them; if the iterator panics, nothing was submitted.
    /// For an input without an end there is [`imap`](Self::imap). Every item is attempted even if
    /// one fails. On a worker of the same pool the caller takes part in the work.
    ///
    /// # Errors
    ///
    /// The first failure in time, [`item()`](TaskError::item) says whose; [`TaskError::NotSubmitted`] if the pool takes no
    /// more work.
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
    /// Blocks until every item is done. Reads the input on this thread. Wakes workers. On a worker of the same pool it runs `f` on
    /// this thread too.
    ///
    /// Allocates the collected items and one block, and the values if they need not as much room as the items, in whose place
    /// they lie otherwise.
    pub fn map<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        self.map_in_place(Plain(&f), items.into_iter())
    }

    /// As [`map`](Self::map), and does not wait for it: one handle for all values. Python's `map_async`; with callbacks it is
    /// [`batch`](Self::batch).
    ///
    /// # Errors
    ///
    /// Function and input, if the pool takes no more work. The input is unread, unless the pool was closed while it was being read:
    /// then the iterator yields the items that were read.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// let pool = ThreadPool::new(1)?;
    /// pool.close();
    /// let refused = pool.map_async(|x: u64| x * x, 0..).err().unwrap(); // an endless input, unread
    /// assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    /// let (_, mut input) = refused.into_task();
    /// assert_eq!(input.next(), Some(0));
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Reads the input on this thread, and so blocks as long as that does; and while a pool with a
    /// [limit](crate::Builder::max_queued) is full. Allocates as [`map`](Self::map). Wakes workers. The callback of an empty input
    /// runs on this thread.
    pub fn map_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<(F, impl Iterator<Item = I::Item> + use<F, I, T>)>>
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
            Input::Unread(items.into_iter()),
            BatchOptions::default(),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(SubmitError::new(kind, (map.each.0, input))),
        }
    }

    /// As [`map`](Self::map) for a function of several arguments: each item is a tuple of them. Python's `starmap`; for other
    /// verbs there is [`star`](fn@crate::star).
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map).
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let areas = pool.starmap(|width, height| width * height, [(2, 3), (4, 5)])?;
    /// assert_eq!(areas, [6, 20]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As for [`map`](Self::map).
    pub fn starmap<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send,
        F: Sync,
        T: Send,
    {
        self.map_in_place(Plain(|item: I::Item| item.spread(&f)), items.into_iter())
    }

    /// As [`starmap`](Self::starmap), and does not wait for it. Python's `starmap_async`; with callbacks it is
    /// [`batch`](Self::batch) of [`star(f)`](fn@crate::star).
    ///
    /// # Errors
    ///
    /// Function and input, as for [`map_async`](Self::map_async).
    ///
    /// # Cost
    ///
    /// As for [`map_async`](Self::map_async).
    pub fn starmap_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<(F, impl Iterator<Item = I::Item> + use<F, I, T>)>>
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
            Input::Unread(items.into_iter()),
            BatchOptions::default(),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(SubmitError::new(kind, (map.each.0.0, input))),
        }
    }

    /// As [`map`](Self::map) over the elements of a slice, which stays where it is: nothing is
    /// collected.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map).
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
    /// Blocks until every element is done. Allocates the values, and one block. Wakes workers. On a worker of the same pool it
    /// runs `f` on this thread too.
    pub fn map_slice<'a, F, A, T>(&self, f: F, slice: &'a [A]) -> Result<Vec<T>, TaskError>
    where
        F: Fn(&'a A) -> T + Sync,
        A: Sync,
        T: Send,
    {
        let mapping = MapSlice { f: &f, slice };
        submit::map_collected(self.sched(), mapping, slice.len().into(), BatchOptions::default())
            .unwrap_or_else(|kind| Err(TaskError::refused(kind)))
    }

    /// As [`map`](Self::map), and every item has a result of its own: a failure takes no other's
    /// value with it.
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
    ///
    /// As for [`map`](Self::map).
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
            Input::Unread(items.into_iter()),
            BatchOptions::default(),
        )
        .unwrap_or_else(|kind| Err(TaskError::refused(kind)))
    }

    /// A function over many items, with options: see [`Batch`]. Reads nothing of the input yet.
    ///
    /// # Cost
    ///
    /// Wraps function and input: does not block, allocate, wake or run your code.
    pub fn batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<F>, I::IntoIter, T>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Batch::new(self, Plain(f), items.into_iter())
    }

    /// As [`map`](Self::map), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map), and [`TaskError::Failed`] with what `f` returned for the first item that failed, in time.
    ///
    /// ```
    /// use millpond::{TaskError, ThreadPool};
    /// let pool = ThreadPool::new(2)?;
    /// let parsed = pool.try_map(|word: &str| word.parse::<u16>(), ["80", "443", "https"]);
    /// let Err(TaskError::Failed { error, item }) = parsed else { unreachable!() };
    /// assert_eq!((error.to_string().as_str(), item), ("invalid digit found in string", Some(2)));
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// Input that can fail itself is either collected first, and nothing is submitted if it does, or passed on:
    ///
    /// ```
    /// use millpond::{TaskError, ThreadPool};
    /// use std::num::ParseIntError;
    /// let pool = ThreadPool::new(2)?;
    /// let lines = || ["1", "2", "x"].into_iter().map(str::parse::<i32>);
    ///
    /// assert!(lines().collect::<Result<Vec<_>, _>>().is_err(), "the call is not reached");
    ///
    /// let error = pool.try_map(|number| Ok::<_, ParseIntError>(2 * number?), lines()).unwrap_err();
    /// assert!(matches!(error, TaskError::Failed { item: Some(2), .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As for [`map`](Self::map).
    pub fn try_map<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Sync,
        I::Item: Send,
        T: Send,
        E: Send,
    {
        self.map_in_place(Fallible(&f), items.into_iter())
    }

    /// As [`map_async`](Self::map_async), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`map_async`](Self::map_async).
    ///
    /// # Cost
    ///
    /// As for [`map_async`](Self::map_async).
    pub fn try_map_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<
        AsyncResult<Vec<T>, E>,
        SubmitError<(F, impl Iterator<Item = I::Item> + use<F, I, T, E>)>,
    >
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let map = Map::new(Fallible(f));
        match submit::map_async(
            self.sched(),
            map,
            Input::Unread(items.into_iter()),
            BatchOptions::default(),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(SubmitError::new(kind, (map.each.0, input))),
        }
    }

    /// As [`starmap`](Self::starmap), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`try_map`](Self::try_map).
    ///
    /// # Cost
    ///
    /// As for [`map`](Self::map).
    pub fn try_starmap<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send,
        F: Sync,
        T: Send,
        E: Send,
    {
        self.map_in_place(Fallible(|item: I::Item| item.spread(&f)), items.into_iter())
    }

    /// As [`starmap_async`](Self::starmap_async), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`starmap_async`](Self::starmap_async).
    ///
    /// # Cost
    ///
    /// As for [`map_async`](Self::map_async).
    pub fn try_starmap_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<
        AsyncResult<Vec<T>, E>,
        SubmitError<(F, impl Iterator<Item = I::Item> + use<F, I, T, E>)>,
    >
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send + 'static,
        F: Send + Sync + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let map = Map::new(Fallible(Star(f)));
        match submit::map_async(
            self.sched(),
            map,
            Input::Unread(items.into_iter()),
            BatchOptions::default(),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(SubmitError::new(kind, (map.each.0.0, input))),
        }
    }

    /// As [`batch`](Self::batch), for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// As for [`batch`](Self::batch).
    pub fn try_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<F>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Batch::new(self, Fallible(f), items.into_iter())
    }

    fn map_in_place<M, I, T, E>(&self, each: M, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: Iterator,
        M: Each<I::Item, T, E> + Send + Sync,
        I::Item: Send,
        T: Send,
        E: Send,
    {
        submit::map(self.sched(), Map::new(each), Input::Unread(items), BatchOptions::default())
            .unwrap_or_else(|kind: Option<SubmitErrorKind>| Err(TaskError::refused(kind)))
    }
}

/// The chunk size that Python's pool chooses for `items` items on `workers` workers: about four chunks per worker.
///
/// The pool itself does not need one; see [`Batch::chunksize`].
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
/// A division: does not block, allocate, wake or run your code.
#[must_use]
pub fn default_chunksize(items: usize, workers: usize) -> usize {
    items.div_ceil(workers.saturating_mul(4).max(1))
}
