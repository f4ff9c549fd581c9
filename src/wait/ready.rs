//! What is ready, of a fixed set of members: many threads say so, one takes them all and may sleep until there is one.

use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Ordering, futex};

use super::block_until;

/// The value of `top` that says that the taker sleeps on it. No member has this number.
// count ASLEEP: the handles of one `wait` or `as_completed`, of which there are fewer than this
// number. More are refused with a panic, before anything is waited for.
const ASLEEP: u32 = u32::MAX;

/// A stack of members, linked by their numbers. Each member is on it once at most.
///
/// `top` is the member pushed last, plus one; 0 is an empty stack; [`ASLEEP`] is an empty stack with a sleeper on it. Only
/// the taker puts ASLEEP there, and it takes the whole stack at once, so nobody can mistake one top for another.
#[derive(Debug)]
pub(crate) struct Ready {
    top: AtomicU32,
    /// The member below each, plus one.
    below: Box<[AtomicU32]>,
}

impl Ready {
    pub(crate) fn new(members: usize) -> Self {
        assert!(members < ASLEEP as usize, "members are counted in 32 bits");
        Self { top: AtomicU32::new(0), below: (0..members).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Says that a member is ready, and wakes the taker if it sleeps.
    pub(crate) fn push(&self, member: usize) {
        let number = u32::try_from(member + 1).expect("members are counted in 32 bits");
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            let below = if top == ASLEEP { 0 } else { top };
            self.below[member].store(below, Ordering::Relaxed);
            // edge READY release: `below`, and what makes the member ready → the taker.
            match self.top.compare_exchange_weak(top, number, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        if top == ASLEEP {
            futex::wake_one(&self.top);
        }
    }

    /// Takes all that are ready; the one that came first is appended last.
    pub(crate) fn take(&self, into: &mut Vec<u32>) {
        if self.top.load(Ordering::Relaxed) == 0 {
            return;
        }
        // edge READY acquire: the links, and what made the members ready → the taker.
        let mut top = self.top.swap(0, Ordering::Acquire);
        while top != 0 && top != ASLEEP {
            into.push(top - 1);
            // Relaxed: ordered by the swap.
            top = self.below[top as usize - 1].load(Ordering::Relaxed);
        }
    }

    /// Whether there is something to take, by a look that orders nothing.
    pub(crate) fn is_any(&self) -> bool {
        !matches!(self.top.load(Ordering::Relaxed), 0 | ASLEEP)
    }

    /// Sleeps until there is something to take, or until the deadline; false then.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        // All bits up is ASLEEP; if the exchange that sets them fails, somebody has pushed.
        let any =
            block_until(&self.top, ASLEEP, deadline, |top| top != 0 && top != ASLEEP).is_some();
        if !any {
            // Taken away again, unless somebody has pushed meanwhile: then it is gone.
            let _ = self.top.compare_exchange(ASLEEP, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
        any
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/ready.rs"]
mod models;
