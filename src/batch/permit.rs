use super::Batch;
use crate::block::{Fallible, Plain};
use crate::pool::Permit;

/// Many items, all at once, by a place that is reserved.
impl Permit {
    /// Does what [`Pool::batch`](crate::Pool::batch) does. The batch never waits for a place.
    ///
    /// The first of its entries has the permit's place. The other entries wait in the line, and no
    /// thread waits for them.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// # pollster::block_on(async {
    /// let pool = ThreadPool::builder().workers(2).max_queued(4).build()?;
    /// let permit = pool.reserve().await?;
    /// let squares = permit.batch(|x: u64| x * x, 0..100).map_async()?.await?;
    /// assert_eq!(squares[9], 81);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Pool::batch`](crate::Pool::batch).
    pub fn batch<F, I, T>(self, f: F, items: I) -> Batch<Plain<F>, I::IntoIter, T>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        let (pool, entrance) = self.into_parts();
        Batch::new(pool, Plain(f), items.into_iter(), entrance)
    }

    /// Does what [`batch`](Self::batch) does, for a function that returns a `Result`.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`batch`](Self::batch).
    pub fn try_batch<F, I, T, E>(self, f: F, items: I) -> Batch<Fallible<F>, I::IntoIter, T, E>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> Result<T, E>,
    {
        let (pool, entrance) = self.into_parts();
        Batch::new(pool, Fallible(f), items.into_iter(), entrance)
    }
}
