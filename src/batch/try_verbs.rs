use super::block::{BatchOptions, Map};
use super::star::{Spread, Star};
use super::{Batch, Input, submit};
use crate::block::{Fallible, SubmitError, TaskError};
use crate::pool::Pool;
use crate::result::AsyncResult;
use crate::worker::Entrance;

/// Many items, all at once, for functions that return a `Result`.
impl Pool {
    /// Does what [`map`](Self::map) does, for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map), and [`TaskError::Failed`] with the `Err` of `f` for the first
    /// item that failed, in time.
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
    /// If the input itself can fail, the caller either collects it first, and submits nothing if it
    /// fails, or passes its errors on:
    ///
    /// ```
    /// use millpond::{TaskError, ThreadPool};
    /// use std::num::ParseIntError;
    /// let pool = ThreadPool::new(2)?;
    /// let lines = || ["1", "2", "x"].into_iter().map(str::parse::<i32>);
    /// assert!(lines().collect::<Result<Vec<_>, _>>().is_err(), "the call is not reached");
    /// let error = pool.try_map(|line| Ok::<_, ParseIntError>(2 * line?), lines()).unwrap_err();
    /// assert!(matches!(error, TaskError::Failed { item: Some(2), .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// The call costs as much as [`map`](Self::map).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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

    /// Does what [`map_async`](Self::map_async) does, for a function that returns a `Result`.
    ///
    /// # Errors
    /// Those of [`map_async`](Self::map_async).
    ///
    /// # Cost
    /// The call costs as much as [`map_async`](Self::map_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_map_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<(F, Input<I::IntoIter>)>>
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
            Input::unread(items.into_iter()),
            BatchOptions::default(),
            Entrance::Ask(None),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(self.sched().refused(kind, (map.each.0, input))),
        }
    }

    /// Does what [`starmap`](Self::starmap) does, for a function that returns a `Result`.
    ///
    /// # Errors
    /// Those of [`try_map`](Self::try_map).
    ///
    /// # Cost
    /// The call costs as much as [`map`](Self::map).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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

    /// Does what [`starmap_async`](Self::starmap_async) does, for functions that return a `Result`.
    ///
    /// # Errors
    /// Those of [`starmap_async`](Self::starmap_async).
    ///
    /// # Cost
    /// The call costs as much as [`map_async`](Self::map_async).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_starmap_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<(F, Input<I::IntoIter>)>>
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
            Input::unread(items.into_iter()),
            BatchOptions::default(),
            Entrance::Ask(None),
        ) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, map, input)) => Err(self.sched().refused(kind, (map.each.0.0, input))),
        }
    }

    /// Does what [`batch`](Self::batch) does, for a function that returns a `Result`.
    ///
    /// # Cost
    /// The call costs as much as [`batch`](Self::batch).
    pub fn try_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<F>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Batch::new(self.handle(), Fallible(f), items.into_iter(), Entrance::Ask(None))
    }
}
