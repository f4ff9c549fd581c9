use super::ring::StreamOptions;
use super::{Imap, Stream};
use crate::block::{Fallible, Plain, SubmitError};
use crate::pool::Pool;
use crate::worker::Entrance;

/// Many items, one by one.
impl Pool {
    /// Lets the workers call `f` with each item, and yields the results in the order of the items.
    ///
    /// It is Python's `imap`. The consumer pulls the input as it takes results.
    /// [`stream`](Self::stream) does this with options.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, the error holds function and input, which is unread.
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
    /// The caller blocks while a pool with a [limit](crate::Builder::max_queued) is full, and then
    /// while it pulls the first items. The call allocates the window, once; no item allocates. It
    /// runs the input's iterator on this thread. It may wake a worker with each item that it pulls,
    /// which is a system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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
        Imap::open(
            self,
            Plain(f),
            items.into_iter(),
            StreamOptions::in_order(true),
            Entrance::Ask(None),
        )
        .map_err(|(kind, Plain(f), input)| self.sched().refused(kind, (f, input)))
    }

    /// Does what [`imap`](Self::imap) does, but yields each result when it is there.
    ///
    /// It is Python's `imap_unordered`.
    ///
    /// # Errors
    ///
    /// Those of [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`imap`](Self::imap).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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
        Imap::open(
            self,
            Plain(f),
            items.into_iter(),
            StreamOptions::in_order(false),
            Entrance::Ask(None),
        )
        .map_err(|(kind, Plain(f), input)| self.sched().refused(kind, (f, input)))
    }

    /// Makes a stream with options, such as a window, and does not begin it: see [`Stream`].
    ///
    /// # Cost
    ///
    /// The call asks the items for their iterator, on this thread, and reads nothing of it. It does
    /// not block, allocate or wake a thread.
    pub fn stream<F, I, T>(&self, f: F, items: I) -> Stream<Plain<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Stream::new(self.handle(), Plain(f), items.into_iter(), Entrance::Ask(None))
    }

    /// Does what [`imap`](Self::imap) does, for a function that returns a `Result`.
    ///
    /// # Errors
    ///
    /// Those of [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`imap`](Self::imap).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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
        Imap::open(
            self,
            Fallible(f),
            items.into_iter(),
            StreamOptions::in_order(true),
            Entrance::Ask(None),
        )
        .map_err(|(kind, Fallible(f), input)| self.sched().refused(kind, (f, input)))
    }

    /// Does what [`imap_unordered`](Self::imap_unordered) does, for functions that return a
    /// `Result`.
    ///
    /// # Errors
    ///
    /// Those of [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`imap`](Self::imap).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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
        Imap::open(
            self,
            Fallible(f),
            items.into_iter(),
            StreamOptions::in_order(false),
            Entrance::Ask(None),
        )
        .map_err(|(kind, Fallible(f), input)| self.sched().refused(kind, (f, input)))
    }

    /// Does what [`stream`](Self::stream) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`stream`](Self::stream).
    pub fn try_stream<F, I, T, E>(&self, f: F, items: I) -> Stream<Fallible<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        Stream::new(self.handle(), Fallible(f), items.into_iter(), Entrance::Ask(None))
    }
}
