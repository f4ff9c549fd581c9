use std::fmt;
use std::sync::Arc;

use super::config::Config;
use super::threads::Threads;
use super::{BuildError, DropPolicy, ThreadPool};
use crate::block::Unobserved;
use crate::sched::WhenFull;
use crate::worker::Profile;

/// Makes a [`ThreadPool`] with options.
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
    /// Sets how many workers the pool has.
    ///
    /// Without this call there are as many as [`std::thread::available_parallelism`] said when this
    /// process made its first pool, or one if it did not know. That number honours affinity and
    /// container quotas.
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = Some(workers);
        self
    }

    /// Names the workers' threads `<prefix>-0`, `<prefix>-1` and so on.
    ///
    /// Without this call the prefix is `millpond`. Linux shows the first 15 bytes of a name.
    ///
    /// # Cost
    ///
    /// The call allocates once, and what the conversion into a `String` allocates. It runs that
    /// conversion, and drops a function that was set before, on this thread. It does not block or
    /// wake a thread.
    pub fn thread_name_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.thread_name(move |worker| format!("{prefix}-{worker}"))
    }

    /// Names each worker's thread by a function of the worker's index.
    ///
    /// [`build`](Self::build) calls `name` on its caller's thread, before it starts any worker.
    ///
    /// # Cost
    ///
    /// The call allocates at most once, to keep the function. It drops a function that was set
    /// before, on this thread. It does not block, call the function or wake a thread.
    pub fn thread_name(mut self, name: impl Fn(usize) -> String + Send + 'static) -> Self {
        self.config.name = Some(Box::new(name));
        self
    }

    /// Sets how many bytes of stack each worker has.
    ///
    /// Without this call the standard library's default applies. A worker that waits runs the
    /// awaited work on its own stack, so deep nesting needs a deep stack.
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = Some(bytes);
        self
    }

    /// Sets a function that each worker runs once, before its first task.
    ///
    /// The worker calls it on its own thread, with its index. Tasks that are submitted meanwhile
    /// wait. Here a program also sets what belongs to the thread: the processors that it may run
    /// on, its priority.
    ///
    /// If it panics, the pool is *broken*. All queued work resolves to
    /// [`TaskError::Broken`](crate::TaskError::Broken) with the panic's message, so it does not
    /// hang. The pool refuses later submissions. `join` works.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// # fn pin_this_thread_to(_processor: usize) {}
    /// let pool = ThreadPool::builder()
    ///     .workers(2)
    ///     .initializer(|worker| pin_this_thread_to(worker))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call allocates at most once, to keep the function. It drops a function that was set
    /// before, on this thread. It does not block, call the function or wake a thread.
    pub fn initializer(mut self, initializer: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.initializer = Some(Arc::new(initializer));
        self
    }

    /// Sets a callback that each worker runs once, after its last task.
    ///
    /// The worker calls it on its own thread, with its index, if its initializer did not panic. The
    /// pool swallows a panic in it.
    ///
    /// # Cost
    ///
    /// The call allocates at most once, to keep the function. It drops a function that was set
    /// before, on this thread. It does not block, call the function or wake a thread.
    pub fn on_worker_exit(mut self, callback: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.config.on_exit = Some(Arc::new(callback));
        self
    }

    /// Sets a callback that hears of errors that no thread has looked at.
    ///
    /// It runs when a result that is an error is dropped unread, and no error callback was told of
    /// it. It runs on the thread that drops the result: the handle's, or the worker's if the handle
    /// was gone before. The pool swallows a panic in it.
    ///
    /// It hears of functions that returned an error or panicked, and of callbacks that panicked. So
    /// it hears of each panic of a task that was [spawned](crate::Pool::spawn). It does not hear of
    /// these:
    ///
    /// * cancelled or terminated work;
    /// * outcomes that a stream had not yielded when it was dropped;
    /// * results that are dropped after the pool and its handles are gone.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool =
    ///     ThreadPool::builder().workers(1).on_unobserved(|error| eprintln!("{error}")).build()?;
    /// drop(pool.try_apply_async(|| "http".parse::<u16>())?); // says so on stderr
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call allocates at most once, to keep the function. It drops a function that was set
    /// before, on this thread. It does not block, call the function or wake a thread.
    pub fn on_unobserved(
        mut self,
        callback: impl Fn(&Unobserved<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.config.on_unobserved = Some(Arc::new(callback));
        self
    }

    /// Sets how long a worker looks for work before it sleeps.
    ///
    /// Without this call it is [`Profile::Balanced`].
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.config.profile = profile;
        self
    }

    /// Limits how many submissions from outside may be queued at one time, and lets further
    /// submitters wait.
    ///
    /// Without this call no submitter ever waits. The limit is back-pressure for a program that
    /// submits faster than the workers work: its memory has a bound then. [`build`](Self::build)
    /// refuses 0.
    ///
    /// A submission holds a place as long as it is queued and alive. The place is free when a
    /// worker begins the task, or when the task is cancelled. Submitters that wait stand in a line.
    /// The pool lets them in one by one, in the order in which they came, and no other submitter
    /// overtakes them. If the pool is closed, terminated or broken meanwhile, they get their work
    /// back.
    ///
    /// With [`when_full`](Self::when_full) the pool refuses a submission instead, if every place is
    /// used or another submitter waits.
    ///
    /// A submitter that waits blocks its thread. **On a thread of an asynchronous runtime** that
    /// stops every task which the runtime would run on this thread. If as many tasks wait so as the
    /// runtime has threads, the runtime stands still until the pool has room; and if the pool's own
    /// tasks need the runtime, for ever. There [`Pool::reserve`](crate::Pool::reserve) waits
    /// instead: it is a future, stands in the same line, and blocks no thread.
    ///
    /// * Every submission from outside needs a place: `apply`, `apply_async`, `spawn`, those of a
    ///   scope, and the `map`s. A stream waits once, before it begins.
    /// * A submission by a thread of the pool itself never waits: in a task, in a callback that a
    ///   worker runs, in an initializer. It would wait for itself. It does not count either. Only
    ///   the submissions of initializers and exit callbacks count, and they may exceed the limit.
    /// * A batch needs at most one place per worker that may take part, however many items it
    ///   has; so does a stream. Both begin with one place. Their other entries wait in the line
    ///   like every submitter, but hold up no thread. The places of a batch are free as soon as the
    ///   batch is done or cancelled, and those of a stream as soon as it is dropped.
    /// * While submitters wait, each task that begins wakes one of them. For tasks of less than
    ///   some ten microseconds a larger limit does not help: the submitters are the slow part
    ///   then.
    ///
    /// A submitter waits for ever if it holds what the workers wait for: a lock, or a worker of
    /// another pool with a limit.
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
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn max_queued(mut self, submissions: usize) -> Self {
        self.config.max_queued = Some(submissions);
        self
    }

    /// Sets what becomes of a submission from outside while the pool is
    /// [full](Self::max_queued).
    ///
    /// Without this call it is [`WhenFull::Wait`]: the submitter waits in line, and blocks its
    /// thread. With [`WhenFull::Refuse`] the pool refuses the submission, and gives the work back.
    /// [`SubmitError::full`](crate::SubmitError::full) says how full the pool was. A blocking verb
    /// such as `map` says it by [`TaskError::Full`](crate::TaskError::Full).
    ///
    /// This is for every verb. [`Task`](crate::Task::when_full),
    /// [`Batch`](crate::Batch::when_full), [`Stream`](crate::Stream::when_full) and
    /// [`scope`](crate::Pool::scope_when_full) may say otherwise. A pool without a limit is never
    /// full.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool, WhenFull};
    /// let pool = ThreadPool::builder()
    ///     .workers(1)
    ///     .max_queued(1)
    ///     .when_full(WhenFull::Refuse)
    ///     .build()?;
    /// let (release, held) = std::sync::mpsc::channel::<()>();
    /// pool.spawn(move || _ = held.recv())?; // keeps the worker
    /// while pool.spawn(|| ()).is_ok() {}
    /// let refused = pool.apply_async(|| 6 * 7).unwrap_err();
    /// assert_eq!(refused.kind(), SubmitErrorKind::Full);
    /// assert_eq!(refused.full().unwrap().limit, 1);
    /// drop(release);
    /// let patient = pool.task(refused.into_task()).when_full(WhenFull::Wait);
    /// assert_eq!(patient.apply_async()?.get()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Sets whether a closed pool refuses what its own tasks submit, as Python's pool does.
    ///
    /// Without this call the closed pool takes what its tasks and callbacks submit, so that
    /// accepted work can finish.
    ///
    /// A strict pool refuses the work that its submitter does not wait for: `apply_async`, `spawn`,
    /// `map_async` and the like, and the opening of a stream. It gives the work back, with
    /// [`NotRunning`](crate::SubmitErrorKind::NotRunning). So a task that submits itself again
    /// comes to an end, and with it [`join`](ThreadPool::join).
    ///
    /// A running task may wait for work in the call itself: by `apply`, `map`, `starmap`,
    /// `map_slice`, `map_results` and the like, and by [`scope`](crate::Pool::scope) with all that
    /// is submitted inside it, also by the tasks of the scope. Such work is a part of the task, and
    /// goes on. So do streams that were open when the pool was closed.
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
    ///
    /// # Cost
    ///
    /// The call keeps a flag. It does not block, allocate, run your code or wake a thread.
    pub fn strict_close(mut self, yes: bool) -> Self {
        self.config.strict_close = yes;
        self
    }

    /// Sets whether the pool counts: see [`Pool::stats`](crate::Pool::stats) and
    /// [`Pool::running`](crate::Pool::running).
    ///
    /// Without this call it does not, since a task costs some tens of nanoseconds more in a pool
    /// that counts. There a worker also reads the clock when it finds a task after it had none, and
    /// when it finds none.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(2).stats(true).build()?;
    /// pool.apply(|| ())?;
    /// assert_eq!(pool.stats().completed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call keeps a flag. It does not block, allocate, run your code or wake a thread.
    pub fn stats(mut self, yes: bool) -> Self {
        self.config.stats = yes;
        self
    }

    /// Lets the pool measure how long one in so many tasks is queued and runs: see
    /// [`Pool::timings`](crate::Pool::timings).
    ///
    /// Without this call, or with 0, it measures none. A pool that measures also
    /// [counts](Self::stats). A task that is measured costs three looks at the clock, and the pool
    /// keeps 30 KiB more for each worker. The choice of the tasks is even, but follows no pattern.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(2).timings(100).build()?;
    /// for _ in 0..1_000 {
    ///     pool.spawn(|| ())?;
    /// }
    /// pool.close();
    /// pool.join()?;
    /// let timings = pool.timings().unwrap();
    /// assert_eq!(timings.one_in, 100);
    /// println!("p99 of the queue: {:?}", timings.queued.quantile(0.99));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call keeps a number. It does not block, allocate, run your code or wake a thread.
    pub fn timings(mut self, one_in: u32) -> Self {
        self.config.one_in = one_in;
        self
    }

    /// Sets what dropping the pool does.
    ///
    /// Without this call it is [`DropPolicy::Terminate`].
    ///
    /// # Cost
    ///
    /// The call keeps a choice. It does not block, allocate, run your code or wake a thread.
    pub fn drop_policy(mut self, policy: DropPolicy) -> Self {
        self.config.drop_policy = policy;
        self
    }

    /// Makes the pool: starts all its threads, and does not wait for their initializers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there can be no such pool, or if the system refuses a thread. In the
    /// second case the threads that had been started are gone again when this returns.
    ///
    /// # Cost
    ///
    /// The caller blocks only if the system refuses a thread. Then it waits for the threads that it
    /// has started, for as long as their initializers take. The call allocates. It runs the
    /// function given to [`thread_name`](Self::thread_name) on this thread, and drops it there; the
    /// workers run the initializer. It starts one thread per worker, each by a system call. It
    /// wakes a thread only if it fails.
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
            .field("when_full", &self.config.when_full)
            .field("strict_close", &self.config.strict_close)
            .field("drop_policy", &self.config.drop_policy)
            .finish_non_exhaustive()
    }
}
