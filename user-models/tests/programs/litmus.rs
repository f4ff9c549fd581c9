// One program for each pair of a carrier, which writes, and a look, after which the main thread
// writes. Compiled twice: with the specification as `millpond`, and with the real pool.

use super::{Carrier, Look};
use loom::cell::UnsafeCell;
use millpond::{AsyncResult, Pool, ThreadPool};
use std::sync::Arc;
use std::time::Duration;

/// A cell with nothing in it. loom reports two writes that no edge orders.
struct Watched(UnsafeCell<()>);

// SAFETY: it has no content that two threads could touch, and loom watches the touching.
unsafe impl Sync for Watched {}

impl Watched {
    fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

pub(super) fn run(workers: usize, carrier: Carrier, look: Look) {
    let pool = ThreadPool::new(workers).expect("few workers");
    let watched = Arc::new(Watched(UnsafeCell::new(())));
    if look == Look::Before {
        watched.write();
    }
    let theirs = Arc::clone(&watched);
    match carrier {
        Carrier::Task => {
            let task = pool.apply_async(move || theirs.write()).expect("it is open");
            ask(&pool, &watched, task, look);
        }
        Carrier::Callback => {
            let task = pool.task(|| ()).callback(move |(): &()| theirs.write());
            ask(&pool, &watched, task.apply_async().expect("it is open"), look);
        }
        Carrier::Item => {
            let item = move |x: u32| if x == 0 { theirs.write() };
            let batch = pool.map_async(item, 0..2).expect("it is open");
            ask(&pool, &watched, batch, look);
        }
        Carrier::Nested => {
            let inner = pool.handle();
            let outer = move || {
                let task = inner.apply_async(move || theirs.write()).map_err(|_refused| ());
                task.map(|task| task.get().is_ok()).is_ok()
            };
            ask(&pool, &watched, pool.apply_async(outer).expect("it is open"), look);
        }
        Carrier::Half => {
            let inner = pool.handle();
            let task = move || inner.fork_join(|| (), || theirs.write()).is_ok();
            ask(&pool, &watched, pool.apply_async(task).expect("it is open"), look);
        }
        Carrier::Dropped => {
            // The write is in the destructor of what the task has captured.
            struct Writes(Arc<Watched>);
            impl Drop for Writes {
                fn drop(&mut self) {
                    self.0.write();
                }
            }
            let captured = Writes(theirs);
            let task = pool.apply_async(move || _ = &captured).expect("it is open");
            ask(&pool, &watched, task, look);
        }
    }
    pool.close();
    pool.join().expect("it is closed");
}

fn ask<T: Send + Sync + 'static>(pool: &Pool, watched: &Watched, task: AsyncResult<T>, look: Look) {
    let here = |found: bool| {
        if found {
            watched.write();
        }
    };
    match look {
        Look::Before => {}
        Look::After => here(true),
        Look::Ready => here(task.ready()),
        Look::NotReady => here(!task.ready()),
        Look::Waited => here(task.wait()),
        Look::WaitedNow => here(task.wait_timeout(Duration::ZERO)),
        Look::Successful => here(task.successful().is_ok()),
        Look::Peeked => here(task.peek().is_some()),
        Look::Done => here(task.progress().done > 0),
        Look::Cancelled => here(task.cancel()),
        Look::Queued => here(pool.queued() == 0),
        Look::Idle => here(pool.queued() == 0 && pool.active() == 0),
        Look::Closed => {
            pool.close();
            here(true);
        }
        Look::LaterTask => {
            let later = pool.apply_async(|| ()).expect("it is open");
            here(later.get().is_ok());
        }
        Look::Taken => return here(task.try_get().is_ok()),
        Look::Got => {
            drop(task.get());
            return here(true);
        }
        Look::Detached => {
            task.detach();
            return here(true);
        }
    }
    drop(task.get());
}
