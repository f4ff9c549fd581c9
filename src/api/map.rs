use std::marker::PhantomData;

use super::PoolHandle;
use super::handle::not_submitted;
use crate::task::{Cut, MapResults, MapSlice, Plain, TaskError};
use crate::worker;

/// The maps that Python has no counterpart to.
impl PoolHandle {
    /// As [`map`](Self::map) over the elements of a slice, which stays where it is: nothing is
    /// collected.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map).
    ///
    /// # Blocking
    ///
    /// Until every element is done. Allocates the values, and one block.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let words = vec![String::from("tarn"), String::from("pond")];
    /// assert_eq!(pool.map_slice(String::len, &words)?, [4, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_slice<'a, F, A, T>(&self, f: F, slice: &'a [A]) -> Result<Vec<T>, TaskError>
    where
        F: Fn(&'a A) -> T + Sync,
        A: Sync,
        T: Send,
    {
        let (mapping, indices) = (MapSlice { f: &f, slice }, vec![(); slice.len()]);
        worker::map_and_wait(self.sched(), mapping, indices, Cut::default())
            .unwrap_or_else(|kind| Err(not_submitted(kind)))
    }

    /// As [`map`](Self::map), and every item has a result of its own: a failure takes no other's
    /// value with it.
    ///
    /// # Errors
    ///
    /// [`TaskError::NotSubmitted`] if the pool takes no more work, [`TaskError::Terminated`] or
    /// [`TaskError::Broken`] if the pool ended before every item had begun.
    ///
    /// # Blocking
    ///
    /// As for [`map`](Self::map).
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let tenths = pool.map_results(|x: u32| 10 / x, 0..3)?;
    /// assert!(tenths[0].is_err());
    /// assert!(matches!(tenths[2], Ok(5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_results<F, I, T>(&self, f: F, items: I) -> Result<Vec<Result<T, TaskError>>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        let mapping = MapResults { each: Plain(&f), types: PhantomData };
        worker::may_wait(self.sched())
            .and_then(|()| {
                let items = items.into_iter().collect();
                worker::map_and_wait(self.sched(), mapping, items, Cut::default())
            })
            .unwrap_or_else(|kind| Err(not_submitted(kind)))
    }
}
