use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::shared::Shared;
use super::{Feeder, Results};
use crate::block::{Each, Fallible, Plain, SubmitError};
use crate::pool::Pool;
use crate::sched::FedStream;
use crate::stream::Stream;
use crate::stream::open::{least_window, open_stream};
use crate::sync::step;
use crate::worker::Entrance;

/// What a fed [`Stream`] has instead of an input: the items, of type `A`, come from a [`Feeder`].
pub struct Fed<A>(PhantomData<fn(A)>);

impl<A> fmt::Debug for Fed<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fed")
    }
}

/// Many items, one by one, from other threads.
impl Pool {
    /// Makes a stream whose items other threads send, and does not begin it.
    ///
    /// [`feed`](Stream::feed) begins it, and returns the two ends: a [`Feeder`] takes the items,
    /// and [`Results`] yield the results. Each may be on a thread or in an asynchronous task of its
    /// own. So a broker's messages go in while results come out.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, results) = pool.fed_stream(|line: &str| line.len()).buffersize(16).feed()?;
    /// let reader = std::thread::spawn(move || {
    ///     for line in ["from", "a", "broker"] {
    ///         feeder.send(line).expect("the results are taken");
    ///     }
    /// });
    /// assert_eq!(results.collect::<Result<Vec<_>, _>>()?, [4, 1, 6]);
    /// reader.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call raises a count. It does not block, allocate, run your code or wake a thread.
    pub fn fed_stream<F, A, T>(&self, f: F) -> Stream<Plain<F>, Fed<A>>
    where
        F: Fn(A) -> T,
    {
        Stream::new(self.handle(), Plain(f), Fed(PhantomData), Entrance::Ask(None))
    }

    /// Does what [`fed_stream`](Self::fed_stream) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`fed_stream`](Self::fed_stream).
    pub fn try_fed_stream<F, A, T, E>(&self, f: F) -> Stream<Fallible<F>, Fed<A>>
    where
        F: Fn(A) -> Result<T, E>,
    {
        Stream::new(self.handle(), Fallible(f), Fed(PhantomData), Entrance::Ask(None))
    }
}

/// A stream that other threads feed.
impl<M, A> Stream<M, Fed<A>> {
    /// Begins the stream, whose results come in the order of the items.
    ///
    /// Without a [`buffersize`](Self::buffersize) the window is 64 items, or four chunks per worker
    /// if that is more.
    ///
    /// # Errors
    ///
    /// If the pool takes no more work, if a size is 0, or if the pool is full and the stream does
    /// not [wait](Self::when_full), the error holds this stream itself.
    ///
    /// # Cost
    ///
    /// The caller blocks while a pool with a [limit](crate::Builder::max_queued) is full. The call
    /// allocates the window and the two ends. It does not run your code or wake a thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn feed<T, E>(self) -> Result<(Feeder<A>, Results<T, E>), SubmitError<Self>>
    where
        M: Each<A, T, E> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        step::call("feed");
        self.begin_fed(true)
    }

    /// Begins the stream, which yields each result when it is there.
    ///
    /// # Errors
    ///
    /// Those of [`feed`](Self::feed).
    ///
    /// # Cost
    ///
    /// The call costs as much as [`feed`](Self::feed).
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn feed_unordered<T, E>(self) -> Result<(Feeder<A>, Results<T, E>), SubmitError<Self>>
    where
        M: Each<A, T, E> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        step::call("feed_unordered");
        self.begin_fed(false)
    }

    fn begin_fed<T, E>(
        mut self,
        ordered: bool,
    ) -> Result<(Feeder<A>, Results<T, E>), SubmitError<Self>>
    where
        M: Each<A, T, E> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.options.ordered = ordered;
        if let Some(kind) = self.options.fault() {
            return Err(SubmitError::new(kind, self));
        }
        let Self { pool, each, input, options, entrance } = self;
        let again = entrance.again();
        let mut fixed = options;
        fixed.buffersize.get_or_insert_with(|| least_window(pool.sched(), options.chunksize));
        match open_stream(pool.sched(), each, fixed, None, entrance) {
            Ok(mut stream) => {
                let shared = Arc::new(Shared::new(&mut stream));
                let fed: Arc<dyn FedStream> = Arc::clone(&shared) as _;
                pool.sched().enter_fed(Arc::downgrade(&fed));
                let feeder = Feeder::new(pool.shared(), Arc::clone(&shared) as _);
                Ok((feeder, Results::new(pool.shared(), stream, shared)))
            }
            Err((kind, each)) => {
                let handle = pool.clone();
                Err(handle
                    .sched()
                    .refused(kind, Self { pool, each, input, options, entrance: again }))
            }
        }
    }
}
