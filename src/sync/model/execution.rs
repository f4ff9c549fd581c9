//! What belongs to one execution of a model and to nothing else: the clock, the futex's table, the graveyard, and
//! whether the execution has already failed.
//!
//! loom runs all threads of a model on one OS thread and changes between them only inside its own operations. So
//! plain `Cell`s in a thread-local of the standard library hold this state: loom does not see them (they add neither
//! an edge nor a branch), and a stretch of code without a loom operation is one step.

use super::atomic::Depend;
use super::{clock, futex, heap};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How `futex::wait` behaves in a model run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Futex {
    /// A wait blocks until a wake. Finds lost wake-ups. loom's unpark hands the waker's whole past to the sleeper.
    Block,
    /// A wait returns at once and hands over nothing. Finds the orderings that the unpark above would hide.
    Spurious,
}

/// The state of one execution. Made on the model's main thread before it starts another, so that loom's objects in
/// it happen before everybody's first use.
pub(super) struct State {
    pub(super) futex: Futex,
    pub(super) table: futex::Table,
    pub(super) clock: clock::Clock,
    pub(super) processors: Cell<usize>,
    /// How many more threads may be started before the system refuses one.
    pub(super) spawns: Cell<usize>,
    pub(super) next_unique: Cell<u32>,
    pub(super) wakes: Cell<u64>,
}

thread_local! {
    static STATE: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
    /// A harness calls [`begin`] itself.
    static MANAGED: Cell<bool> = const { Cell::new(false) };
    static QUIET: Cell<usize> = const { Cell::new(0) };
    static DELIBERATE: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
    /// How often somebody has waited since the failure.
    static WAITS: Cell<u32> = const { Cell::new(0) };
}

loom::lazy_static! {
    /// Its first use in an execution begins that execution, for models that have no harness.
    static ref UNMANAGED: () = renew(Futex::Block);
}

/// Begins an execution: everything that the one before left behind is gone. A harness calls this first of all, on
/// the model's main thread.
pub(crate) fn begin(futex: Futex) {
    MANAGED.set(true);
    renew(futex);
}

fn renew(futex: Futex) {
    // An execution that failed may have left these behind.
    QUIET.set(0);
    DELIBERATE.set(false);
    FAILED.set(false);
    WAITS.set(0);
    heap::bury();
    let state = State {
        futex,
        table: futex::Table::new(),
        clock: clock::Clock::new(),
        processors: Cell::new(2),
        spawns: Cell::new(usize::MAX),
        next_unique: Cell::new(1),
        wakes: Cell::new(0),
    };
    STATE.set(Some(Rc::new(state)));
}

/// The state of the current execution.
pub(super) fn state() -> Rc<State> {
    if !MANAGED.get() && !dead() {
        *UNMANAGED;
    }
    STATE.with_borrow(|state| state.clone().expect("a model's primitives are used inside a model"))
}

/// What an operation may do to loom at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The ordinary case.
    Live,
    /// A panic that the model wants is unwinding. Operations are loom's, but loom must not change threads: the
    /// standard library counts panics per OS thread, and another model thread would take this one's for its own.
    Quiet,
    /// The execution has failed. loom has no current thread after a deadlock, and a second panic in a destructor
    /// aborts the process: so operations work on plain memory and leave loom alone.
    Dead,
}

pub(super) fn mode() -> Mode {
    if FAILED.get() {
        Mode::Dead
    } else if !std::thread::panicking() {
        DELIBERATE.set(false);
        Mode::Live
    } else if DELIBERATE.get() {
        Mode::Quiet
    } else {
        Mode::Dead
    }
}

/// Whether the execution has failed: then nothing is left to protect, and a guard that would end the process lets its
/// thread unwind, or the failure's message and the other tests are lost.
pub(crate) fn failed() -> bool {
    dead()
}

pub(super) fn dead() -> bool {
    mode() == Mode::Dead
}

/// Says that the execution has failed. A harness calls this from the panic hook, so that the failure is known even
/// if the code under test catches the panic, as it does with those of its users' closures.
pub(crate) fn fail() {
    FAILED.set(true);
}

/// Somebody waits though the execution has failed, and nobody will do what it waits for. While its thread unwinds
/// the wait returns, for a while: its condition may hold already, and a second panic would abort.
pub(super) fn wait_dead() {
    WAITS.set(WAITS.get() + 1);
    if !std::thread::panicking() {
        std::panic::resume_unwind(Box::new("the execution has failed before"));
    }
    if WAITS.get() > 100_000 {
        abort("a model has failed, and a destructor waits for ever while its thread unwinds");
    }
}

/// In the place of a panic that would abort with less to read.
pub(super) fn abort(why: &str) -> ! {
    eprintln!("{why}");
    std::process::abort()
}

/// Panics as a user's closure would, without failing the model: the panic must be caught by the code under test.
/// Any other panic inside a model counts as the model's failure.
pub(crate) fn panic_deliberately() -> ! {
    DELIBERATE.set(true);
    // Not `panic!`: the hook has nothing to report.
    std::panic::resume_unwind(Box::new("deliberate"))
}

/// While it lives, loom changes threads at no operation of this thread.
pub(super) struct Quiet(());

impl Quiet {
    pub(super) fn begin() -> Self {
        if QUIET.replace(QUIET.get() + 1) == 0 {
            loom::stop_exploring();
        }
        Self(())
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(QUIET.get() - 1);
        if QUIET.get() == 0 {
            loom::explore();
        }
    }
}

/// Runs one operation of loom's, quietly where [`Mode::Quiet`] asks for it.
pub(super) fn operate<R>(operation: impl FnOnce() -> R) -> R {
    let _quiet = (mode() == Mode::Quiet).then(Quiet::begin);
    operation()
}

/// Makes the caller's step depend on every other step that touches the same `depend`.
pub(super) fn touch_quietly(depend: &Depend) {
    let _quiet = Quiet::begin();
    depend.touch();
}
