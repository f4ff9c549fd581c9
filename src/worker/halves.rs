//! A worker's side of a join: it offers the second half, takes it back or waits for its thief,
//! and it runs the halves that it has taken from other workers.

use std::ptr::NonNull;
use std::time::Duration;

use super::context::Context;
use super::current::with_worker;
use super::pool_view::Inline;
use crate::block::{HalfState, Latch, Offers, PoolView, Reason, STOP, TaskRef};
use crate::numbers::{Name, Shows};
use crate::sync::{Ordering, barrier, fence};
use crate::wait::spin_until;

/// How long an owner looks for something to do before it sleeps.
const OWNER_SPINS: Duration = Duration::from_micros(20);

/// What became of a half that a thief has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stood {
    /// The thief has run it.
    Ended,
    /// No thread has begun it, and it is the owner's again.
    GivenBack,
    /// This is the child of a fork. The thief is in the parent, and so is the half.
    Lost,
}

impl Context {
    /// Offers a second half to the other workers, and returns the slot of the offer. The
    /// caller must take it back, or wait for it. [JOIN-1]
    #[inline]
    pub(crate) fn offer(&self, half: TaskRef) -> usize {
        let at = self.offers.push(half);
        if at == 0 {
            self.open_row();
        } else {
            // edge SLEEP fence: the offer → a parking worker's last look, or that worker's push
            // onto the idle stack → the look below. That worker passes the heavy fence.
            barrier::light();
        }
        self.sched.tell_of_offer();
        if self.offers.is_wanted() {
            self.wake_owners();
        }
        at
    }

    /// Makes the first offer of an empty row visible.
    #[inline]
    fn open_row(&self) {
        self.mark_loaded();
        barrier::prepare();
        // edge SLEEP fence: the offer, and the row in use → a parking worker's last look, or
        // that worker's push onto the idle stack → the look of `offer`.
        fence(Ordering::SeqCst);
    }

    /// Wakes the owners that may wait for the new offer: those of the halves that this worker
    /// has taken.
    #[cold]
    fn wake_owners(&self) {
        self.offers.answer();
        for owner in self.owners.borrow().iter() {
            self.sched.queues.offers(*owner).wake();
        }
    }

    /// Takes the offer in slot `at` back. False if a thief has the half. [JOIN-3]
    #[inline]
    pub(crate) fn take_back_offer(&self, at: usize) -> bool {
        self.offers.take_back(at)
    }

    /// Says why a half that has not begun does not begin, if the pool is over.
    #[inline]
    pub(crate) fn stop_reason(&self) -> Option<Reason> {
        // Relaxed: a request, which carries nothing.
        let word = self.sched.attention().map_or(STOP, |word| word.load(Ordering::Relaxed));
        if word & STOP == 0 { None } else { self.stop_reason_slow() }
    }

    #[cold]
    fn stop_reason_slow(&self) -> Option<Reason> {
        crate::block::stop_reason(self)
    }

    #[inline]
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Waits until the half in slot `at`, which a thief has, is no longer the thief's.
    /// Meanwhile this worker runs what the thief offers as a part of that half. [JOIN-4]
    #[cold]
    pub(crate) fn wait_for_half(&self, at: usize, latch: &Latch) -> Stood {
        let stood = loop {
            match latch.state() {
                HalfState::Ended => break Stood::Ended,
                HalfState::GivenBack => break Stood::GivenBack,
                HalfState::Open if self.sched.is_forked() => break Stood::Lost,
                HalfState::Open => {}
            }
            if !self.help_thief(latch) {
                let settled = || latch.state() != HalfState::Open || self.any_of_thief(latch);
                if !spin_until(OWNER_SPINS, settled) {
                    self.sleep_for_half(latch);
                }
            }
        };
        self.offers.end(at);
        stood
    }

    /// Returns the row of the half's thief, and the slot from which on the thief's offers are
    /// a part of the half. None as long as the thief has not said who it is.
    fn row_of_thief(&self, latch: &Latch) -> Option<(&Offers, usize)> {
        latch.thief().map(|(thief, depth)| (&***self.sched.queues.offers(thief), depth))
    }

    fn any_of_thief(&self, latch: &Latch) -> bool {
        self.row_of_thief(latch).is_some_and(|(row, from)| row.any(from))
    }

    /// Runs an offer of the half's thief, if there is one. [JOIN-4]
    fn help_thief(&self, latch: &Latch) -> bool {
        let Some((row, from)) = self.row_of_thief(latch) else { return false };
        let Some(part) = row.take(from) else { return false };
        // The look at the latch comes after the exchange that took the offer. If the thief had
        // ended the half before it made the offer, the exchange has seen that.
        if latch.state() == HalfState::Open {
            part.run(&Inline(self));
        } else {
            part.resolve(Reason::Cancelled);
        }
        true
    }

    /// Sleeps until the half's thief has something for this worker. [JOIN-5]
    fn sleep_for_half(&self, latch: &Latch) {
        let known = latch.thief();
        // edge OWNER fence: that this worker sleeps → a thief's look at it, or what the thief did
        // before → the looks below. The fence is in `announce`.
        self.offers.announce(self.row_of_thief(latch).map(|(row, _)| row));
        let changed = latch.state() != HalfState::Open || latch.thief() != known;
        if changed || self.any_of_thief(latch) {
            self.offers.stay_awake();
        } else {
            self.offers.sleep();
        }
    }
}

/// Runs a half that this thread, a worker of `pool`, has taken, or gives it back. [JOIN-2]
///
/// `run` runs the half and leaves its outcome in place. It does not unwind. `name` is what the
/// worker shows meanwhile, if the pool counts.
///
/// # Safety
///
/// The latch is that of a half which the caller has taken. The half may be gone when the call
/// returns.
pub(crate) unsafe fn run_stolen(
    pool: u32,
    latch: NonNull<Latch>,
    name: &'static Name,
    run: impl FnOnce(),
) {
    with_worker(pool, |worker| {
        let Some(worker) = worker else { unreachable!("only workers take offers") };
        // SAFETY: the caller has taken the half, so its owner waits.
        let owner = unsafe { latch.as_ref() }.owner();
        let row = worker.sched.queues.offers(owner);
        if worker.stop_reason().is_some() {
            // SAFETY: this thread is the thief, and touches the half no more.
            return unsafe { give_back(pool, latch) };
        }
        // SAFETY: as above.
        unsafe { latch.as_ref() }.set_thief(worker.index, worker.offers.depth());
        // edge OWNER fence: who the thief is → the owner's last look, or that the
        // owner sleeps → this thread's look.
        fence(Ordering::SeqCst);
        row.wake();
        worker.owners.borrow_mut().push(owner);
        let shows = worker.sched.books().and_then(|_| Shows::begin(pool, name));
        run();
        drop(shows);
        worker.owners.borrow_mut().pop();
        // SAFETY: this thread is the thief, and touches the half no more.
        unsafe { Latch::settle(latch, HalfState::Ended) };
        // edge OWNER fence: the latch → the owner's last look, or that the owner
        // sleeps → this thread's look.
        fence(Ordering::SeqCst);
        row.wake();
    });
}

/// Gives a half back to its owner. [JOIN-6]
///
/// # Safety
///
/// This thread, a worker of `pool`, has taken the half, and touches it no more.
pub(crate) unsafe fn give_back(pool: u32, latch: NonNull<Latch>) {
    with_worker(pool, |worker| {
        let Some(worker) = worker else { unreachable!("only workers take offers") };
        // SAFETY: the caller has taken the half, so its owner waits.
        let owner = unsafe { latch.as_ref() }.owner();
        // SAFETY: this thread is the thief, and touches the half no more.
        unsafe { Latch::settle(latch, HalfState::GivenBack) };
        // edge OWNER fence: as in `run_stolen`.
        fence(Ordering::SeqCst);
        worker.sched.queues.offers(owner).wake();
    });
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/halves.rs"]
mod models;
