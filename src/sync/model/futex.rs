//! Blocking on a word, as the kernel promises it and no better.
//!
//! 1. The look at the word and the entry in the table are one step: nothing can slip in between.
//! 2. The table is keyed by address, and a wake never looks at the word: it may be gone.
//! 3. Waiting, waking and timing out touch a **bucket**, so that loom knows that they depend on each other.
//! 4. Nothing here adds a happens-before edge but loom's unpark, and the spurious mode does without that one.
//! 5. Spurious wake-ups and time-outs are moves of a model thread: [`spurious_wake`], [`time_out`].

use super::AtomicU32;
use super::atomic::Depend;
use super::clock::Deadline;
use super::execution::{Futex, Mode, State, abort, dead, mode, state, touch_quietly, wait_dead};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Few: each costs an object in every execution. Words beyond that share, which adds executions and hides nothing.
const BUCKETS: usize = 4;

/// Who sleeps on which word.
pub(super) struct Table {
    buckets: [Depend; BUCKETS],
    /// Words in the order in which they were first used: their addresses differ from run to run, and an execution
    /// must be the same each time loom repeats it.
    words: RefCell<Vec<usize>>,
    /// Oldest first.
    sleepers: RefCell<Vec<Sleeper>>,
}

struct Sleeper {
    word: usize,
    timed: bool,
    thread: loom::thread::Thread,
    woken: Rc<Cell<bool>>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Depend::new()),
            words: RefCell::default(),
            sleepers: RefCell::default(),
        }
    }

    fn bucket(&self, word: usize) -> &Depend {
        let mut words = self.words.borrow_mut();
        let index = words.iter().position(|known| *known == word).unwrap_or_else(|| {
            words.push(word);
            words.len() - 1
        });
        &self.buckets[index % BUCKETS]
    }

    /// Wakes the oldest sleepers that `chosen` picks, at most `limit`.
    fn wake(&self, limit: usize, chosen: impl Fn(&Sleeper) -> bool) {
        let mut sleepers = self.sleepers.borrow_mut();
        for _ in 0..limit {
            let Some(oldest) = sleepers.iter().position(&chosen) else { return };
            let sleeper = sleepers.remove(oldest);
            sleeper.woken.set(true);
            sleeper.thread.unpark();
        }
    }
}

fn address(word: *const AtomicU32) -> usize {
    word.addr()
}

/// Blocks while `word` holds `expected`. May return at any time.
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    block(word, expected, None);
}

/// Blocks while `word` holds `expected`, at most until `deadline`. May return at any time.
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
        // The others must get on, or the caller's loop would never end.
        return loom::thread::yield_now();
    }
    if word.newest(expected) != expected {
        return;
    }
    // From the look above to the park below loom changes threads nowhere: one step.
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

/// Whether this thread has issued a wake-up since this was last asked: never, as it is a matter of speed alone.
pub(crate) fn has_woken() -> bool {
    false
}

/// Wakes all threads blocked on `word`.
pub(crate) fn wake_all(word: &AtomicU32) {
    wake(word, usize::MAX, count::one);
}

/// A wake-up that nobody issued: the oldest sleeper on `word` returns, the word unchanged.
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

/// All timed sleepers return. Their deadlines have passed only if the clock says so: see [`super::clock::expire`].
pub(crate) fn time_out() {
    if dead() {
        return;
    }
    let state = state();
    // Whoever comes to sleep on whatever word depends on this, not only those who sleep already.
    for bucket in &state.table.buckets {
        bucket.touch();
    }
    state.table.wake(usize::MAX, |sleeper| sleeper.timed);
}

/// Wake-ups issued by this execution, counted where somebody wants to know.
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
