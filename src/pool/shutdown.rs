//! Shutdown: closes the pool, waits for the end or a time limit, and says what came of the work.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::threads::{may_wait_for_end, start_timekeeper};
use super::{JoinError, ThreadPool};
use crate::sched::Sched;
use crate::sync::OnceLock;
use crate::sync::clock::Deadline;
use crate::sync::step;

/// Says how much of the accepted work a [`shutdown`](ThreadPool::shutdown) lets finish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drain {
    /// All of it.
    All,
    /// What begins within this time. Then the rest is terminated, and running tasks go on.
    Within(Duration),
    /// Only what runs already. The rest is terminated at once.
    Now,
}

/// Says what came of the work of a pool that was shut down: see [`ThreadPool::shutdown`].
///
/// The numbers count from the moment at which the pool was closed, terminated or broken, by this
/// call or before it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How many tasks the workers have run to their ends since then. A call is one task. A batch or
    /// a stream is one for each worker that works on it and then turns to other work. What a task
    /// does itself while it waits for it is a part of that task.
    pub finished: usize,
    /// How many tasks were taken out of the queues and resolved as
    /// [`TaskError::Terminated`](crate::TaskError::Terminated), or as `Broken`. A batch or a scope
    /// is one, however many of its items are left.
    pub dropped: usize,
    /// How many workers were still running something when the time was up. It is 0 unless the
    /// limit of [`Drain::Within`] has passed. A worker that looked for its next task at that very
    /// moment is counted too, and so is one in its initializer or exit callback.
    pub still_running: usize,
    /// The worker that held the end up: one that was still running or, if the pool has ended, the
    /// one that was last to run out of work. None if no worker has run anything since.
    pub last: Option<LastWorker>,
}

/// Names a worker, in a [`Report`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LastWorker {
    /// The worker's index, as its [`initializer`](crate::Builder::initializer) hears it.
    pub index: usize,
    /// The name of its thread, as [`thread_name`](crate::Builder::thread_name) gave it.
    pub thread: String,
}

/// What is needed of a pool for a report.
#[derive(Clone)]
struct Source {
    sched: Arc<Sched>,
    names: Arc<[String]>,
}

impl Source {
    /// Makes the report of a pool that has ended, or in which these workers still run.
    fn report(&self, running: &[usize]) -> Report {
        let last = running.last().copied().or_else(|| self.sched.last());
        Report {
            finished: self.sched.ended(),
            dropped: self.sched.dropped(),
            still_running: running.len(),
            last: last.map(|index| LastWorker { index, thread: self.names[index].clone() }),
        }
    }
}

/// Terminates the pool at the end of its time, and says which workers are still running.
fn time_is_up(sched: &Sched) -> Vec<usize> {
    let running = sched.idle.awake();
    sched.terminate();
    running
}

/// Waits for the end of a pool that is shut down: what [`ThreadPool::shutdown_async`] returns.
///
/// It belongs to no particular runtime. Dropping it changes nothing: the shutdown goes on.
#[must_use = "the shutdown has begun, but only the future says when it is over"]
pub struct Shutdown {
    source: Source,
    /// The future's place among those that wait for the last worker.
    ticket: Option<u64>,
    /// When the time is up, and who is still running then. None if there is no limit.
    limit: Option<(Deadline, Arc<OnceLock<Vec<usize>>>)>,
    /// Whether a thread keeps the time. Otherwise each poll looks at the clock.
    is_timed: bool,
}

impl Future for Shutdown {
    type Output = Result<Report, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { source, ticket, limit, is_timed } = &mut *self;
        if let Err(error) = may_wait_for_end(&source.sched) {
            return Poll::Ready(Err(error));
        }
        if source.sched.poll_end(ticket, context.waker()) {
            return Poll::Ready(Ok(source.report(&[])));
        }
        // This look comes after the waker is in its place: the timekeeper first says who runs, and
        // then wakes.
        let Some((deadline, running)) = limit else { return Poll::Pending };
        if !*is_timed && deadline.passed() && running.get().is_none() {
            // This future alone sets it, because there is no timekeeper.
            let _ = running.set(time_is_up(&source.sched));
        }
        match running.get() {
            Some(running) => Poll::Ready(Ok(source.report(running))),
            None => Poll::Pending,
        }
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.source.sched.forget_watcher(ticket);
        }
    }
}

/// Shutdown.
impl ThreadPool {
    /// Closes the pool, waits until its accepted work has ended or the time is up, and reports.
    ///
    /// From the call on the pool takes no more work, except what accepted work needs to finish. Its
    /// own tasks and callbacks may go on submitting, as after [`close`](crate::Pool::close). With
    /// [`Drain::All`] and [`Drain::Within`] a [`Permit`](crate::Permit) that was reserved before
    /// may still be used, until the pool has ended. A permit that is kept holds nothing up: the
    /// pool ends when it has no work left, and refuses the permit from then on. A permit is refused
    /// at once if the pool was closed before the call, or if it is built with
    /// [`strict_close`](crate::Builder::strict_close).
    ///
    /// * [`Drain::All`] waits for all accepted work, as [`close`](crate::Pool::close) and
    ///   [`join`](Self::join) do. So it ends open streams, as `join` does.
    /// * [`Drain::Within`] lets streams go on, and returns when the pool has ended or the time is
    ///   up. In the second case it terminates the pool: queued work is resolved as
    ///   [`TaskError::Terminated`](crate::TaskError::Terminated), running tasks go on, and the call
    ///   does not wait for them. A [`join`](Self::join) may follow.
    /// * [`Drain::Now`] is [`terminate`](crate::Pool::terminate) and [`join`](Self::join).
    ///
    /// The call may be repeated, also with less patience, and by several threads. It may follow
    /// `close` or `terminate`.
    ///
    /// # Errors
    ///
    /// [`JoinError::WouldDeadlock`] on one of the pool's own threads, and [`JoinError::Forked`] in
    /// the child of a fork. Then the call has changed nothing.
    ///
    /// ```
    /// use millpond::{Drain, ThreadPool};
    /// use std::time::Duration;
    /// let pool = ThreadPool::builder().workers(2).max_queued(10).build()?;
    /// let permit = pool.reserve_timeout(Duration::MAX)?;
    /// let answer = pool.apply_async(move || permit.apply_async(|| 6 * 7))?;
    /// let report = pool.shutdown(Drain::Within(Duration::from_secs(30)))?;
    /// assert_eq!((report.dropped, report.still_running), (0, 0));
    /// assert_eq!(answer.get()??.get()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks for as long as the accepted tasks take, or for up to the limit. A
    /// terminating call runs your error callbacks and your `Drop`s on this thread, so it may take
    /// longer than the limit by as much as they take. The call wakes every sleeping worker and
    /// every thread that waits for a place, each by a system call. It allocates the report. While
    /// the pool runs, nothing is counted for it.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn shutdown(&self, drain: Drain) -> Result<Report, JoinError> {
        step::call("shutdown");
        let (threads, sched) = (self.threads(), self.threads().sched());
        may_wait_for_end(sched)?;
        let source = self.source();
        let mut running = Vec::new();
        match drain {
            Drain::All => {
                sched.close_for_shutdown();
                threads.join()?;
            }
            Drain::Within(limit) => {
                let deadline = Deadline::after(limit);
                sched.close_for_shutdown();
                match threads.wait(deadline.as_ref()) {
                    Err(JoinError::TimedOut) => running = time_is_up(sched),
                    waited => waited?,
                }
            }
            Drain::Now => {
                sched.terminate();
                threads.join()?;
            }
        }
        Ok(source.report(&running))
    }

    /// Does what [`shutdown`](Self::shutdown) does, and gives a future that waits for the end.
    ///
    /// The shutdown begins at this call, before the first poll, and goes on if the future is
    /// dropped. The call itself may come from any thread, also from a task of the pool. The future
    /// is ready when the last worker has left, and this worker calls the waker. The threads may
    /// still be about to exit then; [`join`](Self::join) waits for that too.
    ///
    /// No thread waits for [`Drain::All`] and [`Drain::Now`]. For [`Drain::Within`] the call starts
    /// one thread, which sleeps until the time is up or the last worker has left. The pool has no
    /// timer of its own, and all workers may be busy when the time is up, so no worker could keep
    /// it. A program that wants no such thread awaits [`Drain::All`] under the time limit of its
    /// runtime, and calls [`terminate`](crate::Pool::terminate) when that has passed. If the system
    /// refuses the thread, the limit is kept by the polls: the first that comes after the limit
    /// terminates the pool.
    ///
    /// # Errors
    ///
    /// The future is at once [`JoinError::WouldDeadlock`] when it is polled on one of the pool's
    /// own threads, where waiting for it would never end. In the child of a fork it is
    /// [`JoinError::Forked`].
    ///
    /// ```
    /// use millpond::{Drain, ThreadPool};
    /// # pollster::block_on(async {
    /// let pool = ThreadPool::new(2)?;
    /// let answer = pool.apply_async(|| 6 * 7)?;
    /// let report = pool.shutdown_async(Drain::All).await?; // blocks no thread
    /// assert_eq!((report.dropped, answer.get()?), (0, 42));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call does not wait for workers. It wakes every sleeping worker and every thread that
    /// waits for a place, each by a system call. With [`Drain::Now`] it runs your error callbacks
    /// and your `Drop`s on this thread. With [`Drain::Within`] it starts a thread, which runs them
    /// when the time is up. A poll clones the waker and takes a lock for a moment.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn shutdown_async(&self, drain: Drain) -> Shutdown {
        step::call("shutdown_async");
        let source = self.source();
        let mut shutdown = Shutdown { source, ticket: None, limit: None, is_timed: false };
        let sched = &shutdown.source.sched;
        if sched.is_forked() {
            return shutdown;
        }
        match drain {
            Drain::All => {
                sched.close_for_shutdown();
                sched.stop_streams();
            }
            Drain::Within(limit) => {
                let deadline = Deadline::after(limit);
                sched.close_for_shutdown();
                if let Some(deadline) = deadline {
                    let running = Arc::new(OnceLock::new());
                    let tell = Arc::clone(&running);
                    let late = move |sched: &Sched| {
                        // No other thread sets it: the poll does so only without this thread.
                        let _ = tell.set(time_is_up(sched));
                        sched.wake_watchers();
                    };
                    shutdown.is_timed = start_timekeeper(Arc::clone(sched), deadline, late);
                    shutdown.limit = Some((deadline, running));
                }
            }
            Drain::Now => sched.terminate(),
        }
        shutdown
    }

    fn source(&self) -> Source {
        let threads = self.threads();
        Source { sched: Arc::clone(threads.sched()), names: Arc::clone(threads.names()) }
    }
}

// As for the pool that it belongs to.
impl UnwindSafe for Shutdown {}
impl RefUnwindSafe for Shutdown {}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown")
            .field("waits", &self.ticket.is_some())
            .field("limited", &self.limit.is_some())
            .finish()
    }
}
