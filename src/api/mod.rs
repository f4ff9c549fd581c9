#![doc = include_str!("README.md")]

mod asks;
mod batch;
mod builder;
mod fallible;
mod group;
mod handle;
mod imap;
mod map;
mod result;
mod scope;
mod task;
mod thread_pool;

pub use batch::Batch;
pub use builder::Builder;
pub use group::{AsCompleted, ReturnWhen, Waited, as_completed, wait};
pub use handle::PoolHandle;
pub use imap::{Imap, Stream};
pub use result::{AsyncResult, NotReady, Progress, Timeout};
pub use task::Task;
pub use thread_pool::ThreadPool;

/// The chunk size that Python's pool chooses for `items` items on `workers` workers: about four chunks per worker.
///
/// The pool itself does not need one; see [`Batch::chunksize`].
///
/// ```
/// use millpond::default_chunksize;
/// assert_eq!(default_chunksize(10, 4), 1);
/// assert_eq!(default_chunksize(100, 4), 7);
/// assert_eq!(default_chunksize(1000, 8), 32);
/// assert_eq!(default_chunksize(0, 4), 0);
/// ```
#[must_use]
pub fn default_chunksize(items: usize, workers: usize) -> usize {
    items.div_ceil(workers.saturating_mul(4).max(1))
}

/// The task that the calling thread is running.
///
/// ```
/// use millpond::{ThreadPool, current_task};
/// let pool = ThreadPool::new(1)?;
/// let (begin, begun) = std::sync::mpsc::channel();
/// let patient = pool.apply_async(move || {
///     begin.send(()).unwrap();
///     while !current_task().is_cancelled() {
///         std::thread::yield_now();
///     }
///     "asked to stop"
/// })?;
/// begun.recv()?;
/// assert!(!patient.cancel(), "it has started, so it is asked");
/// assert_eq!(patient.get()?, "asked to stop");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn current_task() -> CurrentTask {
    CurrentTask(())
}

/// The task that is running: see [`current_task`].
#[derive(Clone, Copy, Debug)]
pub struct CurrentTask(());

impl CurrentTask {
    /// Whether the work should stop: its handle's [`cancel`](AsyncResult::cancel) was called, its stream was dropped, or its pool
    /// was terminated. A check that a long task makes now and then; nothing stops it otherwise. False outside of a task.
    #[must_use]
    pub fn is_cancelled(self) -> bool {
        crate::worker::is_cancelled()
    }
}
