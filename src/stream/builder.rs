use std::fmt;

use super::Imap;
use super::ring::StreamOptions;
use crate::block::{Each, SubmitError};
use crate::pool::{Pool, PoolHandle};

/// One function over a lazily pulled input, with options, not yet begun. Made by [`Pool::stream`] and [`Pool::try_stream`].
///
/// `M` is the function (in a wrapper that says whether it returns a `Result`), `I` the iterator over the items.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let mut squares = pool.stream(|x: u64| x * x, 0..).buffersize(8).imap()?;
/// assert_eq!(squares.next().unwrap()?, 0);
/// assert_eq!(squares.next().unwrap()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs until `imap` or `imap_unordered`"]
pub struct Stream<M, I> {
    pool: PoolHandle,
    each: M,
    input: I,
    options: StreamOptions,
}

impl<M, I: Iterator> Stream<M, I> {
    pub(super) fn new(pool: &Pool, each: M, input: I) -> Self {
        Self { pool: pool.handle(), each, input, options: StreamOptions::default() }
    }

    /// How many consecutive items one worker does before it looks for other work. If this is not called the pool takes what
    /// suits the items. Results are per item either way. 0 is refused at the call.
    ///
    /// # Cost
    ///
    /// Keeps a number: does not block, allocate, wake or run your code.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.options.chunksize = Some(items);
        self
    }

    /// The most items that may have been pulled and not yet yielded, strictly; 1 or more. 0 is refused at the call, and more
    /// than 1,048,576 is taken for that: there is a place for each from the beginning.
    ///
    /// If this is not called it is 64, or four chunks per worker if that is more. Where no [`chunksize`](Self::chunksize) was
    /// given either, it is 64 items that wait for a worker, more if they are short, and up to 1,024 in all: the stream pulls on while
    /// the result that is next in order is late and workers have nothing to do.
    ///
    /// Where the input says by its [`size_hint`](Iterator::size_hint) that it is shorter, there is room for that many, or for one per
    /// worker if that is more, and for one more.
    ///
    /// A window of n keeps n items running, if there are n workers; less than one item per worker leaves workers idle.
    ///
    /// # Cost
    ///
    /// Keeps a number: does not block, allocate, wake or run your code.
    pub fn buffersize(mut self, items: usize) -> Self {
        self.options.buffersize = Some(items);
        self
    }

    /// Begins, and yields results in the order of the items.
    ///
    /// # Errors
    ///
    /// This stream itself, with its input and all that was set on it, if the pool takes no more work or a size is 0.
    ///
    /// # Cost
    ///
    /// As [`Pool::imap`].
    pub fn imap<T, E>(self) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.begin(true)
    }

    /// Begins, and yields results as they come.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// As for [`imap`](Self::imap).
    pub fn imap_unordered<T, E>(self) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.begin(false)
    }

    fn begin<T, E>(mut self, ordered: bool) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.options.ordered = ordered;
        let Self { pool, each, input, options } = self;
        Imap::open(&pool, each, input, options).map_err(|(kind, each, input)| {
            SubmitError::new(kind, Self { pool, each, input, options })
        })
    }
}

impl<M, I> fmt::Debug for Stream<M, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("pool", &self.pool)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
