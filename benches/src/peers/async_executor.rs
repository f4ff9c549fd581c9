//! async-executor, driven by as many threads as the pool has workers, as its documentation does.

use std::sync::Arc;
use std::thread;

use async_executor::{Executor, Task};
use futures::channel::oneshot::{Sender, channel};
use futures::executor::block_on;

use super::{Awaiting, Peer};

/// async-executor on threads of its own: `spawn`.
pub struct AsyncExecutor {
    executor: Arc<Executor<'static>>,
    /// Dropped, they tell the threads to leave.
    threads: Vec<(Sender<()>, thread::JoinHandle<()>)>,
}

impl Peer for AsyncExecutor {
    const NAME: &'static str = "async-executor";
    type Handle<T: Send + 'static> = Task<T>;

    fn new(workers: usize) -> Self {
        let executor = Arc::new(Executor::new());
        let start = |_| {
            let executor = Arc::clone(&executor);
            let (leave, left) = channel::<()>();
            (leave, thread::spawn(move || _ = block_on(executor.run(left))))
        };
        let threads = (0..workers).map(start).collect();
        Self { executor, threads }
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.executor.spawn(async move { f() })
    }

    fn get<T: Send + 'static>(&self, handle: Task<T>) -> T {
        block_on(handle)
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.executor.spawn(async move { f() }).detach();
    }

    fn end(self) {
        let (leave, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(leave);
        for thread in threads {
            thread.join().expect("it only leaves");
        }
    }
}

impl Awaiting for AsyncExecutor {
    fn start<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        self.executor.spawn(task)
    }
}
