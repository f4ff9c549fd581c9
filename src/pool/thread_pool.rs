use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::threads::Threads;
use super::{BuildError, Builder, JoinError, Pool};
use crate::sync::clock::Deadline;

/// A pool of worker threads: Python's `multiprocessing.pool.ThreadPool`.
///
/// It owns the threads. Dropping it ends the pool as [`DropPolicy`](crate::DropPolicy) says: by default queued work is
/// resolved as [`TaskError::Terminated`](crate::TaskError::Terminated), as on leaving Python's `with` block. A program that wants
/// its work done calls [`close`](Pool::close) and [`join`](Self::join). In a debug build the drop says on stderr how many queued
/// tasks it discards.
///
/// ```
/// use millpond::ThreadPool;
///
/// let pool = ThreadPool::new(4)?;
/// let answer = pool.apply_async(|| 6 * 7)?; // one call, and a handle to its result
/// let squares = pool.map(|x: u64| x * x, 0..10)?; // many items, all at once
/// for length in pool.imap(|word: &str| word.len(), ["tarn", "mere"])? {
///     assert_eq!(length?, 4); // many items, one by one
/// }
/// assert_eq!((answer.get()?, squares[9]), (42, 81));
/// pool.close();
/// pool.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The verbs stand on [`Pool`], to which it dereferences: [`apply_async`](Pool::apply_async), [`map`](Pool::map),
/// [`imap`](Pool::imap), [`scope`](Pool::scope) and the others are listed below under "Methods from `Deref`".
pub struct ThreadPool {
    threads: Threads,
    pool: Pool,
}

impl ThreadPool {
    pub(super) fn new_owner(threads: Threads) -> Self {
        let pool = Pool::new(Arc::clone(threads.sched()));
        Self { threads, pool }
    }

    /// A pool of this many workers, and everything else as [`builder`](Self::builder) has it.
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    ///
    /// # Cost
    ///
    /// Allocates, and starts this many threads.
    pub fn new(workers: usize) -> Result<Self, BuildError> {
        Self::builder().workers(workers).build()
    }

    /// A pool with options.
    ///
    /// # Cost
    ///
    /// Does not block, allocate, wake or run your code: the work is [`Builder::build`]'s.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Waits until all workers have left: everything that they ran, callbacks included, has finished by then, and every thread is
    /// gone. What another thread is terminating at this moment may still be about to be resolved there.
    /// May be repeated, and called from several threads.
    ///
    /// Tasks may go on submitting after `close`, and what they submit is waited for too: for a
    /// chain of tasks without an end there is [`strict_close`](Builder::strict_close).
    ///
    /// It ends every open stream: an [`Imap`](crate::Imap) yields what it has pulled, and then says with an
    /// error that its input was not read to the end. To let streams go on, call it when they are
    /// done, or wait with [`join_timeout`](Self::join_timeout), which ends none.
    ///
    /// # Errors
    ///
    /// [`JoinError::StillRunning`] if the pool was neither closed nor terminated, [`JoinError::WouldDeadlock`] on one of the
    /// pool's own threads.
    ///
    /// # Cost
    ///
    /// Blocks for as long as the accepted tasks take. Allocates nothing, runs none of your code on this thread.
    pub fn join(&self) -> Result<(), JoinError> {
        self.threads.join()
    }

    /// Waits until all workers have left, or until the time is up. Their threads may still be about to exit when this
    /// returns; [`join`](Self::join) waits for that too.
    ///
    /// It only looks: a call that times out has changed nothing, however often it is repeated. The
    /// workers of a closed pool stay as long as a stream is open, and this ends none, unlike
    /// [`join`](Self::join): so it times out until each [`Imap`](crate::Imap) has come to its end or was
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join), and [`JoinError::TimedOut`].
    ///
    /// # Cost
    ///
    /// Blocks for up to `limit`. Allocates nothing, runs none of your code on this thread.
    pub fn join_timeout(&self, limit: Duration) -> Result<(), JoinError> {
        self.threads.wait(Deadline::after(limit).as_ref())
    }
}

impl Deref for ThreadPool {
    type Target = Pool;

    #[inline]
    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}
