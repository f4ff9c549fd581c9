//! Work on many items, several at a time.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// `work` on each item, `jobs` at a time; the answers in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let mut done: Vec<_> = thread::scope(|scope| {
        let worker = || {
            let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
            std::iter::from_fn(take).map(|(at, item)| (at, work(item))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker does not panic"))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}
