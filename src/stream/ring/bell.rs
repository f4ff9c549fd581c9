//! Wakes one waiter, a thread or a future, that some other thread has something for.

use std::task::Waker;

use crate::block::{catch_panic, drop_quietly, forget_panic};
use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Lock, Ordering};
use crate::wait::block_until;

const QUIET: u32 = 0;
const RUNG: u32 = 1;

/// A word that one thread sleeps on, and the waker of a future that waits instead.
///
/// The waiter first makes the bell quiet, then leaves its waker if it is a future, then asks for
/// what it waits for, and then waits. A thread that answers the asking rings the bell
/// afterwards. So a ring that answers comes after the waker is there. A ring may come for an
/// earlier asking: the waiter then looks again, and finds nothing.
pub(crate) struct Bell {
    word: AtomicU32,
    waker: Lock<Option<Waker>>,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(QUIET), waker: Lock::new(None) }
    }

    /// Forgets the rings so far. The waiter calls it before it asks.
    pub(crate) fn quiet(&self) {
        // edge BELL acquire: what the ringer did before it rang → the waiter's look.
        self.word.swap(QUIET, Ordering::Acquire);
    }

    /// Leaves the waker of the waiter's last poll. The caller holds no lock: to clone and to
    /// drop a waker runs the user's code.
    pub(crate) fn leave_waker(&self, waker: &Waker) {
        let waker = waker.clone();
        drop_quietly(self.waker.with(|left| left.replace(waker)));
    }

    /// Wakes the waiter. The caller holds no lock, since a waker is the user's code.
    pub(crate) fn ring(&self) {
        // edge BELL release: what the ringer did before → the waiter.
        self.word.swap(RUNG, Ordering::Release);
        crate::sync::futex::wake_one(&self.word);
        if let Some(waker) = self.waker.with(Option::take) {
            forget_panic(catch_panic(|| waker.wake()));
        }
    }

    /// Sleeps until a ring. False if the deadline passes first.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> bool {
        // edge BELL acquire: what the ringer did before it rang → this thread.
        block_until(&self.word, 0, deadline, |word| word == RUNG).is_some()
    }
}
