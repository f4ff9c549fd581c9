//! The results of a fed stream as a `Stream` of the crate `futures-core`.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::Results;
use crate::block::TaskError;

/// Yields the results of a fed stream to asynchronous code: what
/// [`Results::into_stream`] returns.
///
/// It is a [`Stream`] of the crate `futures-core`, on whatever runtime. Its end, its errors and
/// what its drop does are those of [`Results`]. A worker of the same pool that waits for it runs no
/// items meanwhile.
#[must_use = "dropping it stops the stream"]
pub struct ResultStream<T, E = Infallible> {
    results: Results<T, E>,
    is_over: bool,
}

impl<T, E> Results<T, E> {
    /// Makes a [`Stream`] of the crate `futures-core` of the results that are left.
    ///
    /// It needs the feature `futures`. It is a type of its own, because an iterator and a stream
    /// have methods of the same names, such as `next` and `map`.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use smol::stream::StreamExt; // or that of `futures` or `tokio-stream`
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, results) = pool.fed_stream(|x: u64| x * x).buffersize(4).feed()?;
    /// let feeding = async move {
    ///     for x in 0..10 {
    ///         feeder.send_async(x).await.expect("the results are taken");
    ///     }
    /// };
    /// let taking = results.into_stream().map(Result::unwrap).collect::<Vec<_>>();
    /// let ((), squares) = smol::block_on(smol::future::zip(feeding, taking));
    /// assert_eq!(squares[9], 81);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call moves the results. It does not block, allocate, run your code or wake a thread. A
    /// poll costs as much as [`poll_next`](Self::poll_next).
    pub fn into_stream(self) -> ResultStream<T, E> {
        ResultStream { results: self, is_over: false }
    }
}

impl<T, E> ResultStream<T, E> {
    /// Gives the results back that are left, for a thread that is to wait for them.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use smol::stream::StreamExt;
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, results) = pool.fed_stream(|x: u64| x * x).buffersize(4).feed()?;
    /// feeder.send(2)?;
    /// feeder.send(3)?;
    /// drop(feeder);
    /// let mut stream = results.into_stream();
    /// assert_eq!(smol::block_on(stream.next()).unwrap()?, 4);
    /// assert_eq!(stream.into_results().collect::<Result<Vec<_>, _>>()?, [9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call moves the results. It does not block, allocate, run your code or wake a thread.
    pub fn into_results(self) -> Results<T, E> {
        self.results
    }
}

/// Yields the function's outcome for each item.
///
/// # Cost
///
/// A poll costs as much as [`Results::poll_next`].
impl<T, E> Stream for ResultStream<T, E> {
    type Item = Result<T, TaskError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.results.poll_next(context);
        self.is_over = matches!(next, Poll::Ready(None));
        next
    }
}

impl<T, E> FusedStream for ResultStream<T, E> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<T, E> fmt::Debug for ResultStream<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultStream").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
