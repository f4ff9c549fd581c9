//! What an observer makes of the books.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::Histogram;
use super::books::Books;
use super::page::{End, Tally};
use super::report::{PoolStats, Running, Timings};
use super::seat::Sight;
use crate::sync::identity;

/// How many earlier looks an observer remembers, to find the age of the oldest submission.
const MOST_LOOKS: usize = 64;

/// What observers remember. Times are in nanoseconds since the pool was built.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When a look was, and how much had been submitted by then. The oldest look comes first.
    submitted: VecDeque<(u64, u64)>,
    /// For each worker, what was seen of it last.
    seen: Vec<Seen>,
}

/// What an observer remembers of a worker.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The version that was seen last, and when it was seen first.
    version: u64,
    at: u64,
    /// The busy time that was told last.
    busy: u64,
}

impl Looks {
    /// Says for how long the oldest queued submission has been queued, at least. `before` is a time
    /// before the tally was taken, and `after` one after it.
    fn oldest_queued(&mut self, tally: &Tally, before: u64, after: u64) -> Option<Duration> {
        if tally.queued() == 0 {
            self.submitted.clear();
            return None;
        }
        while self.submitted.front().is_some_and(|(_, submitted)| *submitted <= tally.left) {
            self.submitted.pop_front();
        }
        if self.submitted.back().is_none_or(|(_, submitted)| *submitted < tally.submitted) {
            if self.submitted.len() == MOST_LOOKS {
                // The oldest look stays. Those behind it become half as dense.
                let mut keep = false;
                self.submitted.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            self.submitted.push_back((after, tally.submitted));
        }
        let since = self.submitted.front().map_or(after, |(at, _)| *at);
        Some(Duration::from_nanos(before.saturating_sub(since)))
    }

    /// Says since when this worker has not changed what it shows, as far as observers know.
    fn unchanged_since(&mut self, worker: usize, version: u64, now: u64) -> u64 {
        let seen = self.of(worker);
        if seen.version != version {
            (seen.version, seen.at) = (version, now);
        }
        seen.at
    }

    /// Says for how long a worker has had work. If the worker could not be seen, it is as long as
    /// was told before.
    fn busy(&mut self, worker: usize, sight: Option<&Sight>, now: u64) -> u64 {
        let seen = self.of(worker);
        seen.busy = seen.busy.max(sight.map_or(0, |sight| sight.busy_until(now)));
        seen.busy
    }

    fn of(&mut self, worker: usize) -> &mut Seen {
        if self.seen.len() <= worker {
            self.seen.resize(worker + 1, Seen { version: u64::MAX, at: 0, busy: 0 });
        }
        &mut self.seen[worker]
    }
}

impl Books {
    fn lock(&self) -> Option<MutexGuard<'_, Looks>> {
        // In the child of a fork a thread that exists only in the parent may hold the lock.
        (!identity::is_forked(self.pool))
            .then(|| self.looks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the lock unless another observer holds it.
    fn try_lock(&self) -> Option<MutexGuard<'_, Looks>> {
        match self.looks.try_lock() {
            Ok(looks) => Some(looks),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Tells what the pool has done so far.
    pub(crate) fn stats(&self) -> PoolStats {
        let mut looks = self.lock();
        let before = self.now();
        let tally = self.tally();
        let sights: Vec<_> = self.seats.iter().map(|seat| seat.shown.see()).collect();
        let now = self.now();
        // The child of a fork has no lock to take, and remembers nothing.
        let mut forgotten = Looks::default();
        let looks = looks.as_deref_mut().unwrap_or(&mut forgotten);
        let oldest_queued = looks.oldest_queued(&tally, before, now);
        let mut busy = Vec::with_capacity(sights.len());
        for (worker, sight) in sights.iter().enumerate() {
            sight.map(|sight| looks.unchanged_since(worker, sight.version, now));
            busy.push(Duration::from_nanos(looks.busy(worker, sight.as_ref(), now)));
        }
        PoolStats {
            counted: true,
            workers: self.seats.len(),
            running: tally.running(),
            queued: tally.queued(),
            oldest_queued,
            submitted: tally.submitted,
            completed: tally.of(End::Completed),
            failed: tally.of(End::Failed),
            cancelled: tally.of(End::Cancelled),
            terminated: tally.of(End::Terminated),
            expired: tally.of(End::Expired),
            refused: tally.refused,
            busy,
        }
    }

    /// Tells what each worker runs, if it runs anything. If `waits`, the caller waits for other
    /// observers.
    pub(crate) fn running(&self, waits: bool) -> Vec<Running> {
        let mut looks = if waits { self.lock() } else { self.try_lock() };
        let mut running = Vec::new();
        for (worker, seat) in self.seats.iter().enumerate() {
            // A worker that kept changing what it shows is in one short task after another.
            let Some(sight) = seat.shown.see() else { continue };
            let now = self.now();
            let seen = looks
                .as_mut()
                .map_or(now, |looks| looks.unchanged_since(worker, sight.version, now));
            let (Some(type_name), Some(&thread)) = (sight.type_name(), seat.thread.get()) else {
                continue;
            };
            let exact = sight.began != 0;
            let since = if exact { sight.began } else { seen };
            let at_least = Duration::from_nanos(now.saturating_sub(since));
            running.push(Running { worker, thread, type_name, at_least, exact });
        }
        running
    }

    /// Tells how long tasks were queued, and how long they ran, if the pool measures that.
    pub(crate) fn timings(&self) -> Option<Timings> {
        (self.one_in > 0).then(|| {
            let (mut queued, mut ran) = (Histogram::new(), Histogram::new());
            for recorders in self.seats.iter().filter_map(|seat| seat.recorders.as_ref()) {
                recorders.queued.add_to(&mut queued);
                recorders.ran.add_to(&mut ran);
            }
            Timings { one_in: self.one_in, queued, ran }
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn tally(submitted: u64, left: u64) -> Tally {
        Tally { submitted, left, ..Tally::default() }
    }

    /// Looks at the times 10, 20, 30, … (a look takes no time), and says how old the oldest is.
    fn ages(tallies: &[(u64, u64)]) -> Vec<Option<u64>> {
        let mut looks = Looks::default();
        (1..)
            .zip(tallies)
            .map(|(look, &(submitted, left))| {
                let age = looks.oldest_queued(&tally(submitted, left), look * 10, look * 10);
                age.map(|age| u64::try_from(age.as_nanos()).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_oldest_is_as_old_as_the_look_that_all_who_left_do_not_reach() {
        assert_eq!(ages(&[(0, 0), (5, 0), (5, 0), (9, 4)]), [None, Some(0), Some(10), Some(20)]);
        // Five have left, so one that was submitted after the look at 20 may be the oldest.
        assert_eq!(ages(&[(0, 0), (5, 0), (9, 0), (9, 5)]), [None, Some(0), Some(10), Some(10)]);
        // Between two looks all have left, and another has come.
        assert_eq!(ages(&[(1, 0), (1, 1), (2, 1), (2, 1)]), [Some(0), None, Some(0), Some(10)]);
    }

    #[test]
    fn an_observer_remembers_few_looks_and_the_oldest_of_them() {
        let mut looks = Looks::default();
        for time in 1..=1_000 {
            let age = looks.oldest_queued(&tally(time, 0), time, time);
            assert_eq!(age, Some(Duration::from_nanos(time - 1)));
            assert!(looks.submitted.len() <= MOST_LOOKS);
        }
    }

    #[test]
    fn a_look_at_which_nothing_was_new_is_not_remembered() {
        let mut looks = Looks::default();
        for time in 1..=1_000 {
            looks.oldest_queued(&tally(3, 0), time, time);
            assert_eq!(looks.submitted, [(1, 3)]);
        }
        // One that has left everything behind is forgotten at once.
        looks.oldest_queued(&tally(4, 3), 2_000, 2_000);
        assert_eq!(looks.submitted, [(2_000, 4)]);
    }

    #[test]
    fn a_version_is_as_old_as_its_first_look() {
        let mut looks = Looks::default();
        let seen = [(2, 10), (2, 20), (4, 30), (4, 40)];
        let since = seen.map(|(version, now)| looks.unchanged_since(3, version, now));
        assert_eq!(since, [10, 10, 30, 30]);
    }
}
