//! Corners in which an earlier version was wrong.

mod common;

use common::Gate;
use millpond::{DropPolicy, PoolHandle, TaskError, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

// covers F-27 CB-18
#[test]
fn an_error_callback_may_wait_for_the_end_of_the_pool() {
    for _ in 0..50 {
        let pool = Arc::new(ThreadPool::new(4).unwrap());
        let handles: Vec<_> = (0..6)
            .map(|_| {
                let inner = Arc::clone(&pool);
                let task = pool.task(|| ()).error_callback(move |_| inner.join().unwrap());
                task.apply_async().unwrap()
            })
            .collect();
        pool.terminate();
        for handle in handles {
            assert!(matches!(handle.get(), Ok(()) | Err(TaskError::Terminated)));
        }
    }
}

// covers F-26 F-27
#[test]
fn the_drain_may_drop_the_last_owner_of_the_pool() {
    for _ in 0..50 {
        let pool = ThreadPool::builder().workers(4).drop_policy(DropPolicy::Join).build().unwrap();
        let handle = pool.handle();
        let slot = Arc::new(Mutex::new(Some(pool)));
        for _ in 0..6 {
            let inside = Arc::clone(&slot);
            handle.spawn(move || drop(inside)).unwrap();
        }
        let owner = slot.lock().unwrap().take();
        let last = handle.apply_async(move || drop(owner));
        handle.terminate();
        drop(last.map(|result| result.get()));
    }
}

// covers F-18 RES-12
#[test]
fn terminate_also_resolves_tasks_that_a_worker_has_just_taken_along() {
    for _ in 0..200 {
        let pool = ThreadPool::new(2).unwrap();
        let gate = Gate::new();
        let handles: Vec<_> = (0..200)
            .map(|i| {
                let pass = gate.clone();
                pool.apply_async(move || {
                    if i % 16 == 0 {
                        pass.wait()
                    }
                })
                .unwrap()
            })
            .collect();
        pool.terminate();
        // All but the two that run, and those already done, are resolved while these two are still blocked.
        let pending = || handles.iter().filter(|handle| !handle.ready()).count();
        while pending() > 2 {
            std::thread::yield_now();
        }
        gate.open();
        pool.join().unwrap();
        assert_eq!(pending(), 0);
    }
}

// covers NEST-02
#[test]
fn a_waiting_worker_takes_part_in_a_batch_that_another_has_begun() {
    let pool = ThreadPool::new(2).unwrap();
    let met = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let begun = Gate::new();
        let begins = begun.clone();
        let batch = pool.batch(
            move |_: u32| {
                begins.open();
                barrier.wait();
            },
            0..2,
        );
        let batch = batch.chunksize(1).map_async().unwrap();
        // The other worker is in one of the two items; only this one can do the other.
        begun.wait();
        batch.get()
    });
    met.unwrap().unwrap();
}

// covers CB-11 RES-02
#[test]
fn a_batch_whose_callback_panicked_was_not_successful() {
    let pool = ThreadPool::new(1).unwrap();
    let batch = pool.batch(|x: u32| x, 0..3).callback(|_| panic!("too late")).map_async().unwrap();
    batch.wait();
    assert_eq!(batch.successful(), Ok(false));
    assert!(matches!(batch.get(), Err(TaskError::CallbackPanicked { cause: None, .. })));
}

/// Panics when dropped, and counts.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("in a drop");
    }
}

// covers F-03 F-05
#[test]
fn several_bad_drops_in_one_outcome_harm_no_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = |_: u32| {
        let drops = Arc::clone(&drops);
        move || Bomb(Arc::clone(&drops))
    };
    // Values of a batch that nobody takes, dropped by the handle and by the worker.
    let make = bomb(0);
    pool.map_async(move |_| make(), 0..3).unwrap().wait();
    let make = bomb(0);
    pool.map_async(move |_| make(), 0..3).unwrap().detach();
    // Values that a panicking callback leaves behind.
    let make = bomb(0);
    let batch = pool
        .batch(move |_: u32| make(), 0..3)
        .callback(|_| panic!("too late"))
        .map_async()
        .unwrap();
    assert!(matches!(batch.get(), Err(TaskError::CallbackPanicked { .. })));
    // A payload and another one in its cause.
    let (first, second) = (bomb(0), bomb(0));
    let task = pool.task(move || -> u32 { std::panic::panic_any(first()) });
    let task = task.error_callback(move |_| std::panic::panic_any(second())).apply_async().unwrap();
    task.wait();
    drop(task);
    pool.close();
    pool.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 3 + 3 + 3 + 2);
}

// covers MAP-13
#[test]
fn fail_fast_stops_a_batch_at_its_first_failure() {
    let pool = ThreadPool::new(1).unwrap();
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let batch = pool.batch(
        move |x: u32| {
            count.fetch_add(1, Ordering::Relaxed);
            assert!(x < 100, "no more");
        },
        0..10_000,
    );
    assert_eq!(batch.fail_fast(true).map().unwrap_err().item(), Some(100));
    assert_eq!(begun.load(Ordering::Relaxed), 101);
}

// covers F-18
#[test]
fn a_slow_tail_of_a_batch_is_shared_with_another_worker() {
    let pool = ThreadPool::new(2).unwrap();
    // After a long run of quick items comes one that cannot end before another worker has done the last.
    let barrier = Barrier::new(2);
    let slow = pool.map(
        |x: u32| {
            if x == 5_000 || x == 9_999 {
                barrier.wait();
            }
        },
        0..10_000,
    );
    slow.unwrap();
}
