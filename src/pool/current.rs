//! Answers a running task that asks about itself.

use crate::worker;

/// Tells a running task whether it should stop.
///
/// It says yes if the task's handle was [cancelled](crate::AsyncResult::cancel), if its stream was
/// dropped, or if its pool was terminated. Outside of a task it says no.
///
/// The pool never interrupts a running task, so a long task asks this now and then.
///
/// ```
/// use millpond::{ThreadPool, is_cancelled};
/// let pool = ThreadPool::new(1)?;
/// let (begin, begun) = std::sync::mpsc::channel();
/// let patient = pool.apply_async(move || {
///     begin.send(()).unwrap();
///     while !is_cancelled() {
///         std::thread::yield_now();
///     }
///     "asked to stop"
/// })?;
/// begun.recv()?;
/// assert!(!patient.cancel(), "it has started, so it is asked");
/// assert_eq!(patient.get()?, "asked to stop");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// The call reads two thread-locals and two words. It does not block, allocate, run your code or
/// wake a thread.
#[must_use]
pub fn is_cancelled() -> bool {
    worker::is_cancelled()
}
