//! lagoon: `run_recv`, whose handle holds the result. Its queue is one crossbeam channel.

use lagoon::{JobHandle, ThreadPool};

use super::Peer;

/// lagoon: `run_recv`, whose handle holds the result.
pub struct Lagoon(ThreadPool);

impl Peer for Lagoon {
    const NAME: &'static str = "lagoon";
    type Handle<T: Send + 'static> = JobHandle<T>;

    fn new(workers: usize) -> Self {
        Self(ThreadPool::build().with_thread_count(workers).finish().expect("threads"))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JobHandle<T> {
        self.0.run_recv(f)
    }

    fn get<T: Send + 'static>(&self, handle: JobHandle<T>) -> T {
        handle.join().expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.0.run(f);
    }

    fn end(self) {
        self.0.join_all().expect("no task here panics");
    }
}
