//! The whole idle stack at once: a thread takes every parked worker in hand, and wakes them all.

use super::idle::{Idle, SEARCHER, Seat, Word, raise};
use crate::sync::Ordering;

/// The workers that a thread has taken off the stack, and has yet to wake.
#[must_use = "the workers in hand sleep until they are woken"]
pub(crate) struct InHand {
    /// The number of the newest one's seat, plus one; 0 if there is none.
    top: u32,
}

impl InHand {
    pub(crate) const NONE: Self = Self { top: 0 };
}

impl Idle {
    /// Takes every worker that is parked at this moment off the stack. The caller must
    /// [`wake`](Self::wake) them. Until then they sleep, and no other thread can wake them.
    ///
    /// The call takes the whole stack at once. So if a woken worker finds nothing to do and parks
    /// again, the caller does not meet it a second time, however fast the worker is.
    pub(crate) fn take_all(&self) -> InHand {
        // edge SEAT acquire: `below` of every seat on the stack → this thread. Each parked
        // worker wrote its own before its push, and the pushes continue one release sequence.
        let mut word = Word(self.word.load(Ordering::Acquire));
        while word.top() != 0 {
            let next = word.with_top(0).0;
            // edge SEAT acquire, on failure: `below` of every seat on the stack that this
            // thread sees now, from the workers that parked there → this thread, in the next
            // round.
            match self.word.compare_exchange_weak(
                word.0,
                next,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => break,
                Err(now) => word = Word(now),
            }
        }
        InHand { top: word.top() }
    }

    /// Wakes the workers in hand.
    pub(crate) fn wake(&self, in_hand: InHand) {
        // After its signal a seat belongs to its worker again.
        self.each_in_hand(&in_hand, |seat| {
            // This thread raises the count before the signal. The woken worker takes itself
            // off the count.
            self.word.fetch_add(SEARCHER, Ordering::Relaxed);
            raise(seat);
        });
    }

    /// Says how many workers in hand are not counted as drained-idle.
    pub(crate) fn uncounted(&self, in_hand: &InHand) -> u32 {
        // Relaxed: the edge SEAT in `take_all` brings what each worker wrote before its push.
        let mut uncounted = 0;
        self.each_in_hand(in_hand, |seat| uncounted += 1 - seat.counted.load(Ordering::Relaxed));
        uncounted
    }

    /// Says of all workers in hand that they are counted as drained-idle.
    pub(crate) fn mark_counted(&self, in_hand: &InHand) {
        // Relaxed: the edge SIGNAL in `raise` takes it to the worker.
        self.each_in_hand(in_hand, |seat| seat.counted.store(1, Ordering::Relaxed));
    }

    /// Calls `each` with the seats in hand. It reads `below` before that.
    fn each_in_hand(&self, in_hand: &InHand, mut each: impl FnMut(&Seat)) {
        let mut at = in_hand.top;
        while at != 0 {
            let seat = &self.seats[at as usize - 1];
            // Relaxed: the edge SEAT in `take_all` orders this load.
            at = seat.below.load(Ordering::Relaxed);
            each(seat);
        }
    }
}
