//! rayon: `spawn`, and a channel for the result, which it leaves to the user. The channel is `oneshot`, the quickest to
//! be had.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Peer;

/// rayon: `spawn`, and `oneshot` for the result.
pub struct Rayon(pub ThreadPool);

impl Peer for Rayon {
    const NAME: &'static str = "rayon";
    type Handle<T: Send + 'static> = oneshot::Receiver<T>;

    fn new(workers: usize) -> Self {
        Self(ThreadPoolBuilder::new().num_threads(workers).build().expect("threads"))
    }

    fn submit<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Self::Handle<T> {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(move || drop(sender.send(f())));
        receiver
    }

    fn get<T: Send + 'static>(&self, handle: Self::Handle<T>) -> T {
        handle.recv().expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        self.0.spawn(f);
    }
}
