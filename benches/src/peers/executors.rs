//! executors, in both the pools that it recommends: the one that steals for tasks that start tasks, the one with a
//! channel for tasks that come from outside. Results are awaited as futures, which is how both hand them back.

use executors::crossbeam_channel_pool::ThreadPool as ChannelPool;
use executors::crossbeam_workstealing_pool::{ThreadPool as StealingPool, small_pool};
use executors::parker::{SmallThreadData, StaticParker};
use executors::{Executor as _, FuturesExecutor as _, JoinHandle};
use futures::executor::block_on;

use super::{Awaiting, Peer};

/// `crossbeam_workstealing_pool`, with the parker for at most 32 threads.
pub(crate) struct ExecutorsStealing(StealingPool<StaticParker<SmallThreadData>>);

/// `crossbeam_channel_pool`.
pub(crate) struct ExecutorsChannel(ChannelPool);

macro_rules! executor {
    ($peer:ident, $name:literal, $new:expr) => {
        impl Peer for $peer {
            const NAME: &'static str = $name;
            type Handle<T: Send + 'static> = JoinHandle<T>;

            fn new(workers: usize) -> Self {
                Self($new(workers))
            }

            fn submit<T: Send + 'static>(
                &self,
                f: impl FnOnce() -> T + Send + 'static,
            ) -> JoinHandle<T> {
                self.0.spawn(async move { f() })
            }

            fn get<T: Send + 'static>(&self, handle: JoinHandle<T>) -> T {
                block_on(handle)
            }

            fn spawn(&self, f: impl FnOnce() + Send + 'static) {
                self.0.execute(f);
            }

            fn end(self) {
                self.0.shutdown().expect("it is idle");
            }
        }

        impl Awaiting for $peer {
            fn start<T: Send + 'static>(
                &self,
                task: impl Future<Output = T> + Send + 'static,
            ) -> impl Future<Output = T> + Send {
                self.0.spawn(task)
            }
        }
    };
}

executor!(ExecutorsStealing, "executors work-stealing", small_pool);
executor!(ExecutorsChannel, "executors channel", ChannelPool::new);
