//! Threads: shuttle's, as many as one likes.

pub(crate) use shuttle::thread::{JoinHandle, yield_now};

/// Starts a named thread. shuttle gives it the stack that its configuration says.
///
/// # Errors
///
/// None: no thread is refused.
pub(crate) fn spawn(
    name: String,
    _stack_size: Option<usize>,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    shuttle::thread::Builder::new().name(name).spawn(main)
}

/// More than any pool here has workers, or a worker would not take several tasks from the injector at once.
pub(crate) fn processors() -> usize {
    8
}

/// A pause inside a spin: as a spin has no end unless others get on, it yields.
pub(crate) fn relax() {
    yield_now();
}

/// Whether a spin can be worth anything: not where all threads share one processor.
pub(crate) fn may_spin() -> bool {
    false
}

/// Whether nothing is left to protect from unwinding: a panic that reaches a guard has failed the execution, and shuttle
/// reports it, unless the process ends.
pub(crate) fn is_doomed() -> bool {
    std::thread::panicking()
}
