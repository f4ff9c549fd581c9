//! Ours.

use millpond::{AsyncResult, DropPolicy, ThreadPool};

use super::Peer;

/// How the report calls us.
pub const OURS: &str = "millpond";

/// Ours: `apply_async`.
pub struct Millpond(pub ThreadPool);

impl Peer for Millpond {
    const NAME: &'static str = OURS;
    type Handle<T: Send + 'static> = AsyncResult<T>;

    fn new(workers: usize) -> Self {
        Self(
            ThreadPool::builder()
                .workers(workers)
                .drop_policy(DropPolicy::Terminate)
                .build()
                .expect("threads"),
        )
    }

    #[inline]
    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> AsyncResult<T> {
        match self.0.apply_async(f) {
            Ok(result) => result,
            Err(_) => unreachable!("the pool is open"),
        }
    }

    #[inline]
    fn get<T: Send + 'static>(&self, handle: AsyncResult<T>) -> T {
        handle.get().expect("no task here panics")
    }

    #[inline]
    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        assert!(self.0.spawn(f).is_ok(), "the pool is open");
    }

    fn end(self) {
        self.0.close();
        self.0.join().expect("closed");
    }
}
