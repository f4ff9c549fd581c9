//! Blocking on a word. loom parks the sleeper, so it sees who is blocked, and reports a
//! deadlock.
//!
//! loom's unpark hands the waking thread's past to the sleeper. That is an edge which the API
//! may not promise. A thread that sleeps does what it would do if it came after the wake-up, and
//! in that execution there is no such edge. So a race that the edge hides shows in the other
//! execution, unless that one needs more preemptions than the bound allows.

use super::AtomicU32;
use super::Ordering;
use super::clock::Deadline;
use super::execution::{Sleeper, state};
use super::failure::{Mode, abort, dead, mode, wait_dead};
use crate::sync::trace::{What, note};
use std::cell::Cell;
use std::rc::Rc;

fn address(word: *const AtomicU32) -> usize {
    word.addr()
}

/// Blocks the caller while `word` holds `expected`. The call may return at any time.
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    block(word, expected, None);
}

/// Blocks the caller while `word` holds `expected`, at most until `deadline`. The call may
/// return at any time.
pub(crate) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
    block(word, expected, Some(deadline));
}

fn block(word: &AtomicU32, expected: u32, deadline: Option<&Deadline>) {
    let holds = word.load(Ordering::Relaxed) == expected;
    match mode() {
        Mode::Live => {}
        Mode::Quiet => abort("a destructor waits while a deliberate panic unwinds its thread"),
        Mode::Dead if holds => return wait_dead(),
        Mode::Dead => return,
    }
    if !holds || deadline.is_some_and(Deadline::has_expired) {
        return;
    }
    // From the look above to the park below loom never changes threads, so both are one step.
    let woken = Rc::new(Cell::new(false));
    state().sleepers.borrow_mut().push(Sleeper {
        word: address(word),
        timed: deadline.is_some(),
        thread: loom::thread::current(),
        woken: Rc::clone(&woken),
    });
    note(What::Sleeps, None);
    while !woken.get() {
        loom::thread::park();
    }
}

/// Wakes one thread blocked on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    wake(word, 1);
}

/// Wakes one thread blocked on `word`, on which no thread waits with a deadline.
pub(crate) fn wake_one_untimed(word: &AtomicU32) {
    wake_one(word);
}

/// Says whether this thread has issued a wake-up since the last call: never, because the
/// answer matters for speed alone.
pub(crate) fn has_woken() -> bool {
    false
}

/// Wakes all threads blocked on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    wake(word, usize::MAX);
}

fn wake(word: *const AtomicU32, limit: usize) {
    if !dead() {
        let state = state();
        state.wakes.set(state.wakes.get() + 1);
        let key = address(word);
        state.wake(limit, |sleeper| sleeper.word == key);
    }
}

/// Counts the wake-ups that this execution issues. Only the feature `counters` reads the
/// count.
pub(crate) mod count {
    #[cfg(feature = "counters")]
    pub(crate) fn wakes() -> u64 {
        super::state().wakes.get()
    }
}
