use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Pool;
use crate::sched::Sched;
use crate::worker;

/// Submits to a pool without owning it: cheap to clone, free to send, and it never keeps the threads alive.
///
/// Everything that it can do stands on [`Pool`], to which it dereferences.
///
/// ```
/// use millpond::{PoolHandle, ThreadPool};
/// let pool = ThreadPool::new(1)?;
/// let follow_up = pool.apply(|| {
///     let pool = PoolHandle::current().expect("inside a task");
///     pool.apply_async(|| "from inside")
/// })??;
/// assert_eq!(follow_up.get()?, "from inside");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolHandle {
    pool: Pool,
}

impl PoolHandle {
    pub(super) fn new(sched: Arc<Sched>) -> Self {
        Self { pool: Pool::new(sched) }
    }

    /// The pool whose worker the calling thread is: inside a task, or a callback of a task that has run.
    ///
    /// # Cost
    ///
    /// Reads a thread-local: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn current() -> Option<Self> {
        worker::current_pool().map(Self::new)
    }
}

impl Clone for PoolHandle {
    fn clone(&self) -> Self {
        Self::new(self.pool.shared())
    }
}

impl Deref for PoolHandle {
    type Target = Pool;

    #[inline]
    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}
