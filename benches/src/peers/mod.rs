//! The pools, in one shape: what a row needs of a pool, each peer does in its own best idiom.
//!
//! A new peer is a file with one `impl Peer`, a line in the list below, one among the `KNOWN`, and a line in each row's
//! list that it can answer.

mod affinitypool;
mod async_executor;
mod blocking;
mod executors;
mod futures;
mod known;
mod lagoon;
mod millpond;
mod rayon;
mod rusty_pool;
pub(crate) mod specialists;
mod std_thread;
mod threadpool;
mod tokio;

pub(crate) use affinitypool::{Affinitypool, NO_SPAWN};
pub use async_executor::AsyncExecutor;
pub use blocking::Blocking;
pub(crate) use executors::{ExecutorsChannel, ExecutorsStealing};
pub use futures::Futures;
pub(crate) use known::KNOWN;
pub use lagoon::Lagoon;
pub use millpond::{Millpond, OURS};
pub use rayon::Rayon;
pub use rusty_pool::RustyPool;
pub use std_thread::StdThread;
pub use threadpool::Threadpool;
pub use tokio::{TokioBlocking, TokioSpawn};

/// A pool.
pub trait Peer: Sized + Send + Sync + 'static {
    /// As the report calls it.
    const NAME: &'static str;

    /// A result on its way.
    type Handle<T: Send + 'static>: Send;

    /// Starts a pool of this many workers.
    fn new(workers: usize) -> Self;

    /// Has `f` called on a worker.
    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::Handle<T>;

    /// Waits for a result, outside the pool.
    fn get<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T;

    /// Has `f` called on a worker and forgets it; called outside as well as on a worker.
    fn spawn(&self, f: impl FnOnce() + Send + 'static);

    /// Has the pool end; waits for its threads if the pool knows how to. Whether they are gone, the row sees for
    /// itself.
    fn end(self) {
        drop(self);
    }

    /// A pool for the rest of the process, which a task may name without keeping a count.
    fn forever(workers: usize) -> &'static Self {
        Box::leak(Box::new(Self::new(workers)))
    }
}

/// A pool whose tasks may await one another: meanwhile the worker is free.
pub(crate) trait Awaiting: Peer {
    /// Has the task run on a worker, now and not when it is awaited.
    fn start<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}
