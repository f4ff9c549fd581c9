//! The space in a pool with a limit: its places, and the line of those who wait for one.
//!
//! ```text
//!   word:   used (low half)   waiting (high half)
//!
//!   take    used + 1      if used is below the limit and waiting is 0
//!   free    used - 1      if waiting is 0, or used above the limit
//!   join    waiting + 1   if a place cannot be taken                     } under the lock
//!   grant   waiting - 1   the place of one who frees goes to the first   } of the line
//!   leave   waiting - 1   the pool takes no more                         }
//! ```
//!
//! **waiting is above 0 only while used is at the limit or above**: a place that becomes free while somebody waits is never
//! free, it changes hands.

use std::cell::Cell;
use std::collections::VecDeque;
use std::iter;
use std::mem;
use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;

use super::Sched;
use crate::block::{Places, Reason, TaskRef};
use crate::sync::{AtomicU32, AtomicU64, Lock, Ordering, futex, identity, local};
use crate::wait::block_until;

/// What a submission from outside does while the pool is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhenFull {
    Wait,
    Refuse,
}

const USED: u64 = 1;
const WAITING: u64 = 1 << 32;

#[expect(clippy::cast_possible_truncation, reason = "the low half of the word")]
const fn used(word: u64) -> u32 {
    word as u32
}

const fn waiting(word: u64) -> u64 {
    word / WAITING
}

/// A submitter that sleeps until it is its turn.
struct Turn(AtomicU32);

/// The values of a turn's word, in this order.
const ASLEEP: u32 = 0;
const GRANTED: u32 = 1;
const SENT_AWAY: u32 = 2;

impl Turn {
    fn end(&self, how: u32) {
        // Relaxed: the one who changed the stage, for which a submitter is sent away, has fenced since [LIFE-7].
        self.0.store(how, Ordering::Relaxed);
        futex::wake_one(&self.0);
    }
}

local! {
    /// The turn that this thread waited for last, to be used again.
    static TURN: Cell<Option<Arc<Turn>>> = const { Cell::new(None) };
}

/// A turn of this thread's own, which it has not waited for.
fn turn() -> Arc<Turn> {
    match TURN.try_with(Cell::take).ok().flatten() {
        Some(turn) => {
            // Whoever ended it has stored for the last time. Should it be about to wake this thread still, then this thread
            // wakes for no reason.
            turn.0.store(ASLEEP, Ordering::Relaxed);
            turn
        }
        None => Arc::new(Turn(AtomicU32::new(ASLEEP))),
    }
}

/// Who stands in the line. One in its middle can leave: whoever takes it out lowers `waiting` under the lock.
enum Waiter {
    Thread(Arc<Turn>),
    /// An entry for which no thread waits: whoever has a place for it pushes it.
    Entry(TaskRef),
}

/// Accesses to the word are Relaxed but where an edge is named: a place carries nothing. `waiting` and the line change
/// together under the lock, so under it either tells of the other. What else rests on the lock's edge: the stage, which is
/// changed before the line is emptied → whoever joins the line afterwards [SPACE-2, SPACE-5]; and an entry's push into the
/// injector → the terminator's drain, which comes after it has emptied the line [SPACE-4].
pub(crate) struct Space {
    limit: u32,
    // count word: the places that are used, and the waiters. Raised by each submission, up to the
    // limit, at most 2^31; by a waiter's thread or entry, which is alive; and beyond the limit by
    // initializers and exit callbacks, of which each thread of the pool runs one at a time.
    word: CachePadded<AtomicU64>,
    line: Lock<VecDeque<Waiter>>,
    /// Whose queue it is. A place may be freed, by a handle, when the pool is gone.
    pool: Weak<Sched>,
    pool_id: u32,
}

/// The right to a place in the queue. Dropped, it frees the place.
pub(crate) struct Permit {
    /// None once the place is somebody else's to free.
    space: Option<Arc<Space>>,
}

impl Permit {
    fn new(space: &Arc<Space>) -> Self {
        Self { space: Some(Arc::clone(space)) }
    }

    /// What the place is one of.
    pub(crate) fn places(&self) -> Option<Arc<dyn Places>> {
        self.space.clone().map(|space| space as Arc<dyn Places>)
    }

    /// Hands the place to whoever counts it from here on.
    fn hand_over(mut self) {
        self.space = None;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(space) = &self.space {
            space.free(1);
        }
    }
}

impl Space {
    pub(super) fn new(limit: usize, pool: Weak<Sched>, pool_id: u32) -> Self {
        // Half of what the word can count is for places that are taken without asking.
        let limit = u32::try_from(limit).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let (word, line) = (CachePadded::new(AtomicU64::new(0)), Lock::new(VecDeque::new()));
        Self { limit, word, line, pool, pool_id }
    }

    /// How many places are used.
    pub(super) fn used(&self) -> usize {
        used(self.word.load(Ordering::Relaxed)) as usize
    }

    /// Whether somebody is in the line, who may be an entry. [SPACE-6]
    pub(super) fn is_awaited(&self) -> bool {
        // edge SPACE acquire: the push of an entry that has left the line → the last drained-idle worker's look at the queues.
        waiting(self.word.load(Ordering::Acquire)) > 0
    }

    /// Takes up to `wanted` places, unless somebody waits; says how many. [SPACE-1]
    pub(super) fn take(&self, wanted: u32) -> u32 {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let free = if waiting(seen) == 0 { self.limit.saturating_sub(used(seen)) } else { 0 };
            let taken = wanted.min(free);
            if taken == 0 {
                return 0;
            }
            let next = seen + USED * u64::from(taken);
            // edge LIFE acquire: the stage, before the terminator's fence and drain → who takes what the drain has freed.
            match self.word.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return taken,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes a place if there is one.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Permit> {
        (self.take(1) == 1).then(|| Permit::new(self))
    }

    /// Takes a place whether there is one or not, for a thread of the pool, which must not wait.
    pub(super) fn enter_beyond(self: &Arc<Self>) -> Permit {
        self.word.fetch_add(USED, Ordering::Relaxed);
        Permit::new(self)
    }

    /// Waits in the line for a place. None if the pool takes no more work. [SPACE-2]
    #[cold]
    pub(super) fn wait(self: &Arc<Self>, runs: impl Fn() -> bool) -> Option<Permit> {
        let turn = turn();
        let now = self.line.with(|line| {
            if !runs() {
                return Some(None);
            }
            if self.take_or_join() {
                return Some(Some(Permit::new(self)));
            }
            line.push_back(Waiter::Thread(Arc::clone(&turn)));
            None
        });
        let permit = now.unwrap_or_else(|| {
            // edge LIFE acquire: the stage, before its changer's fence → this thread, if it is sent away. (It is `block_until`'s.)
            let how = block_until(&turn.0, 0, None, |word| word != ASLEEP);
            (how == Some(GRANTED)).then(|| Permit::new(self))
        });
        let _ = TURN.try_with(|kept| kept.set(Some(turn)));
        permit
    }

    /// Under the lock: takes a place, or counts somebody who is put into the line. True: it has the place.
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

    /// Pushes entries of one block, each with a place: that of `permit` if it is there, and what is free. The others go into the
    /// line; if the pool is `over`, they are turned away. \[SPACE-1, SPACE-2]
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
                        line.push_back(Waiter::Entry(entry));
                    } else if entry.entries().is_some_and(|block| block.entered(1)) {
                        sched.queues.inject(entry);
                    } else {
                        // Closed since. Nobody waits, or there would have been no place: so it is free again.
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

    /// Gives a place to the first in the line that has a use for it. False if there is none; then the place is still the
    /// caller's. [SPACE-4]
    #[cold]
    fn grant(&self) -> bool {
        if identity::is_forked(self.pool_id) {
            // Who waits in the line is in the parent, and so is whoever held the lock.
            return true;
        }
        // Before the lock: letting go of it may be the end of the pool.
        let pool = self.pool.upgrade();
        let (mut granted, mut stale) = (None, Vec::new());
        self.line.with(|line| {
            while granted.is_none() && used(self.word.load(Ordering::Relaxed)) <= self.limit {
                let Some(first) = line.pop_front() else { break };
                match (first, &pool) {
                    (Waiter::Thread(turn), _) => granted = Some(Some(turn)),
                    (Waiter::Entry(entry), Some(pool))
                        if entry.entries().is_some_and(|block| block.entered(1)) =>
                    {
                        pool.queues.inject(entry);
                        granted = Some(None);
                    }
                    (Waiter::Entry(entry), _) => stale.push(entry),
                }
                // edge SPACE release: the push above → the last drained-idle worker's look. [SPACE-6]
                self.word.fetch_sub(WAITING, Ordering::Release);
            }
        });
        match (&granted, &pool) {
            (Some(Some(turn)), _) => turn.end(GRANTED),
            (Some(None), Some(pool)) if pool.tell_workers(true).is_err() => pool.resolve_queued(),
            _ => {}
        }
        let reason = || pool.as_ref().map_or(Reason::Terminated, |pool| pool.reason_of_closed());
        stale.into_iter().for_each(|entry| entry.turn_away(reason()));
        granted.is_some()
    }

    /// The stage has changed: sends away the threads in the line, which then look at the stage, and if the pool `is_over` gives
    /// back the entries. [SPACE-5]
    #[cold]
    pub(super) fn empty(&self, is_over: bool) -> Vec<TaskRef> {
        let (mut away, mut entries) = (Vec::new(), Vec::new());
        if identity::is_forked(self.pool_id) {
            return entries;
        }
        self.line.with(|line| {
            let mut stay = VecDeque::new();
            for waiter in mem::take(line) {
                match waiter {
                    Waiter::Thread(turn) => away.push(turn),
                    Waiter::Entry(entry) if is_over => entries.push(entry),
                    entry @ Waiter::Entry(_) => stay.push_back(entry),
                }
            }
            *line = stay;
            let gone = away.len() + entries.len();
            self.word.fetch_sub(WAITING * gone as u64, Ordering::Relaxed);
        });
        away.iter().for_each(|turn| turn.end(SENT_AWAY));
        entries
    }
}

impl Places for Space {
    /// [SPACE-3]
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
            // Relaxed: the terminator has fenced before it frees what it drains.
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
            .field("used", &used(word))
            .field("waiting", &waiting(word))
            .finish()
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/space.rs"]
mod models;
