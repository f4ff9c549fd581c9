use std::convert::Infallible;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::{AsyncResult, Batch, Builder, Imap, PoolHandle, Stream, Task};
use crate::pool::{BuildError, JoinError, Threads};
use crate::sync::clock::Deadline;
use crate::task::{Plain, Spread, Star, SubmitError, TaskError};

/// A pool of worker threads: Python's `multiprocessing.pool.ThreadPool`.
///
/// It owns the threads. Dropping it ends the pool as [`DropPolicy`](crate::DropPolicy) says: by default queued work is
/// resolved as [`TaskError::Terminated`], as on leaving Python's `with` block. A program that wants its work done calls
/// [`close`](Self::close) and [`join`](Self::join).
///
/// Submitting is done by its [`PoolHandle`], whose verbs are repeated here.
pub struct ThreadPool {
    threads: Threads,
    handle: PoolHandle,
}

impl ThreadPool {
    pub(super) fn new_owner(threads: Threads) -> Self {
        let handle = PoolHandle::new(std::sync::Arc::clone(threads.sched()));
        Self { threads, handle }
    }

    pub(super) fn handle_ref(&self) -> &PoolHandle {
        &self.handle
    }

    /// A pool of this many workers, and everything else as [`builder`](Self::builder) has it.
    ///
    /// # Errors
    ///
    /// See [`Builder::build`].
    pub fn new(workers: usize) -> Result<Self, BuildError> {
        Self::builder().workers(workers).build()
    }

    /// A pool with options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle that submits to this pool without owning it.
    #[must_use]
    pub fn handle(&self) -> PoolHandle {
        self.handle.clone()
    }

    /// Waits until all workers have left: everything that they ran, callbacks included, has finished by then, and every thread is
    /// gone. What another thread is terminating at this moment may still be about to be resolved there.
    /// May be repeated, and called from several threads.
    ///
    /// Tasks may go on submitting after `close`, and what they submit is waited for too: for a
    /// chain of tasks without an end there is [`strict_close`](Builder::strict_close).
    ///
    /// It ends every open stream: an [`Imap`] yields what it has pulled, and then says with an
    /// error that its input was not read to the end. To let streams go on, call it when they are
    /// done, or wait with [`join_timeout`](Self::join_timeout), which ends none.
    ///
    /// # Errors
    ///
    /// [`JoinError::StillRunning`] if the pool was neither closed nor terminated, [`JoinError::WouldDeadlock`] on one of the
    /// pool's own threads.
    ///
    /// # Blocking
    ///
    /// For as long as the accepted tasks take.
    pub fn join(&self) -> Result<(), JoinError> {
        self.threads.join()
    }

    /// Waits until all workers have left, or until the time is up. Their threads may still be about to exit when this
    /// returns; [`join`](Self::join) waits for that too.
    ///
    /// It only looks: a call that times out has changed nothing, however often it is repeated. The
    /// workers of a closed pool stay as long as a stream is open, and this ends none, unlike
    /// [`join`](Self::join): so it times out until each [`Imap`] has come to its end or was
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join), and [`JoinError::TimedOut`].
    ///
    /// # Blocking
    ///
    /// For up to `limit`.
    pub fn join_timeout(&self, limit: Duration) -> Result<(), JoinError> {
        self.threads.wait(Deadline::after(limit).as_ref())
    }

    /// See [`PoolHandle::apply`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn apply<F, T>(&self, f: F) -> Result<T, TaskError>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        self.handle.apply(f)
    }

    /// See [`PoolHandle::apply_async`].
    ///
    /// # Errors
    ///
    /// See there.
    #[inline]
    pub fn apply_async<F, T>(&self, f: F) -> Result<AsyncResult<T>, SubmitError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.apply_async(f)
    }

    /// See [`PoolHandle::spawn`].
    ///
    /// # Errors
    ///
    /// See there.
    #[inline]
    pub fn spawn<F>(&self, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.handle.spawn(f)
    }

    /// See [`PoolHandle::map`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn map<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        self.handle.map(f, items)
    }

    /// See [`PoolHandle::map_async`].
    ///
    /// # Errors
    ///
    /// See there.
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
        self.handle.map_async(f, items)
    }

    /// See [`PoolHandle::starmap`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn starmap<F, I, T>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        I: IntoIterator,
        I::Item: Spread<F, T> + Send,
        F: Sync,
        T: Send,
    {
        self.handle.starmap(f, items)
    }

    /// See [`PoolHandle::starmap_async`].
    ///
    /// # Errors
    ///
    /// See there.
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
        self.handle.starmap_async(f, items)
    }

    /// See [`PoolHandle::map_slice`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn map_slice<'a, F, A, T>(&self, f: F, slice: &'a [A]) -> Result<Vec<T>, TaskError>
    where
        F: Fn(&'a A) -> T + Sync,
        A: Sync,
        T: Send,
    {
        self.handle.map_slice(f, slice)
    }

    /// See [`PoolHandle::map_results`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn map_results<F, I, T>(&self, f: F, items: I) -> Result<Vec<Result<T, TaskError>>, TaskError>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T + Sync,
        I::Item: Send,
        T: Send,
    {
        self.handle.map_results(f, items)
    }

    /// See [`PoolHandle::batch`].
    pub fn batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<F>, I::IntoIter, T, Infallible>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        self.handle.batch(f, items)
    }

    /// See [`PoolHandle::star_batch`].
    pub fn star_batch<F, I, T>(&self, f: F, items: I) -> Batch<Plain<Star<F>>, I::IntoIter, T, Infallible>
    where
        I: IntoIterator,
        I::Item: Spread<F, T>,
    {
        self.handle.star_batch(f, items)
    }

    /// See [`PoolHandle::imap`].
    ///
    /// # Errors
    ///
    /// See there.
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
        self.handle.imap(f, items)
    }

    /// See [`PoolHandle::imap_unordered`].
    ///
    /// # Errors
    ///
    /// See there.
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
        self.handle.imap_unordered(f, items)
    }

    /// See [`PoolHandle::stream`].
    pub fn stream<F, I, T>(&self, f: F, items: I) -> Stream<Plain<F>, I::IntoIter>
    where
        I: IntoIterator,
        F: Fn(I::Item) -> T,
    {
        self.handle.stream(f, items)
    }

    /// See [`PoolHandle::task`].
    pub fn task<F, T>(&self, f: F) -> Task<Plain<F>, T, Infallible>
    where
        F: FnOnce() -> T,
    {
        self.handle.task(f)
    }

    /// See [`PoolHandle::workers`].
    #[must_use]
    pub fn workers(&self) -> usize {
        self.handle.workers()
    }

    /// See [`PoolHandle::close`].
    pub fn close(&self) {
        self.handle.close();
    }

    /// See [`PoolHandle::terminate`].
    pub fn terminate(&self) {
        self.handle.terminate();
    }
}

// As for its handle.
impl UnwindSafe for ThreadPool {}
impl RefUnwindSafe for ThreadPool {}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
