//! Threads: loom's. One execution has five at most, the model's main thread included.

pub(crate) use std::thread::ThreadId;

use super::execution::{enter, state};
use super::failure::{Mode, dead, mode, wait_dead};
use super::step;

/// The stack of a model thread, in machine words. loom's own choice is too small for a panic's
/// message with a backtrace.
const STACK_WORDS: usize = 0x8000;

/// How many threads an execution has at most, the model's main thread included.
const MOST: usize = loom::MAX_THREADS;

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
/// This fails if the model has failed.
///
/// # Panics
///
/// This panics with a sentence if the model has as many threads as loom allows.
pub(crate) fn spawn(
    name: String,
    _stack_size: Option<usize>,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    if dead() {
        return Err(std::io::Error::other("the model has failed"));
    }
    let state = state();
    let started = state.started.get() + 1;
    state.started.set(started);
    assert!(
        started < MOST,
        "a model has {MOST} threads, the main one included, so its pools have at most {} workers \
         (and fewer if the model starts threads of its own)",
        MOST - 1
    );
    let main = move || {
        step::begin();
        main();
    };
    loom::thread::Builder::new().name(name).stack_size(STACK_WORDS).spawn(main).map(JoinHandle)
}

/// Starts a thread of the model's own.
#[track_caller]
pub(crate) fn start<T: Send + 'static>(
    main: impl FnOnce() -> T + Send + 'static,
) -> loom::thread::JoinHandle<T> {
    let builder = loom::thread::Builder::new().stack_size(STACK_WORDS);
    builder.spawn(main).expect("loom refuses no thread: it panics")
}

/// Says how many processors there are. A pool asks this before all else.
pub(crate) fn processors() -> usize {
    enter();
    2
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

/// Returns the number and the name that the calling thread has in its execution, unless that
/// has failed.
pub(crate) fn who() -> Option<(usize, Option<String>)> {
    (mode() == Mode::Live).then(|| {
        let current = loom::thread::current();
        // loom prints a thread's number, and does not lend it otherwise.
        let id = format!("{:?}", current.id());
        let id = id.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(usize::MAX);
        (id, current.name().map(str::to_owned))
    })
}

/// Returns the calling thread's number.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}
