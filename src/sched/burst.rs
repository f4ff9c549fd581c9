//! Bursts: calls of a thread from outside that has not blocked for a result since the first.
//!
//! If one worker searches, a submitter wakes no other. But another thread may have that searcher's
//! processor, for milliseconds. Then the rest of a burst waits. So a submitter in a burst looks
//! once in a few calls whether the workers still take submissions. If they have taken none for a
//! while, it wakes one more. The look reads a cache line that the takers write. So a thread that
//! waits for each result does not look: it finds the queue empty anyway.

use std::cell::Cell;
use std::time::Duration;

use super::Sched;
use crate::sync::clock::Stopwatch;
use crate::sync::local;

/// A submitter in a burst looks once in so many calls.
const CALLS_PER_LOOK: u32 = if cfg!(loom) { 1 } else { 4 };
/// One searcher can be behind by so many submissions without help.
const FEW: usize = if cfg!(loom) { 1 } else { 4 };
/// A searcher that takes no submission for so long has no processor. A worker that was woken needs
/// up to half of this to begin.
const HELD_UP: Duration = if cfg!(loom) { Duration::ZERO } else { Duration::from_micros(100) };

/// How far the takers of one pool had come at a look, and when that look was.
#[derive(Clone, Copy)]
struct Seen {
    pool: u32,
    taken: u64,
    since: Stopwatch,
}

/// The burst of one thread.
struct Burst {
    /// How many calls it has made from outside since its last look. 0: since it last blocked for a
    /// result. A poll does not count as such a wait, and neither does a result that is there.
    calls: Cell<u32>,
    /// The first of the last looks that saw the takers at the same place.
    seen: Cell<Option<Seen>>,
}

local! {
    static BURST: Burst = const { Burst { calls: Cell::new(0), seen: Cell::new(None) } };
}

/// Says that the calling thread is about to block for a result.
#[inline]
pub(crate) fn end_burst() {
    // The destructor of another thread-local may find this one gone.
    let _ = BURST.try_with(|burst| {
        burst.calls.set(0);
        burst.seen.set(None);
    });
}

impl Burst {
    /// Counts a call. Says whether the submitter looks after this one: never after the first.
    #[inline]
    fn goes_on(&self) -> bool {
        let calls = self.calls.get();
        let looks = calls == CALLS_PER_LOOK;
        self.calls.set(if looks { 1 } else { calls + 1 });
        looks
    }

    /// Notes how far the takers of this pool have come. Says whether they have been there for long.
    fn is_held_up(&self, pool: u32, taken: u64) -> bool {
        if let Some(seen) = self.seen.get() {
            if (seen.pool, seen.taken) == (pool, taken) {
                return seen.since.elapsed() >= HELD_UP;
            }
        }
        self.seen.set(Some(Seen { pool, taken, since: Stopwatch::start() }));
        HELD_UP.is_zero()
    }
}

impl Sched {
    /// Notes a call from outside, which was pushed. In a burst, this wakes one more worker, if one
    /// worker alone searches, another sleeps, more than a few submissions are queued, and none was
    /// taken for a while. [SLEEP-7]
    #[inline]
    pub(crate) fn go_on_with_burst(&self) {
        if BURST.try_with(Burst::goes_on).unwrap_or(false)
            && self.idle.has_one_searcher_and_a_sleeper()
        {
            self.look_in_burst();
        }
    }

    fn look_in_burst(&self) {
        let is_held_up = |burst: &Burst| burst.is_held_up(self.id, self.queues.taken());
        if self.queues.has_more_than(FEW) && BURST.try_with(is_held_up).unwrap_or(false) {
            self.idle.wake_one();
        }
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
    fn a_burst_wakes_a_second_worker_if_the_first_takes_nothing() {
        let sched = three_parked();
        (0..FEW).for_each(|_| submit(&sched));
        assert_eq!(awake(&sched), 1, "the searcher may be on its way");
        let held_up = (0..1_000_000).any(|_| {
            submit(&sched);
            awake(&sched) > 1
        });
        assert!(held_up, "no worker takes anything");
        (0..1_000).for_each(|_| submit(&sched));
        assert_eq!(awake(&sched), 2, "two search now");
        sched.terminate();
    }

    #[test]
    fn a_burst_wakes_no_second_worker_if_the_first_takes_submissions() {
        let sched = three_parked();
        for _ in 0..2 * FEW {
            assert!(sched.inject([call_of_nothing(sched.id)]).is_ok());
        }
        let watch = Stopwatch::start();
        for _ in 0..10_000 {
            submit(&sched);
            let task = sched.queues.take_injected(0).expect("some are queued");
            task.run(&sched);
        }
        assert!(watch.elapsed() > HELD_UP, "a worker that took nothing would be held up");
        assert_eq!(awake(&sched), 1);
        sched.terminate();
    }

    #[test]
    fn submissions_that_are_waited_for_one_by_one_wake_no_second_worker() {
        let sched = three_parked();
        let watch = Stopwatch::start();
        for _ in 0..10_000 {
            submit(&sched);
            end_burst();
        }
        assert!(watch.elapsed() > HELD_UP, "a burst of so many would be held up");
        assert_eq!(awake(&sched), 1);
        sched.terminate();
    }
}
