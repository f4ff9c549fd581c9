//! affinitypool: `spawn`, whose future holds the result.
//!
//! That future has no name, so that it is boxed here: an allocation for each task that is not the pool's. Dropping it
//! cancels the task, and there is no way to let go of it, so that rows whose tasks are forgotten do without this pool.

use std::pin::Pin;

use affinitypool::Threadpool;
use futures::executor::block_on;

use super::Peer;

pub(crate) struct Affinitypool(Threadpool);

impl Peer for Affinitypool {
    const NAME: &'static str = "affinitypool";
    type Handle<T: Send + 'static> = Pin<Box<dyn Future<Output = T> + Send>>;

    fn new(workers: usize) -> Self {
        assert!(workers <= affinitypool::MAX_THREADS, "it would quietly start fewer");
        Self(Threadpool::new(workers))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::Handle<T> {
        Box::pin(self.0.spawn(f))
    }

    fn get<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        block_on(handle)
    }

    fn spawn(&self, _: impl FnOnce() + Send + 'static) {
        unreachable!("{NO_SPAWN}");
    }
}

/// Why it takes no part in rows whose tasks are forgotten.
pub(crate) const NO_SPAWN: &str = "dropping a task's future cancels the task";
