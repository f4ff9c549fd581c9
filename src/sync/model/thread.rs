//! Threads: loom's. One execution has five at most, the model's main thread included.

pub(crate) use std::thread::ThreadId;

use super::execution::state;
use super::failure::{Mode, dead, mode, wait_dead};

/// The stack of a model thread, in machine words. loom's own choice is too small for a panic's
/// message with a backtrace.
const STACK_WORDS: usize = 0x8000;

/// Waits for a thread to end: see [`std::thread::JoinHandle`].
#[derive(Debug)]
pub(crate) struct JoinHandle<T>(loom::thread::JoinHandle<T>);

impl<T> JoinHandle<T> {
    /// # Errors
    ///
    /// This fails only after the model has failed: no thread runs any more. A thread's panic
    /// is the model's failure.
    pub(crate) fn join(self) -> std::thread::Result<T> {
        if dead() { Err(Box::new("the model has failed")) } else { self.0.join() }
    }
}

/// Starts a named thread.
///
/// # Errors
///
/// This fails if the model has asked for it (see [`refuse_after`]), or if the model has
/// failed.
pub(crate) fn spawn(
    name: String,
    _stack_size: Option<usize>,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let state = state();
    let left = state.spawns.get();
    if left == 0 || dead() {
        return Err(std::io::Error::other("the model refuses a thread"));
    }
    state.spawns.set(left - 1);
    state.started.set(state.started.get() + 1);
    loom::thread::Builder::new().name(name).stack_size(STACK_WORDS).spawn(main).map(JoinHandle)
}

/// Lets `count` more threads start. The system refuses every one after them.
pub(crate) fn refuse_after(count: usize) {
    state().spawns.set(count);
}

/// Says how many threads this execution has started.
pub(crate) fn started() -> usize {
    state().started.get()
}

/// Says how many processors there are: two, or as many as the model has set.
pub(crate) fn processors() -> usize {
    state().processors.get()
}

/// Sets the number that [`processors`] returns from now on.
pub(crate) fn set_processors(count: usize) {
    state().processors.set(count);
}

/// Lets the other threads run. loom needs this call in every loop that waits for one of them.
pub(crate) fn yield_now() {
    match mode() {
        Mode::Live => loom::thread::yield_now(),
        Mode::Quiet => {}
        Mode::Dead => wait_dead(),
    }
}

/// Pauses inside a spin. It yields, because a spin in a model ends only if other threads run.
pub(crate) fn relax() {
    yield_now();
}

/// Says whether a spin can help: never here, because time stands still.
pub(crate) fn may_spin() -> bool {
    false
}

/// Says whether the execution has failed. Then nothing is left to protect. A guard that would
/// end the process lets its thread unwind instead, so that the failure's message does not get
/// lost.
pub(crate) fn is_doomed() -> bool {
    super::failure::failed()
}

/// Returns the calling thread's number.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}
