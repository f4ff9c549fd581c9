//! Reservations: places that threads and futures take before they have an entry for them.

use std::mem;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::Sched;
use super::line::{Answer, Line, Waiter};
use super::permit::Permit;
use super::space::{Join, NoPlace, Space};
use crate::block::{SubmitErrorKind, drop_quietly};
use crate::sync::clock::Deadline;
use crate::sync::{Ordering, identity};

/// A place that is reserved: it is used, and no entry has it yet. Dropping it gives the place
/// on.
///
/// The pool takes all reservations back once it takes no more from outside. The place of such a
/// reservation is free already. [SPACE-9]
pub(crate) struct Reservation {
    /// None once it was redeemed.
    space: Option<Arc<Space>>,
}

impl Reservation {
    fn new(space: &Arc<Space>) -> Self {
        Self { space: Some(Arc::clone(space)) }
    }

    /// Makes a permit of it, for an entry. None if the pool has taken it back. [SPACE-8]
    pub(crate) fn redeem(mut self) -> Option<Permit> {
        self.end()
    }

    fn end(&mut self) -> Option<Permit> {
        let space = self.space.take()?;
        // In the child of a fork the lock may be held by a thread of the parent. There the permit
        // frees nothing that matters.
        let is_there =
            identity::is_forked(space.pool_id) || space.line.with(|line| space.unreserve(line));
        is_there.then(|| Permit::new(&space))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl Space {
    /// Counts a place that is reserved from here on. The caller holds the lock. [SPACE-7]
    pub(super) fn reserve(&self, line: &mut Line) {
        debug_assert!(!line.is_closed, "the caller has looked at the stage, under the lock");
        self.reserved.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a reservation. False if its place was taken back. The caller holds the lock.
    /// [SPACE-8]
    #[must_use]
    fn unreserve(&self, line: &mut Line) -> bool {
        if !line.is_closed {
            self.reserved.fetch_sub(1, Ordering::Relaxed);
        }
        !line.is_closed
    }

    /// Takes all reservations back, and says how many places the caller must free. The caller
    /// holds the lock. [SPACE-9]
    #[must_use]
    pub(super) fn take_back_reserved(&self, line: &mut Line) -> u32 {
        line.is_closed = true;
        self.reserved.swap(0, Ordering::Relaxed)
    }
}

/// The turn of a future that waits in the line. Dropping it gives the turn on. [SPACE-10]
pub(crate) struct Turn {
    space: Arc<Space>,
    pub(super) answer: Arc<Answer>,
    pub(super) ticket: u64,
}

impl Turn {
    /// Gives the future its reservation, or None if it was sent away. Until it has its answer,
    /// keeps `waker` for the thread that answers.
    fn poll(&self, waker: &Waker) -> Poll<Option<Reservation>> {
        let seen = self.space.line.with(|line| match line.find(self.ticket) {
            Some(Waiter::Future(_, kept)) if kept.will_wake(waker) => Some(Poll::Pending),
            Some(_) => None,
            None => Some(Poll::Ready(())),
        });
        let seen = seen.unwrap_or_else(|| {
            // The clone is the user's code. So it comes without the lock, and then the look comes
            // again.
            let mut waker = waker.clone();
            let seen = self.space.line.with(|line| match line.find(self.ticket) {
                Some(Waiter::Future(_, kept)) => {
                    mem::swap(kept, &mut waker);
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            });
            drop_quietly(waker);
            seen
        });
        seen.map(|()| self.redeem())
    }

    /// Gives the reservation of a future that is in the line no more, once, if it has one.
    fn redeem(&self) -> Option<Reservation> {
        self.answer.take_grant().then(|| Reservation::new(&self.space))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // In the child of a fork the line is the parent's, and the lock may be held for ever.
        if !identity::is_forked(self.space.pool_id) && !self.space.leave(self.ticket) {
            drop(self.redeem());
        }
    }
}

impl Sched {
    /// Reserves a place for a future from outside, or lets the future wait in the line. A pool
    /// without a limit has no places, and gives no reservation. [SPACE-7]
    ///
    /// `turn` belongs to the future. It is there while the future waits.
    pub(crate) fn poll_reserve(
        &self,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Poll<Result<Option<Reservation>, SubmitErrorKind>> {
        if let Some(kind) = self.refusal(false) {
            *turn = None;
            return Poll::Ready(Err(kind));
        }
        let Some(space) = &self.space else { return Poll::Ready(Ok(None)) };
        let reservation = match turn {
            Some(waits) => match waits.poll(waker) {
                Poll::Ready(reservation) => reservation,
                Poll::Pending => return Poll::Pending,
            },
            None => match space.try_enter() {
                Some(permit) => self.reserve(space, permit),
                None => {
                    let answer = Answer::new();
                    let waiter = Waiter::Future(Arc::clone(&answer), waker.clone());
                    let (runs, takes) =
                        (|| self.refusal(false).is_none(), |line: &mut Line| space.reserve(line));
                    match space.join(waiter, runs, takes) {
                        Join::Refused => None,
                        Join::Place => Some(Reservation::new(space)),
                        Join::Line(ticket) => {
                            *turn = Some(Turn { space: Arc::clone(space), answer, ticket });
                            return Poll::Pending;
                        }
                    }
                }
            },
        };
        *turn = None;
        Poll::Ready(reservation.map(Some).ok_or_else(|| self.why_not()))
    }

    /// Reserves a place for a thread from outside, which waits in the line up to a deadline.
    /// [SPACE-7]
    ///
    /// # Errors
    ///
    /// The pool takes no more work, or the time is up, which is an error of the kind `Full`.
    pub(crate) fn reserve_until(
        &self,
        deadline: Option<&Deadline>,
    ) -> Result<Option<Reservation>, SubmitErrorKind> {
        if let Some(kind) = self.refusal(false) {
            return Err(kind);
        }
        let Some(space) = &self.space else { return Ok(None) };
        let permit = match space.try_enter() {
            Some(permit) => permit,
            None => match space.wait(deadline, || self.refusal(false).is_none()) {
                Ok(permit) => permit,
                Err(NoPlace::TimedOut) => return Err(SubmitErrorKind::Full),
                Err(NoPlace::SentAway) => return Err(self.why_not()),
            },
        };
        self.reserve(space, permit).map(Some).ok_or_else(|| self.why_not())
    }

    /// Makes a reservation of a permit. None if the pool takes no more work: then the place is
    /// free again.
    fn reserve(&self, space: &Arc<Space>, permit: Permit) -> Option<Reservation> {
        let runs = space.line.with(|line| {
            let runs = self.refusal(false).is_none();
            if runs {
                space.reserve(line);
            }
            runs
        });
        runs.then(|| {
            permit.hand_over();
            Reservation::new(space)
        })
    }

    /// Says why the pool has refused a waiter. The waiter has heard so under the lock, and so
    /// sees the stage.
    fn why_not(&self) -> SubmitErrorKind {
        self.refusal(false).unwrap_or(SubmitErrorKind::NotRunning)
    }

    /// Lets in a submission that has reserved a place, or says why the pool refuses it. It comes
    /// from outside or from a thread of the pool that runs no tasks.
    ///
    /// Without a reserved place the submission takes one even beyond the limit. Either a thread of
    /// the pool has reserved it, which must not wait, or a shutdown has taken the place back and
    /// lets the permit be used all the same. A worker needs no place at all. [LIFE-10]
    pub(crate) fn admit_reserved(
        &self,
        reservation: Option<Reservation>,
    ) -> Result<Option<Permit>, SubmitErrorKind> {
        let permit = reservation.and_then(Reservation::redeem);
        // As in `enter`, this thread looks at the stage after it has looked at the place.
        match self.refusal_of_permit() {
            None => Ok(permit.or_else(|| self.space.as_ref().map(Space::enter_beyond))),
            Some(kind) => Err(kind),
        }
    }
}
