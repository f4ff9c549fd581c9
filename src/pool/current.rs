//! What a running task can ask about itself.

use crate::worker;

/// Whether the task that the calling thread is running should stop: its handle's [`cancel`](crate::AsyncResult::cancel) was called,
/// its stream was dropped, or its pool was terminated. False outside of a task.
///
/// A running task is never interrupted, so a long one asks this now and then.
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
/// Reads two thread-locals and two words: does not block, allocate, wake or run your code.
#[must_use]
pub fn is_cancelled() -> bool {
    worker::is_cancelled()
}
