//! The service on `spawn_blocking`, which has no limit of its own: two semaphores make one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{timeout, timeout_at};

use super::{Denied, Gauges, Job, Options};

/// The semaphores.
pub struct Blocking {
    workers: usize,
    max_queued: usize,
    /// A permit for each request that waits or runs.
    places: Arc<Semaphore>,
    /// A permit for each request that runs. Those that wait for one are the queue.
    running: Arc<Semaphore>,
}

impl Blocking {
    pub(super) fn new(options: Options) -> Self {
        let Options { workers, max_queued, .. } = options;
        Self {
            workers,
            max_queued,
            places: Arc::new(Semaphore::new(workers + max_queued)),
            running: Arc::new(Semaphore::new(workers)),
        }
    }

    pub(super) async fn run<F>(&self, job: Job<F>) -> Result<u64, Denied>
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        let Job { start_by, work, .. } = job;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Denied::Full)?;
        let turn = timeout_at(start_by.into(), Arc::clone(&self.running).acquire_owned())
            .await
            .map_err(|_| Denied::Expired)?
            .map_err(|_| Denied::Closed)?;
        // The permits go along: work that has begun ends, although its handler may be gone.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|error| Denied::Failed(error.to_string()))
    }

    pub(super) fn gauges(&self) -> Gauges {
        let held = self.workers + self.max_queued - self.places.available_permits();
        let running = self.workers - self.running.available_permits();
        Gauges { workers: self.workers, running, queued: held.saturating_sub(running) }
    }

    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let all = u32::try_from(self.workers).unwrap_or(u32::MAX);
        timeout(limit, self.running.acquire_many(all)).await.is_ok()
    }
}
