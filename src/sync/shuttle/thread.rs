//! Threads: shuttle's, in any number.

pub(crate) use shuttle::thread::{JoinHandle, yield_now};
pub(crate) use std::thread::ThreadId;

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
    shuttle::thread::Builder::new().name(name).spawn(main)
}

/// Says how many processors there are: more than any pool here has workers, so that the number
/// of processors does not limit how many workers search.
pub(crate) fn processors() -> usize {
    8
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
    std::thread::panicking()
}

/// Returns the calling thread's number.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}
