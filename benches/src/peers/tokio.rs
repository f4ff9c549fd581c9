//! tokio, in both its ways of running a closure. Results are awaited by `futures`' `block_on`, which is lighter than
//! the runtime's own.

use futures::executor::block_on;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::{Awaiting, Peer};

/// `spawn` on the multi-threaded runtime.
pub struct TokioSpawn(pub Runtime);

impl Peer for TokioSpawn {
    const NAME: &'static str = "tokio spawn";
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn new(workers: usize) -> Self {
        Self(Builder::new_multi_thread().worker_threads(workers).build().expect("threads"))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.0.spawn(async move { f() })
    }

    fn get<T: Send + 'static>(&self, handle: JoinHandle<T>) -> T {
        block_on(handle).expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(async move { f() }));
    }
}

impl Awaiting for TokioSpawn {
    fn start<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let handle = self.0.spawn(task);
        async { handle.await.expect("no task here panics") }
    }
}

/// `spawn_blocking`, the pool for closures that block, here of at most as many threads.
pub struct TokioBlocking(pub Runtime);

impl Peer for TokioBlocking {
    const NAME: &'static str = "tokio spawn_blocking";
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn new(workers: usize) -> Self {
        // One async worker is the least; it counts among the blocking threads.
        let mut builder = Builder::new_multi_thread();
        Self(builder.worker_threads(1).max_blocking_threads(workers).build().expect("threads"))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.0.spawn_blocking(f)
    }

    fn get<T: Send + 'static>(&self, handle: JoinHandle<T>) -> T {
        block_on(handle).expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn_blocking(f));
    }
}
