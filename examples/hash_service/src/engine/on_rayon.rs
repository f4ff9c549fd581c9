//! The service on rayon, whose `spawn` has neither a limit nor an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::{Denied, Gauges, Job, Options};

/// The pool, and its limit.
pub struct OnRayon {
    pool: rayon::ThreadPool,
    workers: usize,
    max_queued: usize,
    /// A permit for each request that is queued.
    places: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    /// A permit for each request that is queued or runs.
    alive: Arc<Semaphore>,
}

impl OnRayon {
    pub(super) fn new(options: Options) -> Result<Self, rayon::ThreadPoolBuildError> {
        let Options { workers, max_queued, .. } = options;
        Ok(Self {
            pool: rayon::ThreadPoolBuilder::new().num_threads(workers).build()?,
            workers,
            max_queued,
            places: Arc::new(Semaphore::new(max_queued)),
            running: Arc::default(),
            alive: Arc::new(Semaphore::new(workers + max_queued)),
        })
    }

    pub(super) async fn run<F>(&self, job: Job<F>) -> Result<u64, Denied>
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        let Job { start_by, work, .. } = job;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Denied::Full)?;
        let alive = Arc::clone(&self.alive).try_acquire_owned().map_err(|_| Denied::Full)?;
        let running = Arc::clone(&self.running);
        let (answer, answered) = oneshot::channel();
        self.pool.spawn(move || {
            let _alive = alive;
            drop(place);
            if answer.is_closed() {
                return; // the handler is gone
            }
            running.fetch_add(1, Ordering::Relaxed);
            let result = if Instant::now() > start_by {
                Err(Denied::Expired)
            } else {
                // A panic in rayon's `spawn` ends the process.
                catch_unwind(AssertUnwindSafe(work))
                    .map_err(|_| Denied::Failed("the work panicked".to_owned()))
            };
            running.fetch_sub(1, Ordering::Relaxed);
            _ = answer.send(result);
        });
        answered.await.unwrap_or(Err(Denied::Closed))
    }

    pub(super) fn gauges(&self) -> Gauges {
        Gauges {
            workers: self.workers,
            running: self.running.load(Ordering::Relaxed),
            queued: self.max_queued - self.places.available_permits(),
        }
    }

    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let all = u32::try_from(self.workers + self.max_queued).unwrap_or(u32::MAX);
        timeout(limit, self.alive.acquire_many(all)).await.is_ok()
    }
}
