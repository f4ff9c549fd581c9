//! Blocking on a word, with what the kernel promises and no more.
//!
//! 1. The look at the word and the entry in the table are one step, so nothing can slip in
//!    between.
//! 2. The table's key is the word's address. A wake never looks at the word, which may be
//!    gone.
//! 3. A wait, a wake and a time-out touch a **bucket**, so loom knows that they depend on each
//!    other.
//! 4. Only loom's unpark adds a happens-before edge here, and the spurious mode does without
//!    it.
//! 5. A model thread makes the spurious wake-ups and the time-outs: [`spurious_wake`],
//!    [`expire`](super::clock::expire).

use super::AtomicU32;
use super::atomic::touch_quietly;
use super::clock::Deadline;
use super::execution::{Futex, Sleeper, State, state};
use super::failure::{Mode, abort, dead, mode, wait_dead};
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
    match mode() {
        Mode::Live => {}
        Mode::Quiet => abort("a destructor waits while a deliberate panic unwinds its thread"),
        Mode::Dead if word.newest(expected) == expected => return wait_dead(),
        Mode::Dead => return,
    }
    let state = state();
    if state.futex == Futex::Spurious {
        // The other threads must run, or the caller's loop would never end.
        return loom::thread::yield_now();
    }
    if word.newest(expected) != expected {
        return;
    }
    // From the look above to the park below loom never changes threads, so both are one step.
    let key = address(word);
    touch_quietly(state.table.bucket(key));
    if deadline.is_some_and(Deadline::passed_unwatched) {
        return;
    }
    let woken = Rc::new(Cell::new(false));
    state.table.sleepers.borrow_mut().push(Sleeper {
        word: key,
        timed: deadline.is_some(),
        thread: loom::thread::current(),
        woken: Rc::clone(&woken),
    });
    while !woken.get() {
        loom::thread::park();
    }
}

/// Wakes one thread blocked on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    wake(word, 1, count::one);
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
    wake(word, usize::MAX, count::one);
}

/// Makes the oldest sleeper on `word` return though no thread has changed the word or issued a
/// wake-up.
pub(crate) fn spurious_wake(word: &AtomicU32) {
    wake(word, 1, |_| ());
}

fn wake(word: *const AtomicU32, limit: usize, count: fn(&State)) {
    if dead() {
        return;
    }
    let state = state();
    count(&state);
    let key = address(word);
    state.table.bucket(key).touch();
    state.table.wake(limit, |sleeper| sleeper.word == key);
}

/// Makes all timed sleepers return, though the clock has not moved.
#[cfg(test)]
pub(crate) fn time_out() {
    if !dead() {
        state().table.time_out();
    }
}

/// Counts the wake-ups that this execution issues. Only the feature `counters` reads the
/// count.
pub(crate) mod count {
    use super::State;

    pub(super) fn one(state: &State) {
        state.wakes.set(state.wakes.get() + 1);
    }

    #[cfg(feature = "counters")]
    pub(crate) fn wakes() -> u64 {
        super::state().wakes.get()
    }
}
