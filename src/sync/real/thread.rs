//! Threads: the only place that starts one, and the hints to the processor and the scheduler.

pub(crate) use std::thread::{JoinHandle, ThreadId, yield_now};

use super::{AtomicUsize, Ordering};

/// Starts a named thread.
///
/// # Errors
///
/// The caller gets the system's error if the system refuses a thread.
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

/// Returns the number of processors that this process could use when it was first asked; 1 if
/// that is unknown.
///
/// The number respects the process's affinity and its container's quota. To ask the system
/// takes as long as to start two threads.
pub(crate) fn processors() -> usize {
    // No `OnceLock`: a child that is forked while another thread asks would wait for that
    // thread for ever. Two threads may ask at once.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: the number publishes nothing else.
    let known = PROCESSORS.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let asked = std::thread::available_parallelism().map_or(1, usize::from);
    PROCESSORS.store(asked, Ordering::Relaxed);
    asked
}

/// Pauses the processor inside a spin.
#[inline]
pub(crate) fn relax() {
    std::hint::spin_loop();
}

/// Says whether a spin can help. On one processor a thread that spins keeps the awaited thread
/// from running.
pub(crate) fn may_spin() -> bool {
    processors() > 1
}

/// Says whether nothing is left to protect from unwinding: only a model that has failed says
/// so.
#[inline]
pub(crate) fn is_doomed() -> bool {
    false
}

/// Returns the calling thread's number.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}
