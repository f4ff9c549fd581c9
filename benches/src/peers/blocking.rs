//! blocking: `unblock`, on its one pool for the whole process.

use blocking::{Task, unblock};
use futures::executor::block_on;

use super::Peer;

/// Its size is read from `BLOCKING_MAX_THREADS` on first use, which the parent process sets for every contestant.
pub struct Blocking;

impl Peer for Blocking {
    const NAME: &'static str = "blocking";
    type Handle<T: Send + 'static> = Task<T>;

    fn new(workers: usize) -> Self {
        let size = std::env::var("BLOCKING_MAX_THREADS").ok().and_then(|size| size.parse().ok());
        assert_eq!(size, Some(workers), "the size of blocking's pool is set by the parent");
        Self
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        unblock(f)
    }

    fn get<T: Send + 'static>(&self, handle: Task<T>) -> T {
        block_on(handle)
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        unblock(f).detach();
    }
}
