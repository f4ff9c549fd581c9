#![doc = include_str!("README.md")]

mod batch;
mod builder;
mod fallible;
mod group;
mod handle;
mod imap;
mod result;
mod scope;
mod task;
mod thread_pool;

pub use batch::Batch;
pub use builder::Builder;
pub use group::{AsCompleted, ReturnWhen, Waited, as_completed, wait};
pub use handle::PoolHandle;
pub use imap::{Imap, Stream};
pub use result::{AsyncResult, NotReady, Timeout};
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
