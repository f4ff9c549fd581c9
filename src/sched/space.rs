//! The space in a pool with a limit: its places, and the line of waiters.
//!
//! ```text
//!   word:   used (low half)   waiting (high half)
//!
//!   take    used + 1      if used is below the limit and waiting is 0
//!   free    used - 1      if waiting is 0, or used above the limit
//!   join    waiting + 1   if a place cannot be taken                     } under the lock
//!   grant   waiting - 1   the first waiter gets a place that is freed    } of the line
//!   leave   waiting - 1   the pool takes no more, or the waiter gives up }
//! ```
//!
//! **waiting is above 0 only while used is at the limit or above.** While there is a waiter, a
//! place that a thread gives up does not become free. It goes to a waiter.

use std::iter;
use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;

use super::Sched;
use super::line::{Answer, GRANTED, Line, NONE, SENT_AWAY, Waiter};
use super::permit::{Limit, Permit, WhenFull};
use crate::block::{Places, Reason, TaskRef, drop_quietly};
use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering, identity};
use crate::wait::block_until;

const USED: u64 = 1;
const WAITING: u64 = 1 << 32;

#[expect(clippy::cast_possible_truncation, reason = "the low half of the word")]
const fn used(word: u64) -> u32 {
    word as u32
}

const fn waiting(word: u64) -> u64 {
    word / WAITING
}

/// Why a waiter has no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoPlace {
    /// The pool takes no more.
    SentAway,
    TimedOut,
}

/// What became of a submitter that asked for a place, and was ready to wait for it.
pub(super) enum Join {
    Refused,
    Place,
    /// It is in the line, and this is its ticket.
    Line(u64),
}

/// The places of a pool with a limit, and the line of waiters.
///
/// Accesses to the word are Relaxed except where an edge is named: a place carries nothing. A
/// thread changes `waiting` and the line together, under the lock. So under the lock each of
/// them tells of the other. The lock's edge carries two more things. It carries the stage,
/// which a thread changes before it empties the line → a thread that joins the line afterwards
/// [SPACE-2, SPACE-5]. And it carries an entry's push into the injector → the terminator's
/// drain, which comes after the terminator has emptied the line [SPACE-4].
pub(crate) struct Space {
    limit: u32,
    pub(super) when_full: WhenFull,
    pub(super) name: String,
    // count word: the places that are used, and the waiters. Each submission from outside
    // raises the places, up to the limit, which is at most 2^31. Initializers and exit
    // callbacks raise them beyond the limit, and each thread of the pool runs one of those at
    // a time. A waiting thread or entry raises the waiters, and is alive.
    word: CachePadded<AtomicU64>,
    pub(super) line: Lock<Line>,
    // count reserved: the places that are reserved and not used yet. Each of them is a used
    // place that was free when it was taken, so there are at most as many as the limit. A
    // thread changes the count under the lock, and reads it without.
    pub(super) reserved: AtomicU32,
    /// The pool whose queue this is. A handle may free a place when the pool is gone.
    pool: Weak<Sched>,
    pub(super) pool_id: u32,
}

impl Space {
    pub(super) fn new(limit: Limit, pool: Weak<Sched>, pool_id: u32) -> Self {
        let Limit { max_queued, when_full, name } = limit;
        // The upper half of the count's range is for places that threads take without asking.
        let limit = u32::try_from(max_queued).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let (word, line) = (CachePadded::new(AtomicU64::new(0)), Lock::new(Line::new()));
        let reserved = AtomicU32::new(0);
        Self { limit, when_full, name, word, line, reserved, pool, pool_id }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Says whether a newcomer would find no place. The answer may be old.
    pub(super) fn is_full(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        waiting(word) > 0 || used(word) >= self.limit
    }

    /// Says how many places are reserved and not used yet.
    pub(super) fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Relaxed) as usize
    }

    /// Says how many waiters there are. The answer may be old.
    pub(super) fn waiting(&self) -> usize {
        usize::try_from(waiting(self.word.load(Ordering::Relaxed))).unwrap_or(usize::MAX)
    }

    /// Says how many places are used.
    pub(super) fn used(&self) -> usize {
        used(self.word.load(Ordering::Relaxed)) as usize
    }

    /// Says whether there is a waiter, a thread or an entry, in the line. [SPACE-6]
    pub(super) fn is_awaited(&self) -> bool {
        // edge SPACE acquire: the push of an entry that has left the line → the last
        // drained-idle worker's look at the queues.
        waiting(self.word.load(Ordering::Acquire)) > 0
    }

    /// Takes up to `wanted` places, and says how many. It takes none while there is a waiter.
    /// [SPACE-1]
    pub(super) fn take(&self, wanted: u32) -> u32 {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let free = if waiting(seen) == 0 { self.limit.saturating_sub(used(seen)) } else { 0 };
            let taken = wanted.min(free);
            if taken == 0 {
                return 0;
            }
            let next = seen + USED * u64::from(taken);
            // Relaxed: a place carries nothing. A thread that takes one of an ended pool pushes,
            // and hears of the end by LIFE-2.
            match self.word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return taken,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes a place, if one is free and there is no waiter.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        (self.take(1) == 1).then(|| Permit::new(self))
    }

    /// Takes a place, even beyond the limit, for a thread of the pool, which must not wait.
    pub(super) fn enter_beyond(self: &Arc<Self>) -> Permit {
        self.word.fetch_add(USED, Ordering::Relaxed);
        Permit::new(self)
    }

    /// Waits in the line for a place, up to a deadline. [SPACE-2]
    ///
    /// # Errors
    ///
    /// The pool takes no more work, or the time is up.
    #[cold]
    pub(super) fn wait(
        self: &Arc<Self>,
        deadline: Option<&Deadline>,
        runs: impl Fn() -> bool,
    ) -> Result<Permit, NoPlace> {
        let answer = Answer::of_thread();
        let granted = match self.join(Waiter::Thread(Arc::clone(&answer)), runs, |_| ()) {
            Join::Refused => Err(NoPlace::SentAway),
            Join::Place => Ok(()),
            Join::Line(ticket) => {
                // edge LIFE acquire: the stage, which another thread set before its fence → this
                // thread, if that thread sends it away. (The acquiring load is in
                // `block_until`.)
                match block_until(&answer.0, 0, deadline, |word| word != NONE) {
                    Some(GRANTED) => Ok(()),
                    Some(_) => Err(NoPlace::SentAway),
                    None if self.leave(ticket) => Err(NoPlace::TimedOut),
                    None if answer.take_grant() => Ok(()),
                    None => Err(NoPlace::SentAway),
                }
            }
        };
        answer.keep();
        granted.map(|()| Permit::new(self))
    }

    /// Takes a place, or joins the line, if the pool `runs`. `takes` sees the line when this
    /// thread has taken a place. [SPACE-2]
    pub(super) fn join(
        &self,
        waiter: Waiter,
        runs: impl Fn() -> bool,
        takes: impl FnOnce(&mut Line),
    ) -> Join {
        let mut waiter = Some(waiter);
        let join = self.line.with(|line| {
            if !runs() {
                return Join::Refused;
            }
            if self.take_or_join() {
                takes(line);
                return Join::Place;
            }
            Join::Line(line.push_back(waiter.take().expect("it joins once")))
        });
        // Not under the lock: a waker is the user's.
        drop_quietly(waiter);
        join
    }

    /// Takes a waiter out of the line. False if it is in the line no more: then it has its
    /// answer. [SPACE-10]
    #[must_use]
    pub(super) fn leave(&self, ticket: u64) -> bool {
        let gone = self.line.with(|line| {
            let gone = line.remove(ticket);
            if gone.is_some() {
                // Relaxed: no push comes before. It goes on the release sequence of SPACE-4.
                self.word.fetch_sub(WAITING, Ordering::Relaxed);
            }
            gone
        });
        let was_there = gone.is_some();
        drop_quietly(gone);
        was_there
    }

    /// Takes a place, or counts a waiter that the caller puts into the line. True if it took a
    /// place. The caller holds the lock.
    fn take_or_join(&self) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let free = waiting(seen) == 0 && used(seen) < self.limit;
            let next = seen + if free { USED } else { WAITING };
            match self.word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return free,
                Err(now) => seen = now,
            }
        }
    }

    /// Pushes entries of one block, each with a place. The first takes the place of `permit`,
    /// if there is one, and the others take free places. Entries that find no place go into
    /// the line. If the pool is `over`, this turns them away instead. \[SPACE-1, SPACE-2]
    pub(super) fn push(
        &self,
        sched: &Sched,
        permit: Option<Permit>,
        mut entries: impl ExactSizeIterator<Item = TaskRef>,
        over: impl Fn() -> Option<Reason>,
    ) {
        let Some(first) = entries.next() else { return };
        let held = u32::from(permit.is_some());
        if let Some(permit) = permit {
            permit.hand_over();
        }
        let wanted = u32::try_from(1 + entries.len()).expect("fewer entries than workers");
        let count = held + self.take(wanted - held);
        if !first.entries().is_some_and(|block| block.entered(count)) {
            self.free(count);
            let reason = sched.reason_of_closed();
            return iter::once(first)
                .chain(entries)
                .for_each(|entry| entry.turn_away(reason.clone()));
        }
        let mut entries = iter::once(first).chain(entries);
        entries.by_ref().take(count as usize).for_each(|entry| sched.queues.inject(entry));
        if count == wanted {
            return;
        }
        let (refused, stale) = self.line.with(|line| {
            let (refused, mut stale) = (over(), Vec::new());
            if refused.is_none() {
                for entry in entries.by_ref() {
                    if !self.take_or_join() {
                        line.push_back(Waiter::entry(entry));
                    } else if entry.entries().is_some_and(|block| block.entered(1)) {
                        sched.queues.inject(entry);
                    } else {
                        // Another thread has closed the block since. There is no waiter, for
                        // `take_or_join` found a place. So the place is free again.
                        self.word.fetch_sub(USED, Ordering::Relaxed);
                        stale.push(entry);
                    }
                }
            }
            (refused, stale)
        });
        let reason = refused.unwrap_or_else(|| sched.reason_of_closed());
        stale.into_iter().chain(entries).for_each(|entry| entry.turn_away(reason.clone()));
    }

    /// Gives a place to the first waiter that has a use for it. False if there is none: then
    /// the place is still the caller's. [SPACE-4]
    #[cold]
    fn grant(&self) -> bool {
        if identity::is_forked(self.pool_id) {
            // The waiters are in the parent, and so is the thread that held the lock.
            return true;
        }
        // This thread gets hold of the pool before it takes the lock, and so lets go of the
        // pool after the lock. That may be the end of the pool.
        let pool = self.pool.upgrade();
        let (mut granted, mut stale) = (None, Vec::new());
        self.line.with(|line| {
            while granted.is_none() && used(self.word.load(Ordering::Relaxed)) <= self.limit {
                let Some(first) = line.pop_front() else { break };
                if matches!(first, Waiter::Future(..)) {
                    // The place is the future's before it is polled, and for as long as it is
                    // not polled. [SPACE-7]
                    self.reserve(line);
                }
                match (first.answer(GRANTED), &pool) {
                    (Ok(call), _) => granted = Some(Some(call)),
                    (Err(entry), Some(pool))
                        if entry.entries().is_some_and(|block| block.entered(1)) =>
                    {
                        pool.queues.inject(entry);
                        granted = Some(None);
                    }
                    (Err(entry), _) => stale.push(entry),
                }
                // edge SPACE release: the push above → the last drained-idle worker, which
                // sees the waiter gone and looks at the queues. [SPACE-6]
                self.word.fetch_sub(WAITING, Ordering::Release);
            }
        });
        let is_granted = granted.is_some();
        match (granted, &pool) {
            (Some(Some(call)), _) => call.wake(),
            (Some(None), Some(pool)) if pool.tell_workers(true).is_err() => pool.resolve_late(None),
            _ => {}
        }
        let reason = || pool.as_ref().map_or(Reason::Terminated, |pool| pool.reason_of_closed());
        stale.into_iter().for_each(|entry| entry.turn_away(reason()));
        is_granted
    }

    /// Sends away the threads and the futures in the line after a change of the stage, and takes
    /// the reservations back. The waiters look at the stage then. If the pool `is_over`, this
    /// also takes the entries out and returns them. \[SPACE-5, SPACE-9]
    #[cold]
    pub(super) fn empty(&self, is_over: bool) -> Vec<TaskRef> {
        if identity::is_forked(self.pool_id) {
            return Vec::new();
        }
        let (away, reserved) = self.line.with(|line| {
            let gone = line.remove_all(|waiter| is_over || !matches!(waiter, Waiter::Entry(..)));
            self.word.fetch_sub(WAITING * gone.len() as u64, Ordering::Relaxed);
            let away: Vec<_> = gone.into_iter().map(|waiter| waiter.answer(SENT_AWAY)).collect();
            (away, self.take_back_reserved(line))
        });
        // Entries get these places before this thread runs wakers, which may wait for the end.
        self.free(reserved);
        let mut entries = Vec::new();
        for waiter in away {
            match waiter {
                Ok(call) => call.wake(),
                Err(entry) => entries.push(entry),
            }
        }
        entries
    }
}

impl Places for Space {
    /// Frees so many places, or gives them to waiters. [SPACE-3]
    fn free(&self, mut count: u32) {
        let mut seen = self.word.load(Ordering::Relaxed);
        while count > 0 {
            let free = match waiting(seen) {
                0 => count,
                _ => count.min(used(seen).saturating_sub(self.limit)),
            };
            if free == 0 {
                count -= u32::from(self.grant());
                seen = self.word.load(Ordering::Relaxed);
                continue;
            }
            let next = seen - USED * u64::from(free);
            // Relaxed: the terminator has fenced before it frees the places of the entries
            // that it drains.
            match self.word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => {
                    count -= free;
                    seen = next;
                }
                Err(now) => seen = now,
            }
        }
    }
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        let mut space = f.debug_struct("Space");
        space
            .field("limit", &self.limit)
            .field("when_full", &self.when_full)
            .field("used", &used(word))
            .field("waiting", &waiting(word))
            .finish()
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/space.rs"]
mod models;
