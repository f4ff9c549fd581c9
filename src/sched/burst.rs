//! Bursts: calls of a thread from outside that has not blocked for a result since the first.
//!
//! If one worker searches, a submitter wakes no other. But that searcher may have just been woken,
//! or another thread may have its processor. Then the rest of a burst waits for it. To see whether
//! it does, the submitter reads a cache line that the takers write. So it looks only in a burst: a
//! thread that waits for each result finds the queue empty anyway.

use std::cell::Cell;

use super::Sched;
use crate::sync::local;

/// One searcher can be behind by so many submissions without help.
const FEW: usize = if cfg!(loom) { 1 } else { 4 };

local! {
    /// Whether the calling thread has made a call from outside, and has not blocked for a result
    /// since. A poll does not count, and a result that is there already does not either.
    static IN_BURST: Cell<bool> = const { Cell::new(false) };
}

/// Says that the calling thread is about to block for a result.
#[inline]
pub(crate) fn end_burst() {
    // The destructor of another thread-local may find this one gone.
    let _ = IN_BURST.try_with(|burst| burst.set(false));
}

impl Sched {
    /// Notes a call from outside, which was pushed. In a burst, this wakes one more worker, if one
    /// worker alone searches, another sleeps, and more than a few submissions are queued. [SLEEP-7]
    #[inline]
    pub(crate) fn go_on_with_burst(&self) {
        if IN_BURST.try_with(|burst| burst.replace(true)).unwrap_or(false)
            && self.idle.has_one_searcher_and_a_sleeper()
            && self.queues.has_more_than(FEW)
        {
            self.idle.wake_one();
        }
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) fn in_burst() -> bool {
    IN_BURST.with(Cell::get)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Idle;
    use super::*;
    use crate::block::call_of_nothing;

    /// How many of three workers are awake after so many submissions by a thread that does
    /// `between` after each.
    fn awake_after(submissions: usize, between: impl Fn()) -> usize {
        end_burst();
        let (mut sched, _deques) = Sched::new(3);
        sched.idle = Idle::new(3, 2, 0);
        (0..3).for_each(|worker| sched.idle.push(worker, false));
        for _ in 0..submissions {
            assert!(sched.inject([call_of_nothing(sched.id)]).is_ok());
            sched.go_on_with_burst();
            between();
        }
        let (_, parked) = sched.idle.at_rest();
        sched.terminate();
        3 - parked.len()
    }

    // covers TIME-02
    #[test]
    fn a_burst_wakes_a_second_worker_and_single_submissions_do_not() {
        assert_eq!(awake_after(FEW, || ()), 1, "the searcher may be on its way");
        assert_eq!(awake_after(FEW + 1, || ()), 2);
        assert_eq!(awake_after(3 * FEW, || ()), 2, "two search now");
        assert_eq!(awake_after(3 * FEW, end_burst), 1);
    }
}
