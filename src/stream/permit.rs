use super::Stream;
use crate::block::{Fallible, Plain};
use crate::pool::Permit;

/// Many items, one by one, by a place that is reserved.
impl Permit {
    /// Does what [`Pool::stream`](crate::Pool::stream) does. The stream begins without waiting for
    /// a place.
    ///
    /// The permit is used up when the stream begins. From then on the stream's entry waits in the
    /// line whenever there is no place for it, and no thread waits for it but the consumer.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use std::time::Duration;
    /// let pool = ThreadPool::builder().workers(2).max_queued(4).build()?;
    /// let permit = pool.reserve_timeout(Duration::MAX)?;
    /// let mut squares = permit.stream(|x: u64| x * x, 0..).imap()?;
    /// assert_eq!(squares.nth(9).unwrap()?, 81);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::stream`](crate::Pool::stream).
    pub fn stream<F, I, T>(self, f: F, items: I) -> Stream<Plain<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        let (pool, entrance) = self.into_parts();
        Stream::new(pool, Plain(f), items.into_iter(), entrance)
    }

    /// Does what [`stream`](Self::stream) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`stream`](Self::stream).
    pub fn try_stream<F, I, T, E>(self, f: F, items: I) -> Stream<Fallible<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        let (pool, entrance) = self.into_parts();
        Stream::new(pool, Fallible(f), items.into_iter(), entrance)
    }
}
