use std::fmt;

use super::Imap;
use super::ring::StreamOptions;
use crate::block::{Each, SubmitError};
#[cfg(doc)]
use crate::pool::Pool;
use crate::pool::PoolHandle;
use crate::sched::WhenFull;
use crate::worker::Entrance;

/// Collects the options of a stream that has not begun: one function over a lazily pulled input.
///
/// [`Pool::stream`] and [`Pool::try_stream`] make it.
///
/// `M` is the function, in a wrapper that says whether it returns a `Result`. `I` is the iterator
/// over the items, or [`Fed`](crate::Fed) if a [`Feeder`](crate::Feeder) sends them.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::new(2)?;
/// let mut squares = pool.stream(|x: u64| x * x, 0..).buffersize(8).imap()?;
/// assert_eq!(squares.next().unwrap()?, 0);
/// assert_eq!(squares.next().unwrap()?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing runs until `imap`, `feed` or their like"]
pub struct Stream<M, I> {
    pub(super) pool: PoolHandle,
    pub(super) each: M,
    pub(super) input: I,
    pub(super) options: StreamOptions,
    pub(super) entrance: Entrance,
}

impl<M, I> Stream<M, I> {
    pub(super) fn new(pool: PoolHandle, each: M, input: I, entrance: Entrance) -> Self {
        Self { pool, each, input, options: StreamOptions::default(), entrance }
    }

    /// Sets how many items one worker does before it looks for other work.
    ///
    /// Without this call a worker may turn to other work after each item, or after up to 16 short
    /// ones. Either way each item has a result of its own. [`imap`](Self::imap) refuses 0.
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.options.chunksize = Some(items);
        self
    }

    /// Sets the window: the most items that the consumer may have pulled and not yet yielded.
    ///
    /// The bound is strict. It is 1 or more: [`imap`](Self::imap) refuses 0. A larger number than
    /// 1,048,576 counts as 1,048,576, since the window has a slot for each item from the beginning.
    ///
    /// Without this call the window can grow. The consumer then pulls until 64 items wait for a
    /// worker, or four chunks per worker if that is more, and more of them if they are short. With
    /// running and finished items, up to 1,024 are ahead, or four chunks per worker if that is
    /// more. So the consumer pulls on while the result that is next in order is late and workers
    /// have nothing to do.
    ///
    /// The input may say by its [`size_hint`](Iterator::size_hint) that it is shorter. Then the
    /// window shrinks to that many items, or to one per worker if that is more, and one more. The
    /// extra slot lets the first call find the input's end.
    ///
    /// A window of n items keeps n items running, if there are n workers. A window of less than one
    /// item per worker leaves workers idle.
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn buffersize(mut self, items: usize) -> Self {
        self.options.buffersize = Some(items);
        self
    }

    /// Sets what becomes of the stream if the pool is [full](crate::Builder::max_queued) when it
    /// begins.
    ///
    /// Without this call it is as the [builder](crate::Builder::when_full) of the pool has it. A
    /// stream that has begun is never refused: its entries wait in the line, and no thread waits
    /// for them. A stream that was made by a [`Permit`](crate::Permit) begins at once, so this
    /// changes nothing.
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.entrance.set(when_full);
        self
    }
}

impl<M, I: Iterator> Stream<M, I> {
    /// Begins the stream, which yields results in the order of the items.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, if a size is 0, or if the pool is full and the stream does
    /// not [wait](Self::when_full), the error holds this stream itself, with its input and all that
    /// was set on it. A permit that the stream was made by is used up, unless a size was 0.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::imap`].
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn imap<T, E>(self) -> Result<Imap<I, T, E>, SubmitError<Self>>
    where
        M: Each<I::Item, T, E> + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.begin(true)
    }

    /// Begins the stream, which yields each result when it is there.
    ///
    /// # Errors
    ///
    /// Those of [`imap`](Self::imap).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`imap`](Self::imap).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
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
        if let Some(kind) = self.options.fault() {
            return Err(SubmitError::new(kind, self));
        }
        let Self { pool, each, input, options, entrance } = self;
        let again = entrance.again();
        Imap::open(&pool, each, input, options, entrance).map_err(|(kind, each, input)| {
            let handle = pool.clone();
            handle.sched().refused(kind, Self { pool, each, input, options, entrance: again })
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
