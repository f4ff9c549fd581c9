//! The state of one execution: who sleeps, the clock, the mark of the steps.
//!
//! loom runs all threads of a model on one OS thread and changes between them only inside its
//! own operations. So plain `Cell`s in a thread-local of the standard library hold this state.

use super::failure;
use super::failure::dead;
use super::step::Mark;
use crate::sync::trace;
use loom::sync::atomic::AtomicBool;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

/// The state of one execution. The model's main thread makes it before it starts another
/// thread.
pub(super) struct State {
    /// What all steps of all pools touch.
    pub(super) mark: Mark,
    /// The oldest sleeper comes first.
    pub(super) sleepers: RefCell<Vec<Sleeper>>,
    /// Whether all deadlines have passed.
    pub(super) expired: Cell<bool>,
    /// How many threads the pools have started.
    pub(super) started: Cell<usize>,
    pub(super) wakes: Cell<u64>,
    /// The word that this step has read last without an Acquire.
    pub(super) read_last: Cell<Option<NonNull<AtomicBool>>>,
}

pub(super) struct Sleeper {
    pub(super) word: usize,
    pub(super) timed: bool,
    pub(super) thread: loom::thread::Thread,
    pub(super) woken: Rc<Cell<bool>>,
}

impl State {
    /// Wakes the oldest sleepers that `chosen` picks, at most `limit` of them.
    pub(super) fn wake(&self, limit: usize, chosen: impl Fn(&Sleeper) -> bool) {
        let mut sleepers = self.sleepers.borrow_mut();
        for _ in 0..limit {
            let Some(oldest) = sleepers.iter().position(&chosen) else { return };
            let sleeper = sleepers.remove(oldest);
            sleeper.woken.set(true);
            sleeper.thread.unpark();
        }
    }
}

thread_local! {
    static STATE: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
    /// Whether a harness calls [`begin`] itself.
    static MANAGED: Cell<bool> = const { Cell::new(false) };
}

loom::lazy_static! {
    /// For models without a harness: its first use in an execution begins that execution.
    static ref UNMANAGED: () = renew(false);
}

/// Begins an execution, and drops everything that the one before left behind. A harness calls
/// this first of all, on the model's main thread. `traced` says whether to keep a trace.
pub(crate) fn begin(traced: bool) {
    MANAGED.set(true);
    renew(traced);
}

/// Says that no harness calls [`begin`] any more.
pub(crate) fn end() {
    MANAGED.set(false);
}

fn renew(traced: bool) {
    failure::forget();
    trace::begin(traced);
    // The state before goes first: what it holds belongs to an execution that is over.
    STATE.set(None);
    STATE.set(Some(Rc::new(State {
        mark: Mark::new(),
        sleepers: RefCell::default(),
        expired: Cell::new(false),
        started: Cell::new(0),
        wakes: Cell::new(0),
        read_last: Cell::new(None),
    })));
}

/// Begins the execution if no harness has done so. Whatever makes a pool calls this first. (No
/// other use of the pool does: a worker may outlive loom's own statics.)
pub(super) fn enter() {
    if !MANAGED.get() && !dead() {
        *UNMANAGED;
    }
}

/// Returns the state of the current execution.
pub(super) fn state() -> Rc<State> {
    STATE.with_borrow(|state| {
        state.clone().expect("a pool under the feature `loom` is used inside a model only")
    })
}
