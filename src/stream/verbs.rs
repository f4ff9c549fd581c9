use super::ring::StreamOptions;
use super::{Imap, Stream};
use crate::block::{Fallible, Plain, SubmitError};
use crate::pool::Pool;

/// Many items, one by one.
impl Pool {
    /// Calls `f` with each item, pulling the input as results are taken, and yields the results in the order of the items.
    /// Python's `imap`; with options it is [`stream`](Self::stream).
    ///
    /// # Errors
    ///
    /// Function and input, unread, if the pool takes no more work.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// for (i, square) in pool.imap(|x: u64| x * x, 0..100)?.enumerate() {
    ///     assert_eq!(square?, (i * i) as u64);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Blocks while a pool with a [limit](crate::Builder::max_queued) is full. Then it pulls the first items from the input on this
    /// thread, and so blocks as long as that does. Wakes workers. Allocates the window, once; no item allocates.
    pub fn imap<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T>, SubmitError<(F, I::IntoIter)>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        Imap::open(self, Plain(f), items.into_iter(), StreamOptions::in_order(true))
            .map_err(|(kind, Plain(f), input)| SubmitError::new(kind, (f, input)))
    }

    /// As [`imap`](Self::imap), and yields the results as they come. Python's `imap_unordered`.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// As for [`imap`](Self::imap).
    pub fn imap_unordered<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T>, SubmitError<(F, I::IntoIter)>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        Imap::open(self, Plain(f), items.into_iter(), StreamOptions::in_order(false))
            .map_err(|(kind, Plain(f), input)| SubmitError::new(kind, (f, input)))
    }

    /// A function over a lazily pulled input, with options: see [`Stream`].
    ///
    /// # Cost
    ///
    /// Wraps function and input: does not block, allocate, wake or run your code.
    pub fn stream<F, I, T>(&self, f: F, items: I) -> Stream<Plain<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Stream::new(self, Plain(f), items.into_iter())
    }

    /// As [`imap`](Self::imap), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// As for [`imap`](Self::imap).
    pub fn try_imap<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<(F, I::IntoIter)>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        Imap::open(self, Fallible(f), items.into_iter(), StreamOptions::in_order(true))
            .map_err(|(kind, Fallible(f), input)| SubmitError::new(kind, (f, input)))
    }

    /// As [`imap_unordered`](Self::imap_unordered), for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// As for [`imap`](Self::imap).
    pub fn try_imap_unordered<F, I, T, E>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T, E>, SubmitError<(F, I::IntoIter)>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        Imap::open(self, Fallible(f), items.into_iter(), StreamOptions::in_order(false))
            .map_err(|(kind, Fallible(f), input)| SubmitError::new(kind, (f, input)))
    }

    /// As [`stream`](Self::stream), for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// As for [`stream`](Self::stream).
    pub fn try_stream<F, I, T, E>(&self, f: F, items: I) -> Stream<Fallible<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Stream::new(self, Fallible(f), items.into_iter())
    }
}
