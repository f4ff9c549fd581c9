use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::threads::Threads;
use super::{BuildError, Builder, JoinError, Pool};
use crate::sync::clock::Deadline;
use crate::sync::step;

/// Owns a pool of worker threads: Python's `multiprocessing.pool.ThreadPool`.
///
/// Dropping it ends the pool as [`DropPolicy`](crate::DropPolicy) says. By default the drop
/// resolves queued work as [`TaskError::Terminated`](crate::TaskError::Terminated), as leaving
/// Python's `with` block does. A program that wants its work done calls [`close`](Pool::close)
/// and [`join`](Self::join). In a debug build the drop says on stderr how many queued tasks it
/// discards.
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
/// It dereferences to [`Pool`], which has the verbs: [`apply_async`](Pool::apply_async),
/// [`map`](Pool::map), [`imap`](Pool::imap), [`scope`](Pool::scope) and the others. The page lists
/// them below, under "Methods from `Deref`".
pub struct ThreadPool {
    threads: Threads,
    pool: Pool,
}

impl ThreadPool {
    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    pub(super) fn new_owner(threads: Threads) -> Self {
        let pool = Pool::new(Arc::clone(threads.sched()));
        Self { threads, pool }
    }

    /// Makes a pool of this many workers.
    ///
    /// Everything else is as [`builder`](Self::builder) has it.
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    ///
    /// # Cost
    ///
    /// The call costs as much as [`Builder::build`], and runs none of your code.
    pub fn new(workers: usize) -> Result<Self, BuildError> {
        Self::builder().workers(workers).build()
    }

    /// Makes a builder, for a pool with options.
    ///
    /// # Cost
    ///
    /// The call does not block, allocate, run your code or wake a thread. [`Builder::build`] does
    /// the work.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Waits until all workers have left and their threads are gone.
    ///
    /// By then all that the workers ran has finished, callbacks included. If another thread
    /// terminates the pool at this moment, that thread may still be about to resolve some tasks
    /// when this returns. Several threads may call this, and each of them again.
    ///
    /// Tasks may go on submitting after `close`. The caller waits for what they submit too. A chain
    /// of tasks without an end needs [`strict_close`](Builder::strict_close).
    ///
    /// The call ends every open stream. An [`Imap`](crate::Imap) yields the results of the items
    /// that it has pulled, and then says with an error that its input was not read to the end. To
    /// let streams go on, call this when they are done, or wait with
    /// [`join_timeout`](Self::join_timeout), which ends none.
    ///
    /// # Errors
    ///
    /// [`JoinError::StillRunning`] if the pool was neither closed nor terminated,
    /// [`JoinError::WouldDeadlock`] on one of the pool's own threads, [`JoinError::Forked`] in the
    /// child of a fork.
    ///
    /// # Cost
    ///
    /// The caller blocks for as long as the accepted tasks take. The call does not allocate or run
    /// your code on this thread. It may wake the workers, each by a system call, if the pool
    /// was waiting for open streams alone.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn join(&self) -> Result<(), JoinError> {
        step::wait("join");
        self.threads.join()
    }

    /// Waits until all workers have left, or until the time is up.
    ///
    /// The workers' threads may still be about to exit when this returns. [`join`](Self::join)
    /// waits for that too.
    ///
    /// The call only looks. A call that times out has changed nothing, however often it is
    /// repeated. The workers of a closed pool stay as long as a stream is open, and this call ends
    /// no stream, unlike [`join`](Self::join). So it times out until each [`Imap`](crate::Imap) has
    /// come to its end or was dropped.
    ///
    /// # Errors
    ///
    /// Those of [`join`](Self::join), and [`JoinError::TimedOut`].
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`. The call does not allocate, run your code or wake a
    /// thread.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn join_timeout(&self, limit: Duration) -> Result<(), JoinError> {
        step::call("join_timeout");
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

// As for the pool that it dereferences to.
impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}
