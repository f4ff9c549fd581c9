//! The things that belong to one execution of a model and to nothing else: the clock, and the
//! futex's table. The graveyard is emptied when an execution begins.
//!
//! loom runs all threads of a model on one OS thread and changes between them only inside its
//! own operations. So plain `Cell`s in a thread-local of the standard library hold this state.
//! loom does not see them, so they add neither an edge nor a branch. A stretch of code without
//! a loom operation is one step.

use super::AtomicU32;
use super::atomic::Depend;
use super::failure::dead;
use super::{failure, heap};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Says how `futex::wait` behaves in a model run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Futex {
    /// A wait blocks until a wake. This mode finds lost wake-ups. loom's unpark hands the
    /// waking thread's whole past to the sleeper.
    Block,
    /// A wait returns at once and hands over nothing. This mode finds the missing orderings
    /// that the unpark above would hide.
    Spurious,
}

/// The state of one execution. The model's main thread makes it before it starts another
/// thread. So the making of loom's objects in it happens before any thread's first use of
/// them.
pub(super) struct State {
    pub(super) futex: Futex,
    pub(super) table: Table,
    pub(super) clock: Clock,
    /// The word of the light and the heavy fences.
    pub(super) barrier: AtomicU32,
    pub(super) processors: Cell<usize>,
    /// How many more threads the system starts before it refuses one.
    pub(super) spawns: Cell<usize>,
    /// How many threads were started.
    pub(super) started: Cell<usize>,
    pub(super) wakes: Cell<u64>,
}

/// There are few buckets, because each costs an object in every execution. Further words share
/// them, which adds executions and hides nothing.
const BUCKETS: usize = 4;

/// The threads that sleep, and the words that they sleep on.
pub(super) struct Table {
    buckets: [Depend; BUCKETS],
    /// The words in the order of their first use. Their addresses differ from run to run, and
    /// an execution must not change when loom repeats it.
    words: RefCell<Vec<usize>>,
    /// The oldest sleeper comes first.
    pub(super) sleepers: RefCell<Vec<Sleeper>>,
}

pub(super) struct Sleeper {
    pub(super) word: usize,
    pub(super) timed: bool,
    pub(super) thread: loom::thread::Thread,
    pub(super) woken: Rc<Cell<bool>>,
}

impl Table {
    fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Depend::new()),
            words: RefCell::default(),
            sleepers: RefCell::default(),
        }
    }

    pub(super) fn bucket(&self, word: usize) -> &Depend {
        let mut words = self.words.borrow_mut();
        let index = words.iter().position(|known| *known == word).unwrap_or_else(|| {
            words.push(word);
            words.len() - 1
        });
        &self.buckets[index % BUCKETS]
    }

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

    /// Makes all timed sleepers return: the clock has passed their deadlines.
    pub(super) fn time_out(&self) {
        // A thread that goes to sleep later, on any word, must depend on this step too, not only
        // the threads that sleep already.
        for bucket in &self.buckets {
            bucket.touch();
        }
        self.wake(usize::MAX, |sleeper| sleeper.timed);
    }
}

/// The clock: it stands still until a model moves it.
pub(super) struct Clock {
    pub(super) moved: Depend,
    pub(super) expired: Cell<bool>,
}

impl Clock {
    fn new() -> Self {
        Self { moved: Depend::new(), expired: Cell::new(false) }
    }
}

thread_local! {
    static STATE: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
    /// Whether a harness calls [`begin`] itself.
    static MANAGED: Cell<bool> = const { Cell::new(false) };
}

loom::lazy_static! {
    /// For models without a harness: its first use in an execution begins that execution.
    static ref UNMANAGED: () = renew(Futex::Block);
}

/// Begins an execution, and drops everything that the one before left behind. A harness calls
/// this first of all, on the model's main thread.
pub(crate) fn begin(futex: Futex) {
    MANAGED.set(true);
    renew(futex);
}

fn renew(futex: Futex) {
    failure::forget();
    heap::bury();
    let state = State {
        futex,
        table: Table::new(),
        clock: Clock::new(),
        barrier: AtomicU32::new(0),
        processors: Cell::new(2),
        spawns: Cell::new(usize::MAX),
        started: Cell::new(0),
        wakes: Cell::new(0),
    };
    STATE.set(Some(Rc::new(state)));
}

/// Returns the state of the current execution.
pub(super) fn state() -> Rc<State> {
    if !MANAGED.get() && !dead() {
        *UNMANAGED;
    }
    STATE.with_borrow(|state| state.clone().expect("a model's primitives are used inside a model"))
}
