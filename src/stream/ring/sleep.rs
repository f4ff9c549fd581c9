//! How a consumer waits for an outcome.

use std::time::Duration;

use super::wake_batch::WakeBatch;
use super::{ASLEEP, DONE, NUDGED, PENDING, StreamRef, WAITER};
use crate::sync::Ordering;
use crate::sync::clock::{Deadline, Stopwatch};
use crate::wait::{block_until, spin_until};

/// Why a consumer waits no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// An outcome is there.
    Outcome,
    /// The runners have run dry, and the consumer may pull more of the input.
    Dry,
    TimedOut,
}

impl<A, T, E> StreamRef<A, T, E> {
    /// Waits until an outcome is there, or until the deadline. With `refills` it also ends
    /// when the runners have run dry. The caller has something ahead.
    ///
    /// A consumer that sleeps lets the workers get a wake-up batch ahead before they wake it.
    /// But it keeps no outcome back for longer than the wake-up batch may last.
    pub(crate) fn wait(&mut self, deadline: Option<&Deadline>, refills: bool) -> Waited {
        if spin_until(self.wake_batch.spin(), || self.is_any_done()) {
            return Waited::Outcome;
        }
        let watch = Stopwatch::start();
        self.sleep_for_a_wake_batch(deadline);
        let waited = self.sleep(deadline, refills);
        self.wake_batch.slept(watch.elapsed());
        waited
    }

    /// Waits until an outcome is there, for at most `limit` and not beyond the deadline. It is
    /// the short wait before the consumer asks the input again.
    pub(crate) fn wait_briefly(&mut self, limit: Duration, deadline: Option<&Deadline>) {
        if let Some(limit) = Deadline::soon(limit) {
            let limit = deadline.map_or(limit, |deadline| limit.min(*deadline));
            self.sleep(Some(&limit), false);
        }
    }

    /// Says whether the next outcome is there.
    pub(crate) fn is_any_done(&mut self) -> bool {
        if self.ring().options.ordered { self.oldest_done().is_some() } else { self.look() }
    }

    /// Waits as [`wait`](Self::wait) does, without a wake-up batch.
    fn sleep(&mut self, deadline: Option<&Deadline>, refills: bool) -> Waited {
        if !self.ring().options.ordered {
            // Out of order any outcome ends the wait, and makes room. Before one comes there
            // is nothing to refill.
            let in_time = self.sleep_for_any(deadline);
            return if in_time { Waited::Outcome } else { Waited::TimedOut };
        }
        let ring = self.ring();
        let state = &ring.slots[ring.slot_of(self.taken)].state;
        // A fixed window does not reopen before an outcome is taken.
        if refills && self.can_grow() {
            self.ask_for_a_nudge();
            if ring.backlog() == 0 {
                ring.crew.fetch_and(!ASLEEP, Ordering::Relaxed);
                // The runners have begun all items. So the consumer must ask for the rest of
                // the input, unless the window is full.
                if !self.has_enough() {
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

    /// Marks that the consumer sleeps for the oldest outcome and could pull more. A runner
    /// that then leaves the crew, and sees no item, nudges the consumer.
    pub(super) fn ask_for_a_nudge(&self) {
        let ring = self.ring();
        ring.awaited.store(self.taken, Ordering::Relaxed);
        // edge ASLEEP release: the awaited number, from the consumer → the runner that nudges
        // it.
        // edge CREW acquire: the claims of a runner that has left the crew, from that runner →
        // the consumer's look at the backlog. (A runner that leaves later sees ASLEEP.)
        ring.crew.fetch_or(ASLEEP, Ordering::AcqRel);
    }

    /// Sleeps until the last item of the wake-up batch is done, but not for long. The items
    /// before it do not wake the consumer.
    fn sleep_for_a_wake_batch(&self, deadline: Option<&Deadline>) {
        let last = (self.taken + self.wake_batch.items()).min(self.next) - 1;
        if last == self.taken {
            return;
        }
        let ring = self.ring();
        let limit = Deadline::soon(WakeBatch::LONGEST_SLEEP).expect("within the clock");
        let limit = deadline.map_or(limit, |deadline| limit.min(*deadline));
        // Out of order the consumer may have taken this item's outcome, and used the slot
        // again. Then the slot holds the item of another number, or none. The wait ends when
        // that item is done, or with the limit.
        let state = &ring.slots[ring.slot_of(last)].state;
        let _ = block_until(state, WAITER, Some(&limit), |state| state & PENDING == 0);
    }
}
