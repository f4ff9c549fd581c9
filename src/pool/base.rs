use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::PoolHandle;
use crate::block::Panic;
use crate::sched::{Sched, Stage};

/// A pool as its users see it: everything that can be asked of a [`ThreadPool`](crate::ThreadPool) or of a
/// [`PoolHandle`](crate::PoolHandle).
///
/// Both dereference to it. It cannot be cloned: a clone of a [`PoolHandle`](crate::PoolHandle) is a handle, and never an owner.
///
/// The verbs come in two forms. Those whose function returns a plain value fail only if it panics. Those that begin with
/// `try_` take a function that returns a `Result`: an `Err` is what a raised exception is in Python, and becomes
/// [`TaskError::Failed`](crate::TaskError::Failed).
pub struct Pool {
    sched: Arc<Sched>,
}

/// What a pool takes, and whether it is about to end. Read by [`Pool::state`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PoolState {
    /// It takes work.
    Running,
    /// It was closed: it finishes what it has accepted.
    Closed,
    /// It was terminated: what had not begun is resolved, what is running finishes.
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

    /// A handle that submits to this pool without owning it.
    ///
    /// # Cost
    ///
    /// Raises a count: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn handle(&self) -> PoolHandle {
        PoolHandle::new(self.shared())
    }

    /// How many workers the pool has.
    ///
    /// # Cost
    ///
    /// Reads one number: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.sched.queues.workers()
    }

    /// What the pool takes at this moment. Another thread may have changed it by the time the caller looks at the answer.
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
    /// Reads one word: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn state(&self) -> PoolState {
        match self.sched.stage() {
            Stage::Run => PoolState::Running,
            Stage::Closed | Stage::Draining | Stage::Drained => PoolState::Closed,
            Stage::Terminate => PoolState::Terminated,
            Stage::Broken => PoolState::Broken,
        }
    }

    /// How many queue entries will still run something: submitted calls, and the entries of batches and streams. What was cancelled
    /// does not count. The number may be old by the time it is read.
    ///
    /// # Cost
    ///
    /// Reads a few words per worker: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.sched.queued()
    }

    /// How many workers are running something. The number may be old by the time it is read.
    ///
    /// # Cost
    ///
    /// Reads one word per worker: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn active(&self) -> usize {
        self.sched.active()
    }

    /// The panic of the initializer that has broken the pool, with its payload; `None` if none has.
    ///
    /// ```
    /// use millpond::{PoolState, ThreadPool};
    /// let pool = ThreadPool::builder().workers(1).initializer(|_| panic!("no such device")).build()?;
    /// while pool.state() != PoolState::Broken {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(pool.broken_by().and_then(|panic| panic.message()), Some("no such device"));
    /// # Ok::<(), millpond::BuildError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Reads one word: does not block, allocate, wake or run your code.
    #[must_use]
    pub fn broken_by(&self) -> Option<&Panic> {
        if self.state() == PoolState::Broken { self.sched.broken_by() } else { None }
    }

    /// Takes no more work: everything accepted is finished, then the workers leave. Returns at once. Repeated, or after
    /// [`terminate`](Self::terminate), it does nothing.
    ///
    /// The pool's own workers (tasks, callbacks) may go on submitting, so that accepted work can finish. So a task that submits
    /// itself again and again keeps the pool from ending, where Python's pool refuses it:
    /// [`strict_close`](crate::Builder::strict_close) does so here. A stream that is open goes on pulling its input, until it ends,
    /// is dropped, or is ended by [`join`](crate::ThreadPool::join).
    ///
    /// # Cost
    ///
    /// Does not wait for workers. Wakes every sleeping worker and every thread that waits for space. Runs none of your code.
    pub fn close(&self) {
        self.sched.close();
    }

    /// Takes no more work, and resolves everything that is queued as [`TaskError::Terminated`](crate::TaskError::Terminated).
    ///
    /// Before this returns, and on the calling thread, waiters are woken, error callbacks run and closures are dropped. (For an entry
    /// that a worker is moving from one queue to another at this moment, that worker does it.) Tasks that are running go on to their
    /// end, and this does not wait for them. It may be called anywhere, in a task or callback too.
    ///
    /// Two programs deadlock here by their own doing: one that calls this while it holds a lock that an error callback, or the `Drop`
    /// of a queued closure's captures, wants to take; and one whose error callback waits without a limit for another task of this
    /// pool, which may be queued behind its own.
    ///
    /// # Cost
    ///
    /// Runs your error callbacks and your `Drop`s, and takes as long as they do. Wakes every sleeping worker and every waiter.
    pub fn terminate(&self) {
        self.sched.terminate();
    }
}

// A pool contains the panics of its tasks, and keeps no state that a panic of its user could leave half done.
impl UnwindSafe for Pool {}
impl RefUnwindSafe for Pool {}

impl fmt::Debug for Pool {
    /// Never locks. The numbers may be old by the time they are read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("state", &self.state())
            .field("workers", &self.workers())
            .field("queued", &self.queued())
            .field("active", &self.active())
            .finish()
    }
}
