use super::handle::not_submitted;
use super::{AsyncResult, Batch, Imap, PoolHandle, Stream, Task, ThreadPool};
use crate::task::{Fallible, Job, Spread, Star, SubmitError, TaskError};
use crate::worker;

/// The same verbs for functions that return a `Result`. An `Err(e)` is what a raised exception is in Python: the task has
/// failed, with [`TaskError::Failed`], typed and not boxed; of a batch or a stream it says which item.
///
/// ```
/// use millpond::{TaskError, ThreadPool};
/// let pool = ThreadPool::new(2)?;
/// let parsed = pool.try_map(|word: &str| word.parse::<u16>(), ["80", "443", "https"]);
/// let Err(TaskError::Failed { error, item }) = parsed else { unreachable!() };
/// assert_eq!((error.to_string().as_str(), item), ("invalid digit found in string", Some(2)));
/// # Ok::<(), millpond::BuildError>(())
/// ```
impl PoolHandle {
    /// As [`apply`](Self::apply).
    ///
    /// # Errors
    ///
    /// As there, and [`TaskError::Failed`] with what `f` returned.
    pub fn try_apply<F, T, E>(&self, f: F) -> Result<T, TaskError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send,
        T: Send,
        E: Send,
    {
        worker::call_and_wait(self.sched(), Job::fallible(f))
            .unwrap_or_else(|(kind, _)| Err(not_submitted(kind)))
    }

    /// As [`apply_async`](Self::apply_async).
    ///
    /// # Errors
    ///
    /// As there: `f` itself, if the pool takes no more work.
    pub fn try_apply_async<F, T, E>(&self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        match worker::submit(self.sched(), Job::fallible(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// As [`task`](Self::task).
    pub fn try_task<F, T, E>(&self, f: F) -> Task<Fallible<F>, T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        Task::new(self, Fallible(f))
    }

    /// As [`map`](Self::map).
    ///
    /// # Errors
    ///
    /// As there, and [`TaskError::Failed`] with what `f` returned for the first item that failed, in time.
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
    pub fn try_map<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Sync,
        I::Item: Send,
        T: Send,
        E: Send,
    {
        self.try_batch(&f, items).map()
    }

    /// As [`map_async`](Self::map_async).
    ///
    /// # Errors
    ///
    /// As there: the batch, if the pool takes no more work.
    pub fn try_map_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Batch<Fallible<F>, I::IntoIter, T, E>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.try_batch(f, items).map_async()
    }

    /// As [`starmap`](Self::starmap).
    ///
    /// # Errors
    ///
    /// As for [`try_map`](Self::try_map).
    pub fn try_starmap<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send,
        F: Sync,
        T: Send,
        E: Send,
    {
        let f = Star(f);
        Batch::new(self, Fallible(&f), items).map()
    }

    /// As [`starmap_async`](Self::starmap_async).
    ///
    /// # Errors
    ///
    /// As there: the batch, if the pool takes no more work.
    pub fn try_starmap_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Batch<Fallible<Star<F>>, I::IntoIter, T, E>>>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send + 'static,
        F: Send + Sync + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.try_star_batch(f, items).map_async()
    }

    /// As [`batch`](Self::batch).
    pub fn try_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<F>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Batch::new(self, Fallible(f), items)
    }

    /// As [`star_batch`](Self::star_batch).
    pub fn try_star_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<Star<F>>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>>,
    {
        Batch::new(self, Fallible(Star(f)), items)
    }

    /// As [`imap`](Self::imap).
    ///
    /// # Errors
    ///
    /// As there: the stream, if the pool takes no more work.
    pub fn try_imap<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<Stream<Fallible<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.try_stream(f, items).imap()
    }

    /// As [`imap_unordered`](Self::imap_unordered).
    ///
    /// # Errors
    ///
    /// As there: the stream, if the pool takes no more work.
    pub fn try_imap_unordered<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<Stream<Fallible<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.try_stream(f, items).imap_unordered()
    }

    /// As [`stream`](Self::stream).
    pub fn try_stream<F, I, T, E>(&self, f: F, items: I) -> Stream<Fallible<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Stream::new(self, Fallible(f), items.into_iter())
    }
}

/// The same verbs as on [`PoolHandle`].
impl ThreadPool {
    /// See [`PoolHandle::try_apply`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_apply<F, T, E>(&self, f: F) -> Result<T, TaskError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send,
        T: Send,
        E: Send,
    {
        self.handle_ref().try_apply(f)
    }

    /// See [`PoolHandle::try_apply_async`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_apply_async<F, T, E>(&self, f: F) -> Result<AsyncResult<T, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.handle_ref().try_apply_async(f)
    }

    /// See [`PoolHandle::try_task`].
    pub fn try_task<F, T, E>(&self, f: F) -> Task<Fallible<F>, T, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        self.handle_ref().try_task(f)
    }

    /// See [`PoolHandle::try_map`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_map<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Sync,
        I::Item: Send,
        T: Send,
        E: Send,
    {
        self.handle_ref().try_map(f, items)
    }

    /// See [`PoolHandle::try_map_async`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_map_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Batch<Fallible<F>, I::IntoIter, T, E>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.handle_ref().try_map_async(f, items)
    }

    /// See [`PoolHandle::try_starmap`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_starmap<F, I, T, E>(&self, f: F, items: I) -> Result<Vec<T>, TaskError<E>>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send,
        F: Sync,
        T: Send,
        E: Send,
    {
        self.handle_ref().try_starmap(f, items)
    }

    /// See [`PoolHandle::try_starmap_async`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_starmap_async<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>, E>, SubmitError<Batch<Fallible<Star<F>>, I::IntoIter, T, E>>>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>> + Send + 'static,
        F: Send + Sync + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.handle_ref().try_starmap_async(f, items)
    }

    /// See [`PoolHandle::try_batch`].
    pub fn try_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<F>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        self.handle_ref().try_batch(f, items)
    }

    /// See [`PoolHandle::try_star_batch`].
    pub fn try_star_batch<F, I, T, E>(&self, f: F, items: I) -> Batch<Fallible<Star<F>>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        I::Item: Spread<F, Result<T, E>>,
    {
        self.handle_ref().try_star_batch(f, items)
    }

    /// See [`PoolHandle::try_imap`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_imap<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<Stream<Fallible<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.handle_ref().try_imap(f, items)
    }

    /// See [`PoolHandle::try_imap_unordered`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn try_imap_unordered<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<Stream<Fallible<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.handle_ref().try_imap_unordered(f, items)
    }

    /// See [`PoolHandle::try_stream`].
    pub fn try_stream<F, I, T, E>(&self, f: F, items: I) -> Stream<Fallible<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        self.handle_ref().try_stream(f, items)
    }
}
