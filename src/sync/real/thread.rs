//! Threads: the only spawn, the hints to the processor and to the scheduler.

pub(crate) use std::thread::{JoinHandle, yield_now};

use super::OnceLock;

/// Starts a named thread.
///
/// # Errors
///
/// What the system said when it refused one.
pub(crate) fn spawn(
    name: String,
    stack_size: Option<usize>,
    main: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let mut builder = std::thread::Builder::new().name(name);
    if let Some(bytes) = stack_size {
        builder = builder.stack_size(bytes);
    }
    builder.spawn(main)
}

/// The number of processors that this process could use when it was first asked, affinity and container quota respected; 1 if
/// unknown. Asking the system takes as long as starting two threads.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// A pause of the processor inside a spin.
#[inline]
pub(crate) fn relax() {
    std::hint::spin_loop();
}

/// Whether a spin can be worth anything: on one processor whoever spins keeps the awaited thread from running.
pub(crate) fn may_spin() -> bool {
    processors() > 1
}

/// Whether nothing is left to protect from unwinding: in a model that has failed.
#[inline]
pub(crate) fn is_doomed() -> bool {
    false
}
