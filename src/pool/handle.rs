use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::Pool;
use crate::sched::Sched;
use crate::worker;

/// Submits to a pool without owning it.
///
/// A handle is cheap to clone and may be sent to any thread. It never keeps the threads alive. It
/// dereferences to [`Pool`], which has every verb.
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

    /// Gives the pool whose worker the calling thread is.
    ///
    /// There is one inside a task, and inside a callback of a task that has run.
    ///
    /// # Cost
    ///
    /// The call reads a thread-local and raises a count. It does not block, allocate, run your code
    /// or wake a thread.
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

// As for the pool that it dereferences to.
impl UnwindSafe for PoolHandle {}
impl RefUnwindSafe for PoolHandle {}

impl fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}
