//! Where a worker looks for its next task, in which order, and how long before it parks.

use super::context::Context;
use crate::sync::clock::Stopwatch;
use crate::sync::{futex, thread};
use crate::task::TaskRef;
use crate::wait::spin_until;

/// While somebody outside waits, a worker takes at most this many of its own tasks in a row.
const STREAK: usize = 3;
/// Every so many tasks a worker takes the oldest of its own, which under newest-first might wait for ever, or, having none, one of
/// another's before those from outside.
const OLDEST_EVERY: u32 = 61;

/// Between pauses a searcher looks into the deques only every so many times: a look takes the line from an owner that writes it
/// with each push and pop.
const DEQUES_EVERY: u32 = 4;

impl Context {
    /// The next task to run; none once the pool is over.
    #[inline]
    pub(super) fn next(&self) -> Option<TaskRef> {
        if !self.sched.stage().is_over() {
            match self.take() {
                None => return self.next_slow(),
                found => {
                    self.search_no_more();
                    return found;
                }
            }
        }
        self.search_no_more();
        None
    }

    /// Whoever became a searcher before it searched has found a task, or is to leave.
    #[inline]
    fn search_no_more(&self) {
        if self.searching.replace(false) {
            self.sched.found();
        }
    }

    /// Own deque, injector, other deques; with the fairness rule.
    #[inline]
    fn take(&self) -> Option<TaskRef> {
        if self.streak.get() >= STREAK + self.allowance.get() && !self.sched.queues.is_injector_empty() {
            self.fresh_streak(0);
            if let Some(task) = self.sched.queues.take_injected(&self.deque, 1) {
                return Some(task);
            }
        }
        if let Some(task) = self.take_own() {
            self.streak.set(self.streak.get().saturating_add(1));
            return Some(task);
        }
        self.take_others()
    }

    #[inline]
    fn take_own(&self) -> Option<TaskRef> {
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        if ticks % OLDEST_EVERY == 0 {
            return self.sched.queues.steal_from(self.index);
        }
        self.deque.pop()
    }

    fn take_others(&self) -> Option<TaskRef> {
        self.fresh_streak(0);
        let queues = &self.sched.queues;
        // Starts at its right-hand neighbour, so that thieves spread.
        let steal = || queues.steal_any((self.index + 1) % queues.workers());
        if self.ticks.get() % OLDEST_EVERY == 0 {
            // As long as submitters outside keep the injector filled, what busy workers have submitted would wait.
            if let Some(task) = steal() {
                return Some(task);
            }
        }
        let limit = self.batch_limit();
        if let Some(task) = queues.take_injected(&self.deque, limit) {
            if limit > 1 {
                self.share_batch();
            }
            return Some(task);
        }
        steal()
    }

    fn fresh_streak(&self, allowance: usize) {
        self.streak.set(0);
        self.allowance.set(allowance);
    }

    /// More than one at a time only if that makes nobody wait who could have taken the others.
    fn batch_limit(&self) -> usize {
        let sched = &*self.sched;
        let workers = sched.queues.workers();
        if workers == 1 || workers > sched.processors || sched.idle.is_anyone_idle() {
            1
        } else {
            sched.queues.batch_limit()
        }
    }

    /// The rest of a batch came into the own deque: tells whoever went idle meanwhile.
    fn share_batch(&self) {
        let rest = self.deque.len();
        if rest > 0 {
            // They came from outside, so they do not count as the worker's own.
            self.fresh_streak(rest);
            self.mark_loaded();
            if self.sched.announce(true).is_err() {
                // A terminator may have passed while they were in neither queue.
                self.sched.resolve_queued();
            }
        }
    }

    /// Searches, then parks, until there is a task or the pool is over.
    #[cold]
    fn next_slow(&self) -> Option<TaskRef> {
        if self.loaded.replace(false) {
            self.sched.queues.mark_empty(self.index);
        }
        let mut searching = self.searching.replace(false) || self.sched.idle.try_search();
        loop {
            if searching {
                if let Some(task) = self.search() {
                    self.sched.found();
                    return Some(task);
                }
            }
            if !self.sched.stage().is_over() {
                if self.sched.park(self.index, searching) {
                    searching = true;
                } else if let Some(task) = self.take_others() {
                    if searching {
                        self.sched.found();
                    }
                    return Some(task);
                }
            }
            if self.sched.stage().is_over() {
                if searching {
                    self.sched.found();
                }
                return None;
            }
        }
    }

    /// A searcher's polling.
    fn search(&self) -> Option<TaskRef> {
        if let Some(task) = self.take_others() {
            return Some(task);
        }
        // Once nobody may bring work from outside, the sooner all are parked the sooner the pool ends.
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
            // Whoever was woken may be waiting for this very processor.
            thread::yield_now();
        }
        let mut success = spin_until(self.profile.pausing(), look_often);
        let yielding = self.profile.yielding(self.idle_spins.get());
        if !success && !yielding.is_zero() {
            let watch = Stopwatch::start();
            while !success && open() && watch.elapsed() < yielding {
                thread::yield_now();
                success = look(true);
            }
        }
        self.idle_spins.set(if success { 0 } else { self.idle_spins.get().saturating_add(1) });
        found
    }
}
