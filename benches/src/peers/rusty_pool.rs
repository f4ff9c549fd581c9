//! rusty_pool: `evaluate`, with as many core threads as it may have at most.

use std::time::Duration;

use rusty_pool::{JoinHandle, ThreadPool};

use super::Peer;

/// rusty_pool: `evaluate`.
pub struct RustyPool(ThreadPool);

impl Peer for RustyPool {
    const NAME: &'static str = "rusty_pool";
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn new(workers: usize) -> Self {
        let pool = ThreadPool::new(workers, workers, Duration::from_secs(3600));
        // Otherwise the first tasks would start them.
        pool.start_core_threads();
        Self(pool)
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.0.evaluate(f)
    }

    fn get<T: Send + 'static>(&self, handle: JoinHandle<T>) -> T {
        handle.await_complete()
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.0.execute(f);
    }

    fn end(self) {
        self.0.shutdown_join();
    }
}
