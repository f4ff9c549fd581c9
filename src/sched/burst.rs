//! Bursts: calls of a thread from outside to one pool, of which it has waited for none yet.
//!
//! If one worker searches, a submitter wakes no other. But another thread may have that searcher's
//! processor, for milliseconds. Then the rest of a burst waits. So a submitter in a burst looks
//! whether submissions wait beside a searcher. If every look of a while says so, the submitter
//! wakes one more worker. A look reads a cache line that the takers write. So there is one look in
//! a few calls, and none in a thread that waits for each result.
//!
//! A thread that calls two pools in turn is in no burst. Neither is one that has ended its burst,
//! and polls.

use std::cell::Cell;
use std::time::Duration;

use super::Sched;
use crate::sync::clock::Stopwatch;
use crate::sync::local;

const IS_MODEL: bool = cfg!(any(loom, millpond_loom));
/// A submitter in a burst looks once in so many calls.
const CALLS_PER_LOOK: u32 = if IS_MODEL { 1 } else { 4 };
/// One searcher can be behind by so many submissions without help.
const FEW: usize = if IS_MODEL { 1 } else { 4 };
/// A searcher beside which submissions wait for so long has no processor. A worker that was woken
/// begins sooner.
const HELD_UP: Duration = if IS_MODEL { Duration::ZERO } else { Duration::from_micros(100) };

/// The burst of one thread.
struct Burst {
    pool: Cell<u32>,
    /// How many calls there were since the last look of this burst, that one included. 0: the
    /// thread has blocked for a result since. A poll is no such wait, and neither is a look at a
    /// result that is there.
    calls: Cell<u32>,
    /// Runs since the first look that saw the pool behind, if all later ones did too.
    behind: Cell<Option<Stopwatch>>,
}

local! {
    static BURST: Burst = const {
        Burst { pool: Cell::new(0), calls: Cell::new(0), behind: Cell::new(None) }
    };
}

/// Says that the calling thread is about to block for a result.
#[inline]
pub(crate) fn end_burst() {
    // The destructor of another thread-local may find this one gone.
    let _ = BURST.try_with(|burst| burst.calls.set(0));
}

impl Burst {
    /// Counts a call. Says whether the submitter looks after this one: never after the first.
    #[inline]
    fn goes_on(&self, pool: u32) -> bool {
        let calls = self.calls.get();
        if calls == 0 || self.pool.get() != pool {
            self.pool.set(pool);
            self.calls.set(1);
            self.behind.set(None);
            return false;
        }
        let looks = calls == CALLS_PER_LOOK;
        self.calls.set(if looks { 1 } else { calls + 1 });
        looks
    }

    /// Notes whether the pool is behind. Says whether it has been for long. After that it takes as
    /// long again.
    #[inline]
    fn is_held_up(&self, behind: bool) -> bool {
        if !behind {
            self.behind.set(None);
        }
        behind && self.is_held_up_long()
    }

    #[cold]
    fn is_held_up_long(&self) -> bool {
        let since = self.behind.get();
        let held_up = since.map_or(HELD_UP.is_zero(), |since| since.elapsed() >= HELD_UP);
        self.behind.set((!held_up).then(|| since.unwrap_or_else(Stopwatch::start)));
        held_up
    }
}

impl Sched {
    /// Notes a call from outside, which was pushed. In a burst, this wakes one more worker if the
    /// pool has been behind for a while: one worker alone searches, another sleeps, and more than a
    /// few submissions are queued. [SLEEP-7]
    #[inline]
    pub(crate) fn go_on_with_burst(&self) {
        let held_up = |burst: &Burst| burst.goes_on(self.id) && burst.is_held_up(self.is_behind());
        if BURST.try_with(held_up).unwrap_or(false) {
            self.idle.wake_one();
        }
    }

    #[inline]
    fn is_behind(&self) -> bool {
        self.idle.has_one_searcher_and_a_sleeper() && self.queues.has_more_than(FEW)
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) fn in_burst() -> bool {
    BURST.with(|burst| burst.calls.get() > 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Idle;
    use super::*;
    use crate::block::call_of_nothing;

    /// A pool of three workers that are all parked. One submission wakes one.
    fn three_parked() -> Sched {
        end_burst();
        let (mut sched, _deques) = Sched::new(3);
        sched.idle = Idle::new(3, 2, 0);
        (0..3).for_each(|worker| sched.idle.push(worker, false));
        sched
    }

    fn submit(sched: &Sched) {
        assert!(sched.inject([call_of_nothing(sched.id)]).is_ok());
        sched.go_on_with_burst();
    }

    fn awake(sched: &Sched) -> usize {
        3 - sched.idle.at_rest().1.len()
    }

    // covers TIME-02
    #[test]
    fn a_burst_wakes_a_second_worker_if_the_first_does_not_begin() {
        let sched = three_parked();
        let watch = Stopwatch::start();
        let mut submissions = 0_u32;
        while awake(&sched) < 2 {
            submit(&sched);
            submissions += 1;
        }
        assert!(watch.elapsed() >= HELD_UP, "the searcher may be on its way");
        assert!(submissions > FEW as u32);
        (0..1_000).for_each(|_| submit(&sched));
        assert_eq!(awake(&sched), 2, "two search now");
        sched.terminate();
    }

    /// Submits for longer than it takes to be held up, with `between` after each submission. Says
    /// how many workers are awake then.
    fn awake_after(between: impl Fn(&Sched)) -> usize {
        let sched = three_parked();
        let watch = Stopwatch::start();
        while watch.elapsed() < 2 * HELD_UP {
            submit(&sched);
            between(&sched);
        }
        let awake = awake(&sched);
        sched.terminate();
        awake
    }

    #[test]
    fn a_burst_wakes_no_second_worker_if_nothing_waits() {
        let run = |sched: &Sched| {
            sched.queues.take_injected(0).expect("it is queued").run(sched);
        };
        assert_eq!(awake_after(run), 1);
    }

    #[test]
    fn calls_that_are_waited_for_or_go_to_two_pools_are_no_burst() {
        assert_eq!(awake_after(|_| end_burst()), 1);
        let other = three_parked();
        assert_eq!(awake_after(|_| submit(&other)), 1);
        assert_eq!(awake(&other), 1);
        other.terminate();
    }
}
