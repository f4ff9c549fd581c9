//! How a consumer waits for an outcome.

use std::time::Duration;

use super::wake_batch::WakeBatch;
use super::{ASLEEP, DONE, NUDGED, PENDING, StreamRef, WAITER};
use crate::sync::clock::{Deadline, Stopwatch};
use crate::sync::{Ordering, fence};
use crate::wait::{block_until, spin_until};

/// Why a consumer waits no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// An outcome is there.
    Outcome,
    /// The runners have run dry, and more of the input may be pulled.
    Dry,
    TimedOut,
}

impl<A, T, E> StreamRef<A, T, E> {
    /// Waits until an outcome is there, until the deadline, or, with `refills`, until the runners have run dry. There must be something
    /// ahead.
    ///
    /// Sleeping, it lets the workers get a wake-up batch ahead before it is woken, but keeps no outcome back for longer than the
    /// wake-up batch may last.
    pub(crate) fn wait(&mut self, deadline: Option<&Deadline>, refills: bool) -> Waited {
        if spin_until(self.wake_batch.spin(), || self.is_new_one_done()) {
            return Waited::Outcome;
        }
        let watch = Stopwatch::start();
        self.sleep_for_a_wake_batch(deadline);
        let waited = self.sleep(deadline, refills);
        self.wake_batch.slept(watch.elapsed());
        waited
    }

    /// Waits until an outcome is there, for so long at most and not beyond the deadline; a short wait, before the input is asked again.
    pub(crate) fn wait_briefly(&self, limit: Duration, deadline: Option<&Deadline>) {
        if let Some(limit) = Deadline::after(limit) {
            let limit = deadline.map_or(limit, |deadline| limit.min(*deadline));
            self.sleep(Some(&limit), false);
        }
    }

    /// Whether the next outcome is there.
    pub(crate) fn is_any_done(&self) -> bool {
        !self.done.is_empty() || self.is_new_one_done()
    }

    fn is_new_one_done(&self) -> bool {
        if self.ring().options.ordered {
            self.oldest_done().is_some()
        } else {
            self.ring().ready.is_any()
        }
    }

    /// As [`wait`](Self::wait), without a wake-up batch.
    fn sleep(&self, deadline: Option<&Deadline>, refills: bool) -> Waited {
        let ring = self.ring();
        if !ring.options.ordered {
            // An outcome makes room, so there is nothing to refill before one comes.
            return if ring.ready.wait(deadline) { Waited::Outcome } else { Waited::TimedOut };
        }
        let state = &ring.slots[ring.slot_of(self.taken)].state;
        if refills && self.grows() {
            ring.awaited.store(self.taken, Ordering::Relaxed);
            // edge ASLEEP release: which outcome → the runner that nudges.
            ring.crew.fetch_or(ASLEEP, Ordering::Release);
            // edge RING fence: ASLEEP → the look of a runner that has left, or that runner gone from the crew → the look below.
            fence(Ordering::SeqCst);
            if ring.backlog() == 0 {
                ring.crew.fetch_and(!ASLEEP, Ordering::Relaxed);
                // With all items begun the rest of the input is to be asked for, unless the window is full.
                if !self.is_full() {
                    return Waited::Dry;
                }
            }
        }
        match block_until(state, WAITER, deadline, |state| state & (DONE | NUDGED) != 0) {
            None => Waited::TimedOut,
            Some(state) if state & DONE != 0 => Waited::Outcome,
            Some(_) => {
                state.fetch_and(!NUDGED, Ordering::Relaxed);
                Waited::Dry
            }
        }
    }

    /// Sleeps until the item at the end of the wake-up batch is done, whatever is done before it; not for long.
    fn sleep_for_a_wake_batch(&self, deadline: Option<&Deadline>) {
        let last = (self.taken + self.wake_batch.items()).min(self.next) - 1;
        if last == self.taken {
            return;
        }
        let ring = self.ring();
        let limit = Deadline::after(WakeBatch::LONGEST_SLEEP).expect("within the clock");
        let limit = deadline.map_or(limit, |deadline| limit.min(*deadline));
        // Out of order its outcome may have been taken, and the slot been used again: then this is the item of another number,
        // or none, and the wait ends with that, or with the limit.
        let state = &ring.slots[ring.slot_of(last)].state;
        let _ = block_until(state, WAITER, Some(&limit), |state| state & PENDING == 0);
    }
}
