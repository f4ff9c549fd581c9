//! Finds a worker's next task: where the worker looks, in which order, and how long before it
//! parks.

use std::time::Duration;

use super::context::Context;
use crate::block::TaskRef;
use crate::numbers;
use crate::sched::Stage;
use crate::sync::clock::Stopwatch;
use crate::sync::{futex, step, thread};
use crate::wait::spin_until;

/// While a task from outside is queued, a worker takes at most this many of its own tasks in a row.
const OWN_IN_A_ROW: u32 = 3;
/// Of so many tasks that a worker begins, one is the oldest of each kind, if there is one.
///
/// The first kind is the worker's own deque: newest-first order could keep its oldest task
/// waiting for ever. The second is another worker's deque, which a filled injector could keep
/// waiting. The third is the injector, which entries that runners put back could keep waiting.
/// Those entries are the fourth. The second halves of other workers' joins are the fifth.
const TASKS_PER_ROUND: u32 = 64;
/// The places of the first three kinds in a round.
const OWN_OLDEST_AT: u32 = 0;
const OTHERS_OLDEST_AT: u32 = 21;
const OUTSIDE_OLDEST_AT: u32 = 42;
/// The place of an entry that a runner has put back.
const PUT_BACK_AT: u32 = 53;
/// The place of the second half of another worker's join.
const OFFER_AT: u32 = 11;

/// Between pauses a searcher looks into the deques only once in so many times. A look takes
/// the cache line from the deque's owner, which writes it with each push and pop.
const DEQUES_EVERY: u32 = 4;

/// Work comes fast if others take a submission in so much time, or in less.
const FAST: Duration = Duration::from_micros(1);
/// While work comes fast, only so much of a yield counts as time in which a searcher found nothing.
const OWN_SHARE: Duration = Duration::from_nanos(2_500);

/// Says how much of a yield counts as time in which a searcher found nothing. Others `took` so many
/// submissions meanwhile.
///
/// On a crowded machine a yield lasts for another thread's turn, perhaps some milliseconds. If work
/// comes fast, a searcher that parked after that would be woken again at once. That costs a
/// submitter a system call, and the workers that were awake take the work all the same.
///
/// If work comes slowly, the searcher parks. A worker that is woken gets a processor sooner than
/// one that yields.
fn fruitless_time(yielded: Duration, took: u64) -> Duration {
    let fast = FAST.saturating_mul(u32::try_from(took).unwrap_or(u32::MAX)) >= yielded;
    if fast { yielded.min(OWN_SHARE) } else { yielded }
}

impl Context {
    /// Returns the next task to run, or none once the pool is over. `ran` says whether the worker
    /// comes from a task that it has run.
    #[inline]
    pub(super) fn next(&self, ran: bool) -> Option<TaskRef> {
        step::pass();
        let stage = self.sched.stage();
        if stage == Stage::Run || !self.is_over_for(stage, ran) {
            match self.take() {
                None => return self.next_slow(stage),
                found => {
                    self.stop_searching();
                    return found;
                }
            }
        }
        self.stop_searching();
        None
    }

    /// Says whether the pool is over, at a stage other than RUN. Counts the task that the worker
    /// comes from, if it has `ran` one, for the report of a shutdown.
    #[cold]
    fn is_over_for(&self, stage: Stage, ran: bool) -> bool {
        if ran {
            self.sched.count_ended(self.index);
            if stage.is_over() {
                self.sched.note_last(self.index);
            }
        }
        stage.is_over()
    }

    /// Takes the worker off the searchers, if it became one before it searched. It has found a
    /// task, or is to leave.
    #[inline]
    fn stop_searching(&self) {
        if self.searching.replace(false) {
            self.sched.stop_searching();
        }
    }

    /// Takes a task: from the own deque, the injector, or the other deques, in this order. The
    /// fairness rules, which the room's README lists, change the order.
    #[inline]
    pub(super) fn take(&self) -> Option<TaskRef> {
        let place = self.begun.get().wrapping_add(1) % TASKS_PER_ROUND;
        self.begun.set(place);
        let in_turn = matches!(
            place,
            OWN_OLDEST_AT | OFFER_AT | OTHERS_OLDEST_AT | OUTSIDE_OLDEST_AT | PUT_BACK_AT
        );
        if in_turn || self.gave_way.get() {
            if let Some(task) = self.take_in_turn(place) {
                return Some(task);
            }
        }
        if self.own_in_a_row.get() >= OWN_IN_A_ROW {
            if let Some(task) = self.take_injected() {
                return Some(task);
            }
        }
        if let Some(task) = self.deque.pop() {
            self.own_in_a_row.set(OWN_IN_A_ROW.min(self.own_in_a_row.get() + 1));
            return Some(task);
        }
        self.take_others()
    }

    /// Takes the oldest task of the kind whose turn it is.
    ///
    /// After a task that has given way, another worker's deque and the injector take turns at
    /// going first. The offers of joins and the worker's own deque come after both. So the worker
    /// does not take the entry that was just put back.
    #[cold]
    fn take_in_turn(&self, place: u32) -> Option<TaskRef> {
        let gave_way = self.gave_way.replace(false);
        let own = || self.sched.queues.steal_from(self.index);
        let due = match place {
            OWN_OLDEST_AT => own(),
            OTHERS_OLDEST_AT => self.take_from_next_deque(),
            OUTSIDE_OLDEST_AT => self.take_submitted(),
            OFFER_AT => self.take_offer_of_next(),
            PUT_BACK_AT if !gave_way => self.sched.queues.take_put_back(),
            _ => None,
        };
        if due.is_some() || !gave_way {
            return due;
        }
        let deques_first = !self.deques_first.get();
        self.deques_first.set(deques_first);
        let other = if deques_first {
            self.take_from_next_deque().or_else(|| self.take_submitted())
        } else {
            self.take_submitted().or_else(|| self.take_from_next_deque())
        };
        other.or_else(|| self.take_offer_of_next()).or_else(own)
    }

    /// Takes the oldest task of another worker's deque. Each loaded deque has its turn.
    fn take_from_next_deque(&self) -> Option<TaskRef> {
        let (victim, task) =
            self.sched.queues.steal_from_others(self.next_victim.get(), self.index)?;
        self.next_victim.set((victim + 1) % self.sched.queues.workers());
        Some(task)
    }

    /// Takes the oldest second half that another worker offers. Each worker with offers has its
    /// turn.
    fn take_offer_of_next(&self) -> Option<TaskRef> {
        let (owner, half) = self.sched.queues.take_offer(self.next_owner.get())?;
        self.next_owner.set((owner + 1) % self.sched.queues.workers());
        Some(half)
    }

    fn take_submitted(&self) -> Option<TaskRef> {
        self.sched.queues.take_submitted(self.index).inspect(|_| self.own_in_a_row.set(0))
    }

    #[inline]
    fn take_injected(&self) -> Option<TaskRef> {
        self.sched.queues.take_injected(self.index).inspect(|_| self.own_in_a_row.set(0))
    }

    #[inline]
    fn take_others(&self) -> Option<TaskRef> {
        // Each worker begins to search the other deques at its right-hand neighbour, so that
        // thieves spread.
        let queues = &self.sched.queues;
        self.take_injected().or_else(|| {
            let task = queues.steal_any((self.index + 1) % queues.workers(), self.stole.get());
            self.stole.set(task.is_some());
            task
        })
    }

    /// Finds a task for a worker that has none. In a pool that counts, the worker is idle
    /// meanwhile. `stage` is the one that the worker has seen before it looked.
    #[cold]
    fn next_slow(&self, stage: Stage) -> Option<TaskRef> {
        step::pass();
        if stage != Stage::Run {
            self.sched.note_last(self.index);
        }
        numbers::ends_busy(self.seat());
        let found = self.search_and_park();
        if found.is_some() {
            numbers::begins_busy(self.seat());
        }
        found
    }

    /// Searches, then parks, until there is a task or the pool is over.
    fn search_and_park(&self) -> Option<TaskRef> {
        if self.loaded.replace(false) {
            self.sched.queues.mark_empty(self.index);
        }
        let mut searching = self.searching.replace(false) || self.sched.idle.try_search();
        let mut found = None;
        loop {
            // The worker has just looked everywhere.
            if searching {
                found = self.poll();
            }
            if found.is_some() || self.sched.stage().is_over() {
                break;
            }
            if self.sched.park(self.index, searching) {
                step::pass();
                searching = true;
            }
            if !self.sched.stage().is_over() {
                found = self.take_others();
            }
            if found.is_some() {
                break;
            }
        }
        if searching {
            self.sched.stop_searching();
        }
        found
    }

    /// Polls for a task, as a searcher does, for as long as the profile says.
    fn poll(&self) -> Option<TaskRef> {
        // Once a thread waits for the pool's end, the sooner all workers are parked, the sooner the
        // pool ends.
        let open = || self.sched.may_pull();
        if !thread::may_spin() || !open() {
            return None;
        }
        let mut found = None;
        let mut look = |everywhere: bool| {
            let queues = &self.sched.queues;
            if !queues.is_injector_empty() || everywhere && queues.any_work() {
                found = self.take_others();
            }
            found.is_some()
        };
        let mut looks = 0_u32;
        let look_often = || {
            looks = looks.wrapping_add(1);
            look(looks % DEQUES_EVERY == 0)
        };
        if futex::has_woken() {
            // The thread that this worker has woken may be waiting for this very processor.
            thread::yield_now();
        }
        let mut success = spin_until(self.profile.pausing(), look_often);
        let yielding = self.profile.yielding(self.idle_spins.get());
        if !success && !yielding.is_zero() {
            let watch = Stopwatch::start();
            let (mut fruitless, mut counted) = (Duration::ZERO, Duration::ZERO);
            let mut taken = self.sched.queues.taken_outside();
            while !success && open() && fruitless < yielding {
                thread::yield_now();
                success = look(true);
                let (elapsed, now_taken) = (watch.elapsed(), self.sched.queues.taken_outside());
                let took = now_taken.wrapping_sub(taken);
                fruitless += fruitless_time(elapsed.saturating_sub(counted), took);
                (counted, taken) = (elapsed, now_taken);
            }
        }
        self.idle_spins.set(if success { 0 } else { self.idle_spins.get().saturating_add(1) });
        found
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Profile;
    use super::*;

    #[test]
    fn a_yield_counts_in_full_unless_others_took_much_work_meanwhile() {
        let a_turn = Duration::from_millis(3);
        for took in [0, 1, 150, 2_999] {
            assert_eq!(fruitless_time(a_turn, took), a_turn, "{took}");
        }
        for took in [3_000, 30_000, u64::MAX] {
            assert_eq!(fruitless_time(a_turn, took), OWN_SHARE, "{took}");
            let short = OWN_SHARE / 2;
            assert_eq!(fruitless_time(short, took), short, "no other thread ran");
        }
    }

    #[test]
    fn a_searcher_among_fast_work_parks_after_some_yields() {
        for (profile, expected) in [(Profile::Balanced, 16), (Profile::Latency, 80)] {
            let yielding = profile.yielding(0);
            let yields = (1..).find(|n| fruitless_time(yielding, u64::MAX) * *n >= yielding);
            assert_eq!(yields, Some(expected));
        }
    }
}
