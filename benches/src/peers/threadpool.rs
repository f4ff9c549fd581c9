//! threadpool: `execute`, and `oneshot` for the result. Its queue is an mpsc channel behind a mutex, first in first
//! out.

use super::Peer;

/// threadpool: `execute`, and `oneshot` for the result.
pub struct Threadpool(threadpool::ThreadPool);

impl Peer for Threadpool {
    const NAME: &'static str = "threadpool";
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn new(workers: usize) -> Self {
        Self(threadpool::ThreadPool::new(workers))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::Handle<T> {
        let (sender, receiver) = oneshot::channel();
        self.0.execute(move || drop(sender.send(f())));
        receiver
    }

    fn get<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        handle.recv().expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.0.execute(f);
    }
}
