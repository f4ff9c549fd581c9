//! Threads: loom's. Five at most in one execution, the model's main thread included.

use super::execution::{Mode, dead, mode, state, wait_dead};

/// In machine words. loom's own choice is too small for a panic's message with a backtrace.
const STACK_WORDS: usize = 0x8000;

/// See [`std::thread::JoinHandle`].
#[derive(Debug)]
pub(crate) struct JoinHandle<T>(loom::thread::JoinHandle<T>);

impl<T> JoinHandle<T> {
    /// # Errors
    ///
    /// Only after the model has failed: nobody runs any more. A thread's panic is the model's failure.
    pub(crate) fn join(self) -> std::thread::Result<T> {
        if dead() { Err(Box::new("the model has failed")) } else { self.0.join() }
    }
}

/// Starts a named thread.
///
/// # Errors
///
/// If the model said so: see [`refuse_after`].
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
    loom::thread::Builder::new().name(name).stack_size(STACK_WORDS).spawn(main).map(JoinHandle)
}

/// From the `count`-th thread on, counted from now, the system refuses to start one.
pub(crate) fn refuse_after(count: usize) {
    state().spawns.set(count);
}

/// Two, or what the model said.
pub(crate) fn processors() -> usize {
    state().processors.get()
}

/// What [`processors`] says from now on.
pub(crate) fn set_processors(count: usize) {
    state().processors.set(count);
}

/// Lets the other threads get on. loom needs this in every loop that waits for one of them.
pub(crate) fn yield_now() {
    match mode() {
        Mode::Live => loom::thread::yield_now(),
        Mode::Quiet => {}
        Mode::Dead => wait_dead(),
    }
}

/// A pause inside a spin: as a spin has no end in a model unless others get on, it yields.
pub(crate) fn relax() {
    yield_now();
}

/// Whether a spin can be worth anything: not where time stands still.
pub(crate) fn may_spin() -> bool {
    false
}

/// Whether the execution has failed: then nothing is left to protect, and a guard that would end the process lets its
/// thread unwind instead, or the failure's message would be lost.
pub(crate) fn is_doomed() -> bool {
    super::execution::failed()
}
