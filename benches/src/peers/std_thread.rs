//! No pool at all: a thread for each task.

use std::thread;

use super::Peer;

/// A thread for each task.
pub struct StdThread;

impl Peer for StdThread {
    const NAME: &'static str = "std::thread";
    type Handle<T: Send + 'static> = thread::JoinHandle<T>;

    fn new(_workers: usize) -> Self {
        Self
    }

    fn submit<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        thread::spawn(f)
    }

    fn get<T: Send + 'static>(&self, handle: thread::JoinHandle<T>) -> T {
        handle.join().expect("no task here panics")
    }

    fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        drop(thread::spawn(f));
    }
}
