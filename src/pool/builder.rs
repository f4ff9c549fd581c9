use std::fmt;
use std::sync::Arc;

use super::config::Config;
use super::threads::Threads;
use super::{BuildError, DropPolicy, ThreadPool};
use crate::block::Unobserved;
use crate::worker::Profile;

/// Makes a [`ThreadPool`] to measure.
///
/// ```
/// use millpond::{DropPolicy, ThreadPool};
/// let pool = ThreadPool::builder()
///     .workers(2)
///     .thread_name_prefix("resize")
///     .stack_size(256 * 1024)
///     .initializer(|worker| println!("worker {worker} is here"))
///     .drop_policy(DropPolicy::Join)
///     .build()?;
/// assert_eq!(pool.workers(), 2);
/// # Ok::<(), millpond::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
#[derive(Default)]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// How many workers; if not called, as many as [`std::thread::available_parallelism`] said when this process made its first
    /// pool (it honours affinity and container quotas), or one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = Some(workers);
        self
    }

    /// Names the workers' threads `<prefix>-0`, `<prefix>-1` and so on; `millpond` if not called. Linux shows the first 15
    /// bytes.
    pub fn thread_name_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.thread_name(move |worker| format!("{prefix}-{worker}"))
    }

    /// Names each worker's thread. `name` runs in [`build`](Self::build), on its thread, before any worker is started.
    pub fn thread_name(mut self, name: impl Fn(usize) -> String + Send + 'static) -> Self {
        self.config.name = Some(Box::new(name));
        self
    }

    /// The stack of each worker, in bytes; the standard library's default if not called. Nested waits run the awaited
    /// work on the waiter's stack, so deep nesting wants a deep stack.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Runs once on each worker's thread, with the worker's index, before the worker's first task. Tasks that are
    /// submitted meanwhile wait.
    ///
    /// If it panics the pool is *broken*: all that is queued resolves to
    /// [`TaskError::Broken`](crate::TaskError::Broken) with the panic's message, and so does not hang; later submissions
    /// are refused; `join` works.
    pub fn initializer(mut self, initializer: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.initializer = Some(Arc::new(initializer));
        self
    }

    /// Runs on each worker's thread, with the worker's index, after its last task, if its initializer did not panic. A
    /// panic in it is swallowed.
    pub fn on_worker_exit(mut self, callback: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.on_exit = Some(Arc::new(callback));
        self
    }

    /// Runs when a result that is an error is dropped unread and no error callback was told of it: on the thread that drops it, or
    /// on the worker if the handle was gone before. It hears of functions that returned an error and of callbacks that panicked;
    /// not of panics of tasks, which the panic hook has reported, nor of what was cancelled or terminated, nor of what a stream
    /// had not yielded when it was dropped. A panic in it is swallowed. Results dropped after the pool and its handles are gone
    /// are not told.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(1).on_unobserved(|failure| eprintln!("{failure}")).build()?;
    /// drop(pool.try_apply_async(|| "http".parse::<u16>())?); // says so on stderr
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_unobserved(
        mut self,
        callback: impl Fn(&Unobserved<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.config.on_unobserved = Some(Arc::new(callback));
        self
    }

    /// How long a worker looks for work before it sleeps; if not called, [`Profile::Balanced`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.config.profile = profile;
        self
    }

    /// Lets at most so many submissions from outside be queued at one time, and lets further submitters wait; if not called nobody
    /// ever waits. This is back-pressure, for whoever submits faster than the workers work: memory has a bound then. 0 is
    /// refused by [`build`](Self::build).
    ///
    /// A submission holds a place as long as it is queued and alive. The place is free at the moment when a worker begins the task,
    /// or when it is cancelled. Submitters that wait are let in one by one, in the order in which they came, and nobody overtakes
    /// them. If the pool is closed, terminated or broken meanwhile, they get their work back. With
    /// [`Task::nonblocking`](crate::Task::nonblocking) a task is refused instead, if every place is used or somebody waits; that is for
    /// code which must not block its thread, such as asynchronous code.
    ///
    /// * What needs a place is every submission from outside: `apply`, `apply_async`, `spawn`, those of a scope, and the `map`s. A
    ///   stream waits once, before it begins.
    /// * What never waits is a submission by a thread of the pool itself: in a task, a callback that a worker runs, an
    ///   initializer. It would wait for itself. Nor does it count, but for those of initializers and exit callbacks, which
    ///   count and may exceed the limit.
    /// * A batch needs one place per worker that is to take part, at most, however many items it has; so does a stream.
    ///   Both begin with one, and the rest of them wait their turn like everybody else, but hold up no thread. The places of a
    ///   batch that is done or cancelled, and of a stream that is dropped, are free at once.
    /// * While submitters wait, each task that begins wakes one of them. For tasks of less than some ten microseconds a larger
    ///   limit does not help: the submitters are what is slow then.
    ///
    /// A submitter that waits while it holds what the workers wait for, a lock or a worker of another pool with a limit, waits
    /// for ever.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(2).max_queued(100).build()?;
    /// for line in 0..10_000 {
    ///     pool.spawn(move || assert!(line < 10_000))?; // waits whenever 100 lines are queued
    /// }
    /// pool.close();
    /// pool.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_queued(mut self, submissions: usize) -> Self {
        self.config.max_queued = Some(submissions);
        self
    }

    /// Whether a closed pool refuses what its own tasks and callbacks submit, as Python's does;
    /// if not called it takes that, so that accepted work can finish.
    ///
    /// Refused, with [`NotRunning`](crate::SubmitErrorKind::NotRunning) and with the work given
    /// back, is what the submitter does not wait for: `apply_async`, `spawn`, `map_async` and
    /// their kin, and the opening of a stream. So a task that submits itself again comes to an
    /// end, and with it [`join`](ThreadPool::join).
    ///
    /// What a running task waits for in the call itself is a part of this task, and goes on:
    /// `apply`, `map`, `starmap`, `map_slice`, `map_results` and their kin, and
    /// [`scope`](ThreadPool::scope) with all that is submitted inside it, also by the tasks of
    /// the scope. So do streams that were open when the pool was closed.
    ///
    /// ```
    /// use millpond::{PoolHandle, ThreadPool};
    /// fn again(pool: PoolHandle) {
    ///     // The pool's first refusal ends it. Without `strict_close` it would never end.
    ///     let _ = pool.clone().spawn(move || again(pool));
    /// }
    /// let pool = ThreadPool::builder().workers(1).strict_close(true).build()?;
    /// again(pool.handle());
    /// pool.close();
    /// pool.join()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn strict_close(mut self, yes: bool) -> Self {
        self.config.strict_close = yes;
        self
    }

    /// What dropping the pool does; [`DropPolicy::Terminate`] if not called.
    pub fn drop_policy(mut self, policy: DropPolicy) -> Self {
        self.config.drop_policy = policy;
        self
    }

    /// Starts the pool's threads, all of them, and does not wait for their initializers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there can be no such pool, or if the system refuses a thread. Then those that had been started
    /// are gone again when this returns.
    ///
    /// # Blocking
    ///
    /// Starts threads and allocates. Waits only in the case of failure, for the threads already started: for what their
    /// initializers take.
    pub fn build(self) -> Result<ThreadPool, BuildError> {
        Threads::start(self.config).map(ThreadPool::new_owner)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.config.workers)
            .field("stack_size", &self.config.stack_size)
            .field("max_queued", &self.config.max_queued)
            .field("strict_close", &self.config.strict_close)
            .field("drop_policy", &self.config.drop_policy)
            .finish_non_exhaustive()
    }
}
