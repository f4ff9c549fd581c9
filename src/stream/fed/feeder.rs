use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use super::shared::{Intake, Offer, Turn};
use super::{SendError, SendErrorKind, Sending};
use crate::block::SubmitErrorKind;
use crate::sched::Sched;
use crate::stream::open::send_fed;
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::worker::{self, CallerKind};

/// Puts items into a fed stream: one half of what [`Stream::feed`](crate::Stream::feed) returns.
///
/// A feeder may go to another thread, be shared, and be cloned. All clones feed the same stream,
/// and share its window. The items have the order in which the calls let them in. Feeders that
/// wait are let in in the order in which they came.
///
/// The stream is closed when one of the clones calls [`close`](Self::close), or when the last one
/// is dropped. Then the [`Results`](crate::Results) yield what is still in flight, and their end.
///
/// A task of the pool may feed a stream of its own pool. [`send`](Self::send) does not wait for
/// the window there, since the items may need the worker that would wait.
#[must_use = "the stream is closed when its last feeder is dropped"]
pub struct Feeder<A> {
    inlet: Arc<Inlet<A>>,
}

/// What the clones share. The last one closes the stream.
pub(super) struct Inlet<A> {
    sched: Arc<Sched>,
    intake: Arc<dyn Intake<A>>,
}

impl<A> Inlet<A> {
    /// Offers an item as [`Intake::offer`] does, and sends the entry. An error is final.
    pub(super) fn offer(
        &self,
        item: A,
        turn: &mut Option<Turn>,
        waits: bool,
    ) -> Result<Option<A>, SendError<A>> {
        if self.sched.is_forked() {
            // The lock is the parent's. So is the turn, which lies in the line there.
            std::mem::forget(turn.take());
            return Err(SendError::new(SendErrorKind::Ended(SubmitErrorKind::Forked), item));
        }
        if !self.sched.may_pull() {
            turn.take().into_iter().for_each(|turn| self.intake.give_up(turn));
            return Err(self.closed(item));
        }
        match self.intake.offer(item, turn, waits) {
            Offer::In(None) => Ok(None),
            Offer::In(Some(entry)) => {
                let late = send_fed(&self.sched, entry).is_err();
                if self.intake.sent(late) {
                    self.sched.close_stream();
                }
                Ok(None)
            }
            Offer::Full(item) => Ok(Some(item)),
            Offer::Closed(item) => Err(self.closed(item)),
        }
    }

    pub(super) fn give_up(&self, turn: Turn) {
        if self.sched.is_forked() {
            return std::mem::forget(turn);
        }
        self.intake.give_up(turn);
    }

    fn closed(&self, item: A) -> SendError<A> {
        let kind = if self.sched.may_pull() {
            SendErrorKind::Closed
        } else {
            // A pool that is closed and joined would still take work from its own workers, so it
            // may give no reason. A broken pool gives one.
            let kind = self.sched.refusal(true).unwrap_or(SubmitErrorKind::NotRunning);
            SendErrorKind::Ended(kind)
        };
        SendError::new(kind, item)
    }

    fn close(&self) {
        if !self.sched.is_forked() && self.intake.close() {
            self.sched.close_stream();
        }
    }
}

impl<A> Drop for Inlet<A> {
    fn drop(&mut self) {
        step::pass();
        self.close();
    }
}

impl<A> Feeder<A> {
    pub(super) fn new(sched: Arc<Sched>, intake: Arc<dyn Intake<A>>) -> Self {
        Self { inlet: Arc::new(Inlet { sched, intake }) }
    }

    /// Puts an item into the stream, and waits for that while the window is full.
    ///
    /// It returns when the item is in, before it has run. Its outcome comes out of the
    /// [`Results`](crate::Results).
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, results) = pool.fed_stream(|x: u64| x * x).buffersize(4).feed()?;
    /// let feeding = std::thread::spawn(move || {
    ///     for x in 0..100 {
    ///         feeder.send(x).expect("the results are taken");
    ///     }
    /// });
    /// for (x, square) in (0..).zip(results) {
    ///     assert_eq!(square?, x * x);
    /// }
    /// feeding.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error gives the item back, which has not run, and says why: the stream is closed, the
    /// pool takes no more work, or the caller is a thread of the pool itself and would have to
    /// wait ([`WouldDeadlock`](SendErrorKind::WouldDeadlock)).
    ///
    /// # Cost
    ///
    /// The call takes the stream's lock for a moment. If the window is full, the caller blocks,
    /// and the call allocates once. It runs none of your code. It may wake a worker, which is a
    /// system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn send(&self, item: A) -> Result<(), SendError<A>> {
        step::call("send");
        self.send_until(item, None)
    }

    /// Puts an item into the stream, and waits for that up to `limit` while the window is full.
    ///
    /// It waits on a thread of the pool itself too.
    ///
    /// ```
    /// use millpond::{SendErrorKind, ThreadPool};
    /// use std::time::Duration;
    /// let pool = ThreadPool::new(1)?;
    /// let (feeder, mut results) = pool.fed_stream(|x: u64| x + 1).buffersize(1).feed()?;
    /// feeder.send(1)?;
    /// let late = feeder.send_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!((late.kind(), late.into_item()), (SendErrorKind::Full, 2));
    /// assert_eq!(results.next().unwrap()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error gives the item back, which has not run, and says why: the time is up
    /// ([`Full`](SendErrorKind::Full)), the stream is closed, or the pool takes no more work.
    ///
    /// # Cost
    ///
    /// The call costs as much as [`send`](Self::send). The caller blocks for up to `limit`.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn send_timeout(&self, item: A, limit: Duration) -> Result<(), SendError<A>> {
        step::call("send_timeout");
        self.send_until(item, Some(Deadline::after(limit)))
    }

    /// Puts an item into the stream if the window has room now.
    ///
    /// # Errors
    ///
    /// The error gives the item back, which has not run, and says why: the window is full or other
    /// feeders wait already ([`Full`](SendErrorKind::Full)), the stream is closed, or the pool
    /// takes no more work.
    ///
    /// ```
    /// use millpond::{SendErrorKind, ThreadPool};
    /// let pool = ThreadPool::new(1)?;
    /// let (feeder, results) = pool.fed_stream(|x: u64| x + 1).buffersize(1).feed()?;
    /// feeder.try_send(1)?;
    /// assert_eq!(feeder.try_send(2).unwrap_err().kind(), SendErrorKind::Full);
    /// feeder.close();
    /// assert_eq!(feeder.try_send(3).unwrap_err().kind(), SendErrorKind::Closed);
    /// assert_eq!(results.collect::<Result<Vec<_>, _>>()?, [2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call takes the stream's lock for a moment. It does not block otherwise or allocate, and
    /// it runs none of your code. It may wake a worker, which is a system call.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn try_send(&self, item: A) -> Result<(), SendError<A>> {
        step::call("try_send");
        match self.inlet.offer(item, &mut None, false)? {
            None => Ok(()),
            Some(item) => Err(SendError::new(SendErrorKind::Full, item)),
        }
    }

    /// Puts an item into the stream, and waits for that as a future while the window is full.
    ///
    /// The future belongs to no particular runtime, and blocks no thread. It waits in the same
    /// line as the threads that wait, from its first poll on. It may be dropped at any moment.
    /// Before it is ready the item is in the future, and a drop drops the item: it does not run.
    /// Once it has said `Ok` the item is in the stream.
    ///
    /// A task that blocks on the future in its own pool may wait for itself: see
    /// [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// The future gives the item back, which has not run, and says why: the stream is closed, or
    /// the pool takes no more work.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::new(2)?;
    /// let (feeder, results) = pool.fed_stream(|x: u64| x * x).buffersize(8).feed()?;
    /// let feeding = std::thread::spawn(move || {
    ///     pollster::block_on(async {
    ///         for x in 0..100 {
    ///             feeder.send_async(x).await.expect("the results are taken");
    ///         }
    ///     });
    /// });
    /// assert_eq!(results.map(Result::unwrap).sum::<u64>(), 328_350);
    /// feeding.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call does nothing. A poll takes the stream's lock for a moment, and may wake a worker,
    /// which is a system call. If it has to wait, it allocates once and clones the waker on this
    /// thread. The thread that takes a result calls the waker.
    pub fn send_async(&self, item: A) -> Sending<'_, A> {
        Sending::new(&self.inlet, item)
    }

    /// Closes the stream for all its feeders: it takes no more items.
    ///
    /// Feeders that wait get their items back. The [`Results`](crate::Results) yield what is in
    /// flight, and then their end. A second call does nothing.
    ///
    /// # Cost
    ///
    /// The call takes the stream's lock for a moment. It does not block otherwise or allocate. It
    /// wakes the feeders that wait, and the consumer, and calls their wakers.
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn close(&self) {
        step::call("close");
        self.inlet.close();
    }

    /// Sends until a deadline. The outer None stands for a wait without a limit; the inner one for
    /// a limit that the clock cannot say.
    fn send_until(&self, item: A, limit: Option<Option<Deadline>>) -> Result<(), SendError<A>> {
        let inlet = &*self.inlet;
        let waits = limit.is_some() || worker::caller_kind(inlet.sched.id) == CallerKind::Outside;
        let (mut turn, deadline) = (None, limit.flatten());
        let Some(mut item) = inlet.offer(item, &mut turn, waits)? else { return Ok(()) };
        while let Some(bell) = turn.as_ref().map(|turn| Arc::clone(&turn.bell)) {
            let rung = bell.wait(deadline.as_ref());
            // After the time is up this is the last look: perhaps the slot was granted meanwhile.
            match inlet.offer(item, &mut turn, true)? {
                None => return Ok(()),
                Some(back) => item = back,
            }
            if !rung {
                turn.take().into_iter().for_each(|turn| inlet.give_up(turn));
                return Err(SendError::new(SendErrorKind::Full, item));
            }
        }
        Err(SendError::new(SendErrorKind::WouldDeadlock, item))
    }
}

/// Makes another feeder of the same stream.
///
/// # Cost
///
/// The call raises a count. It does not block, allocate, run your code or wake a thread.
impl<A> Clone for Feeder<A> {
    fn clone(&self) -> Self {
        Self { inlet: Arc::clone(&self.inlet) }
    }
}

// As for the pool that feeds from them.
impl<A> UnwindSafe for Feeder<A> {}
impl<A> RefUnwindSafe for Feeder<A> {}

impl<A> fmt::Debug for Feeder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeder").finish_non_exhaustive()
    }
}
