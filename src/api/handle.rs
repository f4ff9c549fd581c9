use std::convert::Infallible;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::{AsyncResult, Batch, Imap, Stream, Task};
use crate::sched::{Sched, Stage};
use crate::task::{Job, Plain, Spread, Star, SubmitError, TaskError};
use crate::worker;

/// Submits to a pool without owning it: cheap to clone, free to send, and it never keeps the threads alive.
///
/// Every verb of it is also a verb of [`ThreadPool`](crate::ThreadPool).
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
#[derive(Clone)]
pub struct PoolHandle {
    sched: Arc<Sched>,
}

impl PoolHandle {
    pub(super) fn new(sched: Arc<Sched>) -> Self {
        Self { sched }
    }

    pub(super) fn sched(&self) -> &Sched {
        &self.sched
    }

    pub(super) fn shared(&self) -> Arc<Sched> {
        Arc::clone(&self.sched)
    }

    /// The pool whose worker the calling thread is: inside a task, or a callback of a task that has run.
    #[must_use]
    pub fn current() -> Option<Self> {
        worker::current_pool().map(Self::new)
    }

    /// Calls `f` on a worker, waits, and gives its value. `f` may borrow from the caller's stack. Python's `apply`.
    ///
    /// On a worker of the same pool `f` is called at once, on the spot.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] with the payload if `f` panics, [`TaskError::NotSubmitted`] if the pool takes no more work,
    /// [`TaskError::Terminated`] or [`TaskError::Broken`] if the pool ended before `f` began.
    ///
    /// # Blocking
    ///
    /// Until `f` has returned. Allocates as [`apply_async`](Self::apply_async), on a worker of the same pool not at all.
    pub fn apply<F, T>(&self, f: F) -> Result<T, TaskError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        worker::call_and_wait(&self.sched, Job::plain(f)).unwrap_or_else(|(kind, _)| Err(not_submitted(kind)))
    }

    /// Has `f` called on a worker, and does not wait for that. Python's `apply_async`; with callbacks it is
    /// [`task`](Self::task).
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full. May wake a worker, which is a system call.
    ///
    /// Allocates for thirty-one calls at a time (of the same size, on one thread), and so a result that is kept keeps the memory of
    /// its neighbours, less than 4 KiB; for each by itself if its block is larger than 128 bytes.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(1)?;
    /// let word = String::from("Hello world");
    /// let length = pool.apply_async(move || word.len())?;
    /// assert_eq!(length.get()?, 11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn apply_async<F, T>(&self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match worker::submit(&self.sched, Job::plain(f)) {
            Ok(result) => Ok(AsyncResult::new(result)),
            Err((kind, job)) => Err(SubmitError::new(kind, job.run.0)),
        }
    }

    /// Has `f` called on a worker, and forgets it: for what nobody waits for. A panic in it is dropped.
    ///
    /// # Errors
    ///
    /// `f` itself, if the pool takes no more work.
    ///
    /// # Blocking
    ///
    /// As for [`apply_async`](Self::apply_async).
    #[inline]
    pub fn spawn<F>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.apply_async(f).map(AsyncResult::detach)
    }

    /// Calls `f` with each item, on the workers, waits, and gives the values in the order of the items. Function and items may
    /// borrow from the caller's stack. Python's `map`.
    ///
    /// A pool that takes no more work refuses before it reads the input. Else the calling thread
    /// collects all items, and then submits them; if the iterator panics, nothing was submitted.
    /// For an input without an end there is [`imap`](Self::imap). Every item is attempted even if
    /// one fails. On a worker of the same pool the caller takes part in the work.
    ///
    /// # Errors
    ///
    /// The first failure in time, [`item()`](TaskError::item) says whose; [`TaskError::NotSubmitted`] if the pool takes no
    /// more work.
    ///
    /// # Blocking
    ///
    /// Until every item is done. Allocates the collected items and one block, and the values if they
    /// need not as much room as the items, in whose place they lie otherwise.
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let words = ["tarn", "mere", "pond"];
    /// let lengths = pool.map(|word: &str| word.len(), words)?;
    /// assert_eq!(lengths, [4, 4, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        self.batch(&f, items).map()
    }

    /// As [`map`](Self::map), and does not wait for it: one handle for all values. Python's `map_async`; with callbacks it is
    /// [`batch`](Self::batch).
    ///
    /// # Errors
    ///
    /// The batch, if the pool takes no more work: see [`Batch::map_async`].
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full. Allocates as [`map`](Self::map).
    pub fn map_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<Batch<Plain<F>, I::IntoIter, T, Infallible>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        self.batch(f, items).map_async()
    }

    /// As [`map`](Self::map) for a function of several arguments: each item is a tuple of them. Python's `starmap`.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map).
    ///
    /// # Blocking
    ///
    /// As for [`map`](Self::map).
    ///
    /// ```
    /// # let pool = millpond::ThreadPool::new(2)?;
    /// let areas = pool.starmap(|width, height| width * height, [(2, 3), (4, 5)])?;
    /// assert_eq!(areas, [6, 20]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn starmap<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send,
        F: Sync,
        T: Send,
    {
        let f = Star(f);
        Batch::new(self, Plain(&f), items).map()
    }

    /// As [`starmap`](Self::starmap), and does not wait for it. Python's `starmap_async`; with callbacks it is
    /// [`star_batch`](Self::star_batch).
    ///
    /// # Errors
    ///
    /// The batch, if the pool takes no more work: see [`Batch::map_async`].
    ///
    /// # Blocking
    ///
    /// As for [`map_async`](Self::map_async).
    pub fn starmap_async<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<AsyncResult<Vec<T>>, SubmitError<Batch<Plain<Star<F>>, I::IntoIter, T, Infallible>>>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send + 'static,
        F: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.star_batch(f, items).map_async()
    }

    /// A function over many items, with options: see [`Batch`]. Reads nothing of the input yet.
    pub fn batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<F>, I::IntoIter, T, Infallible>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Batch::new(self, Plain(f), items)
    }

    /// A function of several arguments over many tuples, with options: see [`Batch`]. Reads nothing
    /// of the input yet.
    pub fn star_batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<Star<F>>, I::IntoIter, T, Infallible>
    where
        I: IntoIterator,
        I::Item: Spread<F, T>,
    {
        Batch::new(self, Plain(Star(f)), items)
    }

    /// Calls `f` with each item, pulling the input as results are taken, and yields the results in the order of the items.
    /// Python's `imap`; with options it is [`stream`](Self::stream).
    ///
    /// # Errors
    ///
    /// The stream, if the pool takes no more work.
    ///
    /// # Blocking
    ///
    /// While a pool with a [limit](crate::Builder::max_queued) is full; then pulls the first items from the input, and so blocks
    /// as long as that does. Allocates the window, once; no item allocates.
    pub fn imap<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T>, SubmitError<Stream<Plain<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        self.stream(f, items).imap()
    }

    /// As [`imap`](Self::imap), and yields the results as they come. Python's `imap_unordered`.
    ///
    /// # Errors
    ///
    /// As for [`imap`](Self::imap).
    ///
    /// # Blocking
    ///
    /// As for [`imap`](Self::imap).
    pub fn imap_unordered<F, I, T>(
        &self,
        f: F,
        items: I,
    ) -> Result<Imap<I::IntoIter, T>, SubmitError<Stream<Plain<F>, I::IntoIter>>>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
        I::Item: Send + 'static,
        T: Send + 'static,
    {
        self.stream(f, items).imap_unordered()
    }

    /// A function over a lazily pulled input, with options: see [`Stream`].
    pub fn stream<F, I, T>(&self, f: F, items: I) -> Stream<Plain<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        Stream::new(self, Plain(f), items.into_iter())
    }

    /// A call with options: see [`Task`].
    pub fn task<F, T>(&self, f: F) -> Task<Plain<F>, T, Infallible>
    where
        F: FnOnce() -> T,
    {
        Task::new(self, Plain(f))
    }

    /// How many workers the pool has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.sched.queues.workers()
    }

    /// Takes no more work: everything accepted is finished, then the workers leave. Returns at
    /// once. Repeated, or after [`terminate`](Self::terminate), it does nothing.
    ///
    /// The pool's own workers (tasks, callbacks) may go on submitting, so that accepted work can
    /// finish. So a task that submits itself again and again keeps the pool from ending, where
    /// Python's pool refuses it: [`strict_close`](crate::Builder::strict_close) does so here. A
    /// stream that is open goes on pulling its input, until it ends, is dropped, or is ended by
    /// [`join`](crate::ThreadPool::join).
    pub fn close(&self) {
        self.sched.close();
    }

    /// Takes no more work, and resolves everything that is queued as [`TaskError::Terminated`]: waiters wake, error
    /// callbacks run, closures are dropped, before this returns and on the calling thread (what a worker is just moving
    /// from one queue to another, on that worker). Tasks that are running go on to
    /// their end, and this does not wait for them. May be called anywhere, a task or callback included.
    ///
    /// A lock that the caller holds and that an error callback, or the `Drop` of something that a queued closure captured,
    /// wants to take, is a deadlock of the program's own; so is an error callback that waits without a limit for another task of this
    /// pool, which may be queued behind its own.
    pub fn terminate(&self) {
        self.sched.terminate();
    }
}

pub(super) fn not_submitted<E>(kind: Option<crate::task::SubmitErrorKind>) -> TaskError<E> {
    kind.map_or(TaskError::WouldDeadlock, TaskError::NotSubmitted)
}

// A pool contains the panics of its tasks, and keeps no state that a panic of its user could leave half done.
impl UnwindSafe for PoolHandle {}
impl RefUnwindSafe for PoolHandle {}

impl fmt::Debug for PoolHandle {
    /// Never locks. The numbers may be old by the time they are read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.sched.stage() {
            Stage::Run => "Run",
            Stage::Closed | Stage::Draining | Stage::Drained => "Close",
            Stage::Terminate => "Terminate",
            Stage::Broken => "Broken",
        };
        f.debug_struct("ThreadPool")
            .field("state", &format_args!("{state}"))
            .field("workers", &self.workers())
            .field("queued", &self.sched.queued())
            .field("active", &self.sched.active())
            .finish()
    }
}
