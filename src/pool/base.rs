use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::PoolHandle;
use crate::block::Panic;
use crate::sched::{Sched, Stage};
use crate::sync::step;

/// Has every verb of a pool: all that a [`ThreadPool`](crate::ThreadPool) and a
/// [`PoolHandle`](crate::PoolHandle) can do.
///
/// Both dereference to it. A `Pool` cannot be cloned. A clone of a
/// [`PoolHandle`](crate::PoolHandle) is a handle, and never an owner.
///
/// The verbs come in two forms. A verb whose function returns a plain value fails only if the
/// function panics. A verb that begins with `try_` takes a function that returns a `Result`. Its
/// `Err` stands for what a raised exception is in Python, and becomes
/// [`TaskError::Failed`](crate::TaskError::Failed).
pub struct Pool {
    sched: Arc<Sched>,
}

/// Tells what work a pool takes, and whether it is about to end: see [`Pool::state`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PoolState {
    /// The pool takes work.
    Running,
    /// The pool was closed. Its workers finish the work that it has accepted.
    Closed,
    /// The pool was terminated. Tasks that had not begun are resolved, and running tasks finish.
    Terminated,
    /// An initializer panicked: see [`Pool::broken_by`].
    Broken,
}

impl Pool {
    pub(super) fn new(sched: Arc<Sched>) -> Self {
        Self { sched }
    }

    #[inline]
    pub(crate) fn sched(&self) -> &Sched {
        &self.sched
    }

    pub(crate) fn shared(&self) -> Arc<Sched> {
        Arc::clone(&self.sched)
    }

    /// Gives a handle that submits to this pool without owning it.
    ///
    /// # Cost
    ///
    /// The call raises a count. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn handle(&self) -> PoolHandle {
        PoolHandle::new(self.shared())
    }

    /// Returns how many workers the pool has.
    ///
    /// # Cost
    ///
    /// The call reads one number. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.sched.queues.workers()
    }

    /// Returns whether the pool takes work at this moment, and if not, why.
    ///
    /// Another thread may have changed that by the time the caller looks at the answer.
    ///
    /// ```
    /// use millpond::{PoolState, ThreadPool};
    /// let pool = ThreadPool::new(1)?;
    /// assert_eq!(pool.state(), PoolState::Running);
    /// pool.close();
    /// assert_eq!(pool.state(), PoolState::Closed);
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call reads one word. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn state(&self) -> PoolState {
        step::call("state");
        match self.sched.stage() {
            Stage::Run => PoolState::Running,
            Stage::Closed | Stage::Draining | Stage::Drained => PoolState::Closed,
            Stage::Terminate => PoolState::Terminated,
            Stage::Broken => PoolState::Broken,
        }
    }

    /// Returns how many queue entries will still run something.
    ///
    /// The pool counts submitted calls, and the entries of batches and streams. It does not count
    /// cancelled work. The number may be old by the time the caller reads it.
    ///
    /// # Cost
    ///
    /// The call reads a few words per worker. It does not block, allocate, run your code or wake a
    /// thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn queued(&self) -> usize {
        step::call("queued");
        self.sched.queued()
    }

    /// Returns how many workers are running something.
    ///
    /// The number may be old by the time the caller reads it.
    ///
    /// # Cost
    ///
    /// The call reads one word per worker. It does not block, allocate, run your code or wake a
    /// thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn active(&self) -> usize {
        step::call("active");
        self.sched.active()
    }

    /// Returns the panic of the initializer that has broken the pool, with its payload.
    ///
    /// It returns `None` if no initializer has broken the pool.
    ///
    /// ```
    /// use millpond::{PoolState, ThreadPool};
    /// let pool =
    ///     ThreadPool::builder().workers(1).initializer(|_| panic!("no such device")).build()?;
    /// while pool.state() != PoolState::Broken {
    ///     std::thread::yield_now();
    /// }
    /// let message = pool.broken_by().and_then(|panic| panic.message());
    /// assert_eq!(message, Some("no such device"));
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call reads two words. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn broken_by(&self) -> Option<&Panic> {
        step::call("broken_by");
        if self.state() == PoolState::Broken {
            self.sched.broken_by().map(|panic| &**panic)
        } else {
            None
        }
    }

    /// Closes the pool, and returns at once: the pool takes no more work.
    ///
    /// The workers finish all accepted work, and then they leave. A call of `close` after the first
    /// one, or after [`terminate`](Self::terminate), does nothing.
    ///
    /// The pool's own workers may go on submitting, in tasks and callbacks, so that accepted work
    /// can finish. So a task that submits itself again and again keeps the pool from ending, where
    /// Python's pool refuses it. [`strict_close`](crate::Builder::strict_close) lets this pool
    /// refuse it too.
    ///
    /// An open stream goes on pulling its input, until the input ends, the stream is dropped, or
    /// [`join`](crate::ThreadPool::join) ends the stream.
    ///
    /// # Cost
    ///
    /// The caller does not wait for workers. The call allocates only if the pool has a
    /// [limit](crate::Builder::max_queued) and its line of waiters is not empty. It runs none of
    /// your code. It wakes every sleeping worker and every thread that waits for a place, each by a
    /// system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn close(&self) {
        step::call("close");
        self.sched.close();
    }

    /// Terminates the pool: it takes no more work, and all queued work is resolved as
    /// [`TaskError::Terminated`](crate::TaskError::Terminated).
    ///
    /// The caller resolves the queued work itself, before this returns: it wakes the waiters, runs
    /// the error callbacks and drops the closures. If a worker is moving an entry from one queue to
    /// another at this moment, that worker resolves the entry. Of the tasks from outside the oldest
    /// begin and the youngest are dropped: a worker that has taken one begins it.
    ///
    /// A closed pool that has nothing left to do has ended: then the call changes nothing, and
    /// [`state`](Self::state) stays [`Closed`](PoolState::Closed).
    ///
    /// Running tasks go on to their end, and the caller does not wait for them. Any thread may call
    /// this, also in a task or a callback.
    ///
    /// Two programs deadlock here by their own doing. In the first the caller holds a lock that an
    /// error callback wants to take, or the `Drop` of what a queued closure has captured. In the
    /// second an error callback waits without a limit for another task of this pool, which may be
    /// queued behind its own.
    ///
    /// # Cost
    ///
    /// The caller blocks for as long as your code takes. The call runs your error callbacks and
    /// your `Drop`s on this thread. It may allocate. It wakes every sleeping worker and every
    /// waiter, each by a system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn terminate(&self) {
        step::call("terminate");
        self.sched.terminate();
    }
}

// A pool contains the panics of its tasks. It keeps no state that a panic of its user could leave
// half done.
impl UnwindSafe for Pool {}
impl RefUnwindSafe for Pool {}

impl fmt::Debug for Pool {
    /// Shows the state and the counts, and never waits for a lock. The numbers may be old when they
    /// are read. `{:#?}` shows what the workers run too, if the pool counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let books = self.sched.books().filter(|_| f.alternate());
        let mut shown = f.debug_struct("ThreadPool");
        shown
            .field("state", &self.state())
            .field("workers", &self.workers())
            .field("queued", &self.queued())
            .field("active", &self.active());
        if let Some(books) = books {
            shown.field("running", &books.running(false));
        }
        shown.finish()
    }
}
