//! `futures`' `ThreadPool`, an executor over an mpsc channel.

use futures::executor::{ThreadPool, block_on};
use futures::future::RemoteHandle;
use futures::task::SpawnExt;

use super::{Awaiting, Peer};

/// `futures`' own pool: `spawn_with_handle`.
pub struct Futures(ThreadPool);

impl Peer for Futures {
    const NAME: &'static str = "futures ThreadPool";
    type Handle<T: Send + 'static> = RemoteHandle<T>;

    fn new(workers: usize) -> Self {
        Self(ThreadPool::builder().pool_size(workers).create().expect("threads"))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> RemoteHandle<T> {
        self.0.spawn_with_handle(async move { f() }).expect("the pool is open")
    }

    fn get<T: Send + 'static>(&self, handle: RemoteHandle<T>) -> T {
        block_on(handle)
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.0.spawn_ok(async move { f() });
    }
}

impl Awaiting for Futures {
    fn start<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        self.0.spawn_with_handle(task).expect("the pool is open")
    }
}
