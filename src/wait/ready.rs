//! A fixed set of members that become ready. Many threads say that one is ready; one thread
//! takes all that are, and may sleep until there is one.

use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Ordering, futex};

use super::block_until;

/// The value of `top` that says that the taker sleeps on it. No member has this number.
// count ASLEEP: the handles of one `wait` or `as_completed`. There are fewer than this number:
// `new` panics on more, before the caller waits for anything.
const ASLEEP: u32 = u32::MAX;

/// A stack of members, linked by their numbers. A member is on it at most once.
///
/// `top` is the number of the member pushed last, plus one. 0 is an empty stack. [`ASLEEP`] is
/// an empty stack on which the taker sleeps. Only the taker puts ASLEEP there, and it takes
/// the whole stack at once. So no thread can mistake one top for another.
///
/// Each member has a **link**: the number of the member below it, plus one. The caller says where
/// the link lies. So a link can lie beside the other words of its member.
#[derive(Debug)]
pub(crate) struct Ready {
    top: AtomicU32,
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self { top: AtomicU32::new(0) }
    }

    /// Says that a member is ready, and wakes the taker if it sleeps.
    pub(crate) fn push(&self, member: usize, link: &AtomicU32) {
        if self.push_quietly(member, link) {
            futex::wake_one(&self.top);
        }
    }

    /// Says that a member is ready. True if the taker waits, and must be woken by the caller.
    #[must_use]
    pub(crate) fn push_quietly(&self, member: usize, link: &AtomicU32) -> bool {
        let number = u32::try_from(member + 1).expect("members are counted in 32 bits");
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            let below = if top == ASLEEP { 0 } else { top };
            link.store(below, Ordering::Relaxed);
            // edge READY release: the link, and all that made the member ready → the taker.
            match self.top.compare_exchange_weak(top, number, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        top == ASLEEP
    }

    /// Marks, for the taker, that it waits. The next push says so to its caller. False if there
    /// is something to take.
    pub(crate) fn ask(&self) -> bool {
        // Relaxed: the mark carries no data. If this exchange fails, the taker looks again.
        match self.top.compare_exchange(0, ASLEEP, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) | Err(ASLEEP) => true,
            Err(_) => false,
        }
    }

    /// Takes all members that are ready, and appends them to `into`. The one that came first
    /// comes last. `link` says where a member's link lies.
    pub(crate) fn take<'a>(&self, into: &mut Vec<u32>, link: impl Fn(usize) -> &'a AtomicU32) {
        if self.top.load(Ordering::Relaxed) == 0 {
            return;
        }
        // edge READY acquire: the links, and all that made the members ready → the taker.
        let mut top = self.top.swap(0, Ordering::Acquire);
        while top != 0 && top != ASLEEP {
            into.push(top - 1);
            // Relaxed: the swap orders this load.
            top = link(top as usize - 1).load(Ordering::Relaxed);
        }
    }

    /// Sleeps until there is something to take. Returns false if the deadline passes first.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        // ASLEEP has all bits up, so `block_until` sets it as the waiter's bits. If that
        // exchange fails, another thread has pushed.
        let any =
            block_until(&self.top, ASLEEP, deadline, |top| top != 0 && top != ASLEEP).is_some();
        if !any {
            // The taker takes ASLEEP away again. If another thread has pushed meanwhile,
            // ASLEEP is gone, and this exchange fails.
            let _ = self.top.compare_exchange(ASLEEP, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
        any
    }
}

/// A stack of members whose links lie in a table.
#[derive(Debug)]
pub(crate) struct ReadySet {
    ready: Ready,
    links: Box<[AtomicU32]>,
}

impl ReadySet {
    pub(crate) fn new(members: usize) -> Self {
        assert!(members < ASLEEP as usize, "members are counted in 32 bits");
        Self { ready: Ready::new(), links: (0..members).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Does what [`Ready::push`] does.
    pub(crate) fn push(&self, member: usize) {
        self.ready.push(member, &self.links[member]);
    }

    /// Does what [`Ready::take`] does.
    pub(crate) fn take(&self, into: &mut Vec<u32>) {
        self.ready.take(into, |member| &self.links[member]);
    }

    /// Does what [`Ready::wait`] does.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        self.ready.wait(deadline)
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/ready.rs"]
mod models;
