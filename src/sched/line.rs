//! The line of waiters for a place, under one lock.
//!
//! ```text
//!              joins          gets a place (grant)
//!   a waiter ─────────▶ in line ─────────▶ GRANTED
//!                         │  │
//!                         │  └──────────▶ SENT_AWAY   the pool takes no more (empty)
//!                         └─────────────▶ gone        its time is up, or its future is dropped
//! ```
//!
//! Each arrow out of the line is taken under the lock, by the thread that takes the waiter out.
//! So a waiter that wants to leave finds itself in the line, or finds its answer in its
//! [`Answer`]. There is no third case.

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::block::{TaskRef, catch_panic, forget_panic};
use crate::sync::step::Passage;
use crate::sync::{AtomicU32, Ordering, futex, local};

/// The word that tells a waiter what became of it. A thread sleeps on it, a future looks at it
/// when it is polled.
pub(super) struct Answer(pub(super) AtomicU32);

/// The values of an `Answer`: this one and the next two.
pub(super) const NONE: u32 = 0;
pub(super) const GRANTED: u32 = 1;
pub(super) const SENT_AWAY: u32 = 2;

local! {
    /// The `Answer` that this thread waited on last, kept for its next wait.
    static KEPT: Cell<Option<Arc<Answer>>> = const { Cell::new(None) };
}

impl Answer {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(NONE)))
    }

    /// Returns an `Answer` of this thread's own, on which it has not waited yet.
    pub(super) fn of_thread() -> Arc<Self> {
        match KEPT.try_with(Cell::take).ok().flatten() {
            Some(answer) => {
                // The thread that gave it has stored for the last time. If that thread is still
                // about to wake this one, then this one wakes for no reason.
                answer.0.store(NONE, Ordering::Relaxed);
                answer
            }
            None => Self::new(),
        }
    }

    /// Keeps the `Answer` for this thread's next wait. It is in no line any more.
    pub(super) fn keep(self: Arc<Self>) {
        let _ = KEPT.try_with(|kept| kept.set(Some(self)));
    }

    /// Says whether the waiter has a place, and then says so no more. The caller has seen under
    /// the lock that the waiter is in the line no more.
    pub(super) fn take_grant(&self) -> bool {
        let granted = self.0.load(Ordering::Relaxed) == GRANTED;
        // Relaxed: the waiter has its answer, so no other thread stores any more.
        self.0.store(NONE, Ordering::Relaxed);
        granted
    }
}

/// A waiter in the line.
pub(super) enum Waiter {
    Thread(Arc<Answer>),
    /// A future that waits. Its waker is the one of its last poll.
    Future(Arc<Answer>, Waker),
    /// An entry for which no thread waits. The thread that has a place for it pushes it.
    Entry(TaskRef, Passage),
}

impl Waiter {
    pub(super) fn entry(entry: TaskRef) -> Self {
        Self::Entry(entry, Passage::begin())
    }

    /// Gives the waiter its answer, and returns the call that it must hear. An entry hears no
    /// answer, and comes back. The caller holds the lock.
    pub(super) fn answer(self, how: u32) -> Result<Call, TaskRef> {
        let (answer, call) = match self {
            Self::Thread(answer) => (Arc::clone(&answer), Call::Thread(answer)),
            Self::Future(answer, waker) => (answer, Call::Future(waker)),
            Self::Entry(entry, passage) => {
                passage.end();
                return Err(entry);
            }
        };
        // Relaxed: a waiter is sent away because a thread has changed the stage, and that thread
        // has fenced since [LIFE-7]. A future looks under the lock.
        answer.0.store(how, Ordering::Relaxed);
        Ok(call)
    }
}

/// The wake-up that a waiter is owed once it has its answer.
#[must_use]
pub(super) enum Call {
    Thread(Arc<Answer>),
    Future(Waker),
}

impl Call {
    /// Wakes the waiter. The caller holds no lock, since a waker is the user's code.
    pub(super) fn wake(self) {
        match self {
            Self::Thread(answer) => futex::wake_one(&answer.0),
            Self::Future(waker) => forget_panic(catch_panic(|| waker.wake())),
        }
    }
}

/// The waiters, in the order in which they came.
pub(super) struct Line {
    waiters: VecDeque<(u64, Waiter)>,
    // count tickets: all waiters that a pool ever had, which 64 bits count without an end.
    tickets: u64,
    /// Whether the reservations were taken back, because the pool takes no more from outside.
    pub(super) is_closed: bool,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { waiters: VecDeque::new(), tickets: 0, is_closed: false }
    }

    /// Puts a waiter at the end, and returns its ticket.
    pub(super) fn push_back(&mut self, waiter: Waiter) -> u64 {
        self.tickets += 1;
        self.waiters.push_back((self.tickets, waiter));
        self.tickets
    }

    pub(super) fn pop_front(&mut self) -> Option<Waiter> {
        self.waiters.pop_front().map(|(_, waiter)| waiter)
    }

    /// Says where the waiter with this ticket stands. The line is in the order of the tickets.
    fn position(&self, ticket: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&ticket, |&(ticket, _)| ticket).ok()
    }

    pub(super) fn find(&mut self, ticket: u64) -> Option<&mut Waiter> {
        self.position(ticket).map(|at| &mut self.waiters[at].1)
    }

    /// Takes the waiter with this ticket out, if it is in the line.
    pub(super) fn remove(&mut self, ticket: u64) -> Option<Waiter> {
        let at = self.position(ticket)?;
        self.waiters.remove(at).map(|(_, waiter)| waiter)
    }

    /// Takes out the waiters that `goes` says, in order.
    pub(super) fn remove_all(&mut self, goes: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let mut gone = Vec::new();
        for (ticket, waiter) in mem::take(&mut self.waiters) {
            if goes(&waiter) {
                gone.push(waiter);
            } else {
                self.waiters.push_back((ticket, waiter));
            }
        }
        gone
    }
}
