//! Threads: shuttle's, in any number.

pub(crate) use std::thread::ThreadId;

use super::failure::{failed, wait_dead};

/// Waits for a thread to end: see [`std::thread::JoinHandle`].
#[derive(Debug)]
pub(crate) struct JoinHandle<T>(shuttle::thread::JoinHandle<T>);

impl<T> JoinHandle<T> {
    /// # Errors
    ///
    /// This fails if the thread has panicked, or once the execution has failed.
    pub(crate) fn join(self) -> std::thread::Result<T> {
        if failed() { Err(Box::new("the execution has failed")) } else { self.0.join() }
    }
}

/// Starts a named thread. shuttle gives it the stack that its configuration says.
///
/// # Errors
///
/// This never fails: shuttle refuses no thread.
pub(crate) fn spawn(
    name: String,
    _stack_size: Option<usize>,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    shuttle::thread::Builder::new().name(name).spawn(main).map(JoinHandle)
}

/// Starts a thread of the model's own.
#[track_caller]
pub(crate) fn start<T: Send + 'static>(
    main: impl FnOnce() -> T + Send + 'static,
) -> shuttle::thread::JoinHandle<T> {
    shuttle::thread::spawn(main)
}

/// Says how many processors there are: more than any pool here has workers, so that the number
/// of processors does not limit how many workers search.
pub(crate) fn processors() -> usize {
    8
}

/// Lets the other threads run.
pub(crate) fn yield_now() {
    if failed() { wait_dead() } else { shuttle::thread::yield_now() }
}

/// Pauses inside a spin. It yields, because a spin ends only if other threads run.
pub(crate) fn relax() {
    yield_now();
}

/// Says whether a spin can help: never here, because all threads share one processor.
pub(crate) fn may_spin() -> bool {
    false
}

/// Says whether nothing is left to protect from unwinding. A panic that reaches a guard has
/// failed the execution, and shuttle reports it, unless the process ends.
pub(crate) fn is_doomed() -> bool {
    std::thread::panicking() || failed()
}

/// Returns the number and the name that the calling thread has in its execution, unless that
/// has failed.
pub(crate) fn who() -> Option<(usize, Option<String>)> {
    let id = shuttle::current::try_get_current_task().filter(|_| !failed())?;
    let number = usize::from(id);
    // shuttle names the main thread too.
    let name = shuttle::thread::current().name().filter(|_| number != 0).map(str::to_owned);
    Some((number, name))
}

/// Returns the calling thread's number.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}
