//! The service on millpond.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millpond::{
    CancelOnDrop, Codel, Drain, SubmitErrorKind, Task, TaskError, ThreadPool, WhenFull,
};
use tokio::time::timeout_at;

use super::{Denied, Gauges, Job, Options};

/// A wait of up to twice this long is fine at any time.
const TARGET: Duration = Duration::from_millis(5);
/// A burst of up to this length is served whole.
const INTERVAL: Duration = Duration::from_millis(100);

/// A pool with its rules.
pub struct Mill {
    pool: Arc<ThreadPool>,
    codel: Option<Arc<Codel>>,
    wait: bool,
}

impl Mill {
    pub(super) fn new(options: Options, codel: bool) -> Result<Self, millpond::BuildError> {
        let pool = ThreadPool::builder()
            .workers(options.workers)
            .thread_name_prefix("hash")
            .max_queued(options.max_queued)
            .when_full(WhenFull::Refuse)
            .build()?;
        let codel = codel.then(|| Arc::new(Codel::new(TARGET, INTERVAL)));
        Ok(Self { pool: Arc::new(pool), codel, wait: options.wait })
    }

    pub(super) async fn run<F>(&self, job: Job<F>) -> Result<u64, Denied>
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        let Job { arrived, start_by, work } = job;
        let answer = if self.wait {
            // A future: it waits in line, and the runtime's thread goes on.
            let permit = timeout_at(start_by.into(), self.pool.reserve())
                .await
                .map_err(|_| Denied::Expired)?
                .map_err(refused)?;
            self.begin(permit.task(work), arrived, start_by)?
        } else {
            self.begin(self.pool.task(work), arrived, start_by)?
        };
        answer.await.map_err(|error| match error {
            TaskError::Expired => Denied::Expired,
            TaskError::Terminated | TaskError::Cancelled => Denied::Closed,
            other => Denied::Failed(other.to_string()),
        })
    }

    /// Submits. What this returns cancels the task when it is dropped, as axum drops a handler whose
    /// client has gone.
    fn begin<F>(
        &self,
        task: Task<F, u64>,
        arrived: Instant,
        start_by: Instant,
    ) -> Result<CancelOnDrop<u64>, Denied>
    where
        F: FnOnce() -> Result<u64, Infallible> + Send + 'static,
    {
        let codel = self.codel.clone();
        let submitted = task
            .start_by(start_by)
            // The time since the arrival: it has the wait for a permit in it too.
            .start_if(move |_| codel.is_none_or(|codel| codel.admit(arrived.elapsed())))
            .apply_async();
        match submitted {
            Ok(answer) => Ok(answer.cancel_on_drop()),
            Err(error) => Err(refused(error.kind())),
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        Gauges {
            workers: self.pool.workers(),
            running: self.pool.active(),
            queued: self.pool.queued(),
        }
    }

    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let ended = self.pool.shutdown_async(Drain::Within(limit)).await;
        ended.is_ok_and(|report| report.still_running == 0)
    }
}

fn refused(kind: SubmitErrorKind) -> Denied {
    match kind {
        SubmitErrorKind::Full => Denied::Full,
        _ => Denied::Closed,
    }
}
