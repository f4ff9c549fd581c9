//! The space in a pool with a limit: its places, and the line of waiters.
//!
//! ```text
//!   word:   used (low half)   waiting (high half)
//!
//!   take    used + 1      if used is below the limit and waiting is 0
//!   free    used - 1      if waiting is 0, or used above the limit
//!   join    waiting + 1   if a place cannot be taken                     } under the lock
//!   grant   waiting - 1   the first waiter gets a place that is freed    } of the line
//!   leave   waiting - 1   the pool takes no more                         }
//! ```
//!
//! **waiting is above 0 only while used is at the limit or above.** While there is a waiter, a
//! place that a thread gives up does not become free. It goes to a waiter.

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

/// The word on which a submitter in the line sleeps.
struct Sleeper(AtomicU32);

/// The values of a `Sleeper`'s word: this one and the next two.
const ASLEEP: u32 = 0;
const GRANTED: u32 = 1;
const SENT_AWAY: u32 = 2;

impl Sleeper {
    fn end(&self, how: u32) {
        // Relaxed: a submitter is sent away because a thread has changed the stage, and that
        // thread has fenced since [LIFE-7].
        self.0.store(how, Ordering::Relaxed);
        futex::wake_one(&self.0);
    }
}

local! {
    /// The `Sleeper` that this thread waited on last, kept for its next wait.
    static SLEEPER: Cell<Option<Arc<Sleeper>>> = const { Cell::new(None) };
}

/// Returns a `Sleeper` of this thread's own, on which it has not waited yet.
fn sleeper() -> Arc<Sleeper> {
    match SLEEPER.try_with(Cell::take).ok().flatten() {
        Some(sleeper) => {
            // The thread that ended it has stored for the last time. If that thread is still
            // about to wake this one, then this one wakes for no reason.
            sleeper.0.store(ASLEEP, Ordering::Relaxed);
            sleeper
        }
        None => Arc::new(Sleeper(AtomicU32::new(ASLEEP))),
    }
}

/// A waiter in the line. A waiter in the middle can leave: the thread that takes it out lowers
/// `waiting` under the lock.
enum Waiter {
    Thread(Arc<Sleeper>),
    /// An entry for which no thread waits. The thread that has a place for it pushes it.
    Entry(TaskRef),
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
    // count word: the places that are used, and the waiters. Each submission from outside
    // raises the places, up to the limit, which is at most 2^31. Initializers and exit
    // callbacks raise them beyond the limit, and each thread of the pool runs one of those at
    // a time. A waiting thread or entry raises the waiters, and is alive.
    word: CachePadded<AtomicU64>,
    line: Lock<VecDeque<Waiter>>,
    /// The pool whose queue this is. A handle may free a place when the pool is gone.
    pool: Weak<Sched>,
    pool_id: u32,
}

/// The right to a place in the queue. Dropping it frees the place.
pub(crate) struct Permit {
    /// None once another owner is to free the place.
    space: Option<Arc<Space>>,
}

impl Permit {
    fn new(space: &Arc<Space>) -> Self {
        Self { space: Some(Arc::clone(space)) }
    }

    /// Returns the space that the place belongs to.
    pub(crate) fn places(&self) -> Option<Arc<dyn Places>> {
        self.space.clone().map(|space| space as Arc<dyn Places>)
    }

    /// Gives the place up without freeing it. The caller counts it from here on.
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
        // The upper half of the count's range is for places that threads take without asking.
        let limit = u32::try_from(limit).unwrap_or(u32::MAX).min(u32::MAX / 2);
        let (word, line) = (CachePadded::new(AtomicU64::new(0)), Lock::new(VecDeque::new()));
        Self { limit, word, line, pool, pool_id }
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
            // edge LIFE acquire: the stage, which the terminator set before its fence and
            // drain → this thread, if it takes a place that the drain has freed.
            match self.word.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Relaxed)
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

    /// Waits in the line for a place. None if the pool takes no more work. [SPACE-2]
    #[cold]
    pub(super) fn wait(self: &Arc<Self>, runs: impl Fn() -> bool) -> Option<Permit> {
        let sleeper = sleeper();
        let now = self.line.with(|line| {
            if !runs() {
                return Some(None);
            }
            if self.take_or_join() {
                return Some(Some(Permit::new(self)));
            }
            line.push_back(Waiter::Thread(Arc::clone(&sleeper)));
            None
        });
        let permit = now.unwrap_or_else(|| {
            // edge LIFE acquire: the stage, which another thread set before its fence → this
            // thread, if that thread sends it away. (The acquiring load is in `block_until`.)
            let how = block_until(&sleeper.0, 0, None, |word| word != ASLEEP);
            (how == Some(GRANTED)).then(|| Permit::new(self))
        });
        let _ = SLEEPER.try_with(|kept| kept.set(Some(sleeper)));
        permit
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
                        line.push_back(Waiter::Entry(entry));
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
                match (first, &pool) {
                    (Waiter::Thread(sleeper), _) => granted = Some(Some(sleeper)),
                    (Waiter::Entry(entry), Some(pool))
                        if entry.entries().is_some_and(|block| block.entered(1)) =>
                    {
                        pool.queues.inject(entry);
                        granted = Some(None);
                    }
                    (Waiter::Entry(entry), _) => stale.push(entry),
                }
                // edge SPACE release: the push above → the last drained-idle worker, which
                // sees the waiter gone and looks at the queues. [SPACE-6]
                self.word.fetch_sub(WAITING, Ordering::Release);
            }
        });
        match (&granted, &pool) {
            (Some(Some(sleeper)), _) => sleeper.end(GRANTED),
            (Some(None), Some(pool)) if pool.tell_workers(true).is_err() => pool.resolve_queued(),
            _ => {}
        }
        let reason = || pool.as_ref().map_or(Reason::Terminated, |pool| pool.reason_of_closed());
        stale.into_iter().for_each(|entry| entry.turn_away(reason()));
        granted.is_some()
    }

    /// Sends away the threads in the line after a change of the stage. They look at the stage
    /// then. If the pool `is_over`, this also takes the entries out and returns them.
    /// [SPACE-5]
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
                    Waiter::Thread(sleeper) => away.push(sleeper),
                    Waiter::Entry(entry) if is_over => entries.push(entry),
                    entry @ Waiter::Entry(_) => stay.push_back(entry),
                }
            }
            *line = stay;
            let gone = away.len() + entries.len();
            self.word.fetch_sub(WAITING * gone as u64, Ordering::Relaxed);
        });
        away.iter().for_each(|sleeper| sleeper.end(SENT_AWAY));
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
            .field("used", &used(word))
            .field("waiting", &waiting(word))
            .finish()
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/space.rs"]
mod models;
