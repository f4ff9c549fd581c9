//! The end of a closed pool: a thread that finds no other to take or bring work looks everywhere
//! once more.

use super::Sched;
use super::in_hand::InHand;
use super::life::Duty;
use crate::sync::{Ordering, fence, thread};

/// What the last look before the pool's end has found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLook {
    /// The pool is DRAINED.
    Drained,
    /// The pool goes on, and there is work in a queue.
    Queued,
    /// The pool goes on, and its work is on its way into a queue, or in a worker's hands.
    OnItsWay,
}

impl Sched {
    /// Takes a worker out of the count of the drained-idle ones, before it takes work. [LIFE-4]
    pub(super) fn leave_drained_idle(&self) {
        self.life.leave_drained_idle();
        // edge DRAINED_IDLE release: this worker out of the count → the thread that takes
        // the last look, if that thread sees gone what this worker takes from now on.
        fence(Ordering::Release);
    }

    /// Counts all workers as drained-idle, before any of them begins. Each leaves the count when it
    /// [begins](Self::begin). [LIFE-14]
    pub(crate) fn begin_drained_idle(&mut self) {
        self.begins_drained_idle = true;
        self.life.count_all_drained_idle();
    }

    /// Begins a worker's loop. [LIFE-14]
    pub(crate) fn begin(&self) {
        if self.begins_drained_idle {
            self.leave_drained_idle();
        }
    }

    /// Looks everywhere once more, because no thread seems to be left that could take or bring
    /// work. True if the pool is DRAINED now. False if the pool goes on.
    pub(super) fn finish_drain(&self, by_worker: bool) -> bool {
        let look = self.last_look(by_worker);
        match look {
            LastLook::Drained => self.wake_for_stage(),
            LastLook::Queued => {}
            // A thread that is no worker is about to push the first entry of the line, or an
            // entry that it has a place for. This thread lets it run.
            LastLook::OnItsWay => thread::yield_now(),
        }
        look == LastLook::Drained
    }

    /// Takes the last look, and sets the stage. \[LIFE-5, LIFE-6]
    fn last_look(&self, by_worker: bool) -> LastLook {
        // edge LIFE fence: DRAINING → a submitter's second look, or the submitter's push → the
        // look below. [LIFE-5]
        fence(Ordering::SeqCst);
        // This thread looks at the line before the queues. So an entry that it sees gone from
        // the line is in a queue by then. [SPACE-6]
        let awaited = self.space.as_ref().is_some_and(|space| space.is_awaited());
        let queued = self.queues.any_work();
        // edge DRAINED_IDLE acquire: a worker out of the count → this thread, if it saw gone
        // what that worker took.
        fence(Ordering::Acquire);
        match self.life.try_finish_drain(queued || awaited, by_worker) {
            true => LastLook::Drained,
            false if queued => LastLook::Queued,
            false => LastLook::OnItsWay,
        }
    }

    /// As [`finish_drain`](Self::finish_drain), for a thread that is no worker and has this `duty`.
    /// It wakes the workers `in_hand`. If the pool goes on, it wakes a worker to see to it.
    /// [LIFE-15]
    pub(super) fn finish_drain_from_outside(&self, duty: Duty, in_hand: InHand) {
        let looked = (duty == Duty::LookAgain).then(|| self.last_look(false));
        // Those in hand are awake before this thread runs wakers and callbacks, which may wait for
        // the pool's end.
        self.idle.wake(in_hand);
        match looked {
            Some(LastLook::Drained) => self.wake_for_stage(),
            Some(LastLook::Queued | LastLook::OnItsWay) => {
                // edge LIFE fence: the stage, which is CLOSED again → the look of a worker that
                // parks, or that worker on the stack → this look.
                fence(Ordering::SeqCst);
                self.idle.wake_one();
            }
            None => {}
        }
    }

    /// Looks whether the pool, which is CLOSED now, is drained, and wakes the parked workers.
    /// [LIFE-13]
    pub(super) fn wake_to_drain(&self) {
        // edge LIFE fence: the stage → a parking worker's look, or that worker on the stack → the
        // taking of the stack.
        fence(Ordering::SeqCst);
        let in_hand = self.idle.take_all();
        let duty = self.life.count_drained_idle(self.idle.uncounted(&in_hand));
        if duty != Duty::NotClosed {
            self.idle.mark_counted(&in_hand);
        }
        self.finish_drain_from_outside(duty, in_hand);
        self.empty_line(); // [SPACE-5]
    }
}
