//! Permits: places that a caller has before it has the work.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Pool, PoolHandle};
use crate::block::{SubmitError, SubmitErrorKind};
use crate::sched::{Reservation, Turn};
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::worker::{self, CallerKind, Entrance, Tie};

/// The right to submit once without waiting.
///
/// [`Pool::reserve`] and [`Pool::reserve_timeout`] make it. A submission by it never blocks and is
/// never [`Full`](SubmitErrorKind::Full). The pool may still refuse it because it has been closed,
/// terminated or broken since. Then the error gives the work back.
///
/// A permit is one of the pool's [places](crate::Builder::max_queued) for as long as it is kept.
/// Dropping it gives the place to the first in line. A program that keeps a permit and waits for
/// something that needs a place may wait for ever. Once the pool is closed, the place of every
/// permit is free, so a permit that is kept holds nothing up: no [`join`](crate::ThreadPool::join)
/// and no drop of the pool. A closed pool refuses the permit, unless a
/// [`shutdown`](crate::ThreadPool::shutdown) has closed it: then the permit is good until the pool
/// has ended.
///
/// A permit may go to another thread. If it is used in a task of its own pool, its place is free at
/// once: such a submission needs none.
///
/// ```
/// use millpond::ThreadPool;
/// let pool = ThreadPool::builder().workers(1).max_queued(8).build()?;
/// # pollster::block_on(async {
/// let permit = pool.reserve().await?; // waits for a place, and blocks no thread
/// let answer = permit.apply_async(|| 6 * 7)?; // never waits
/// assert_eq!(answer.await?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it gives the place to another submitter"]
pub struct Permit {
    pool: PoolHandle,
    /// None in a pool without a limit, and if one of the pool's own threads has made the permit.
    reservation: Option<Reservation>,
}

impl Permit {
    /// Returns the pool, and how a submission by this permit gets in.
    pub(crate) fn into_parts(self) -> (PoolHandle, Entrance) {
        (self.pool, Entrance::Permit(self.reservation))
    }
}

/// Waits for a place in a pool with a limit: what [`Pool::reserve`] returns.
///
/// It has its turn in the line from its first poll on. Dropping it gives the turn on, or the place
/// if it had one already. It belongs to no particular runtime.
#[must_use = "a future does nothing until it is polled"]
pub struct Reserve {
    pool: PoolHandle,
    turn: Option<Turn>,
}

impl Future for Reserve {
    type Output = Result<Permit, SubmitErrorKind>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { pool, turn } = &mut *self;
        let reserved = match worker::caller_kind(pool.sched().id) {
            CallerKind::Outside => pool.sched().poll_reserve(turn, context.waker()),
            kind => {
                // It must not wait here, for it could be waiting for itself.
                *turn = None;
                Poll::Ready(worker::refusal(pool.sched(), kind, Tie::Async).map(|()| None))
            }
        };
        reserved.map_ok(|reservation| Permit { pool: pool.clone(), reservation })
    }
}

/// Places that are reserved.
impl Pool {
    /// Waits, as a future, for a place in a pool with a limit, and gives a [`Permit`] for it.
    ///
    /// This is how asynchronous code submits to a pool that may be
    /// [full](crate::Builder::max_queued). There [`apply_async`](Self::apply_async) would block the
    /// runtime's thread until the pool has room.
    ///
    /// The future waits in the same line as the threads that wait, and the first to come has the
    /// first place. It joins the line when it is polled first. It may be dropped at any moment, as
    /// `select!` and time limits do: its turn goes to the next in line.
    ///
    /// In a pool without a limit the permit is there at once. On a thread of the pool itself it is
    /// there at once too, since such a thread must not wait. If such a permit is used outside, its
    /// submission may exceed the limit.
    ///
    /// # Errors
    ///
    /// The future says why the pool takes no more work: it is closed, terminated or broken, or this
    /// process is a fork. It never says [`Full`](SubmitErrorKind::Full), whatever
    /// [`when_full`](crate::Builder::when_full) says: calling this is to wait.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// # tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?.block_on(async {
    /// let pool = ThreadPool::builder().workers(2).max_queued(10).build()?;
    /// let handlers = (0..50).map(|request: u64| {
    ///     let pool = pool.handle();
    ///     tokio::spawn(async move {
    ///         let permit = pool.reserve().await.ok()?; // the runtime goes on meanwhile
    ///         permit.apply_async(move || request * request).ok()?.await.ok()
    ///     })
    /// });
    /// for (request, handler) in handlers.collect::<Vec<_>>().into_iter().enumerate() {
    ///     assert_eq!(handler.await?, Some((request * request) as u64));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call raises a count. It does not block, allocate, run your code or wake a thread. A poll
    /// takes a lock for a moment. If it has to wait, it allocates once and clones the waker on this
    /// thread. The thread that frees the place calls the waker: a worker that begins a task, or a
    /// thread that cancels one.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn reserve(&self) -> Reserve {
        step::call("reserve");
        Reserve { pool: self.handle(), turn: None }
    }

    /// Waits up to `limit` for a place in a pool with a limit, and gives a [`Permit`] for it.
    ///
    /// It does for threads what [`reserve`](Self::reserve) does for asynchronous code, in the same
    /// line. A limit of zero does not wait.
    ///
    /// # Errors
    ///
    /// If the time is up, the kind is [`Full`](SubmitErrorKind::Full), and
    /// [`full`](SubmitError::full) says how full the pool is. Otherwise the error says why the pool
    /// takes no more work.
    ///
    /// ```
    /// use millpond::{SubmitErrorKind, ThreadPool};
    /// use std::time::Duration;
    /// let pool = ThreadPool::builder().workers(1).max_queued(1).build()?;
    /// let permit = pool.reserve_timeout(Duration::from_secs(1))?;
    /// let refused = pool.reserve_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(refused.kind(), SubmitErrorKind::Full);
    /// assert_eq!(refused.full().unwrap().reserved, 1);
    /// assert_eq!(permit.apply_async(|| 6 * 7)?.get()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The caller blocks for up to `limit`, but not on one of the pool's own threads. The call
    /// allocates once for each thread that waits, when it waits first. It does not run your code.
    /// It wakes a thread only if the pool ends meanwhile.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn reserve_timeout(&self, limit: Duration) -> Result<Permit, SubmitError<()>> {
        step::call("reserve_timeout");
        let sched = self.sched();
        let reserved = match worker::caller_kind(sched.id) {
            CallerKind::Outside => sched.reserve_until(Deadline::after(limit).as_ref()),
            kind => worker::refusal(sched, kind, Tie::Async).map(|()| None),
        };
        match reserved {
            Ok(reservation) => Ok(Permit { pool: self.handle(), reservation }),
            Err(kind) => Err(sched.refused(kind, ())),
        }
    }
}

// As for the pool that they belong to.
impl UnwindSafe for Permit {}
impl RefUnwindSafe for Permit {}
impl UnwindSafe for Reserve {}
impl RefUnwindSafe for Reserve {}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("pool", &self.pool)
            .field("reserved", &self.reservation.is_some())
            .finish()
    }
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve")
            .field("pool", &self.pool)
            .field("waits", &self.turn.is_some())
            .finish()
    }
}
