//! Negative controls: what the harness must find, and must fail with again when the schedule is replayed.

use crate::harness::{control, control_at_random};
use crate::items::{Item, Times};
use millpond_shuttle::ThreadPool;
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::sync::mpsc;
use shuttle::thread;
use std::sync::Arc;

/// A flag and a sleeper, without the last look between announcing oneself and going to sleep.
#[test]
fn a_lost_wake_up_is_a_deadlock() {
    control("lost wake-up", "deadlock!", 1_000, || {
        let (set, announced) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (wake, sleep) = mpsc::channel();
        let waker = {
            let (set, announced) = (Arc::clone(&set), Arc::clone(&announced));
            thread::spawn(move || {
                set.store(true, Ordering::SeqCst);
                if announced.load(Ordering::SeqCst) {
                    wake.send(()).unwrap();
                }
                // Kept, or its end would wake the sleeper.
                std::mem::forget(wake);
            })
        };
        if !set.load(Ordering::SeqCst) {
            announced.store(true, Ordering::SeqCst);
            sleep.recv().unwrap();
        }
        waker.join().unwrap();
    });
}

#[test]
fn a_pool_that_nobody_ends_is_a_deadlock() {
    control("a pool that nobody ends", "deadlock!", 100, || {
        let pool = ThreadPool::new(2).unwrap();
        assert_eq!(pool.apply(|| 1).unwrap(), 1);
        std::mem::forget(pool);
    });
}

/// A handle that is neither dropped nor used keeps its block.
#[test]
fn a_block_that_nobody_frees_is_a_leak() {
    control("a handle that is forgotten", "blocks leaked", 100, || {
        let pool = ThreadPool::new(2).unwrap();
        std::mem::forget(pool.apply_async(|| 1).unwrap());
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn an_item_that_nobody_drops_is_a_leak() {
    control("an item that is forgotten", "items leaked", 100, || {
        let pool = ThreadPool::new(2).unwrap();
        pool.apply(|| std::mem::forget(Item::new(1))).unwrap();
        pool.close();
        pool.join().unwrap();
    });
}

/// Two pools that each wait for a task of the other: saturated by tasks that wait for what is queued behind them.
#[test]
fn a_ring_of_saturated_pools_is_a_deadlock() {
    control("a ring of saturated pools", "deadlock!", 1_000, || {
        let pools = [ThreadPool::new(1).unwrap(), ThreadPool::new(1).unwrap()];
        let ran = Times::default();
        let rings = [0, 1].map(|own| {
            let (other, ran) = (pools[1 - own].handle(), ran.clone());
            pools[own].apply_async(move || other.apply(|| ran.one_more()).unwrap()).unwrap()
        });
        for ring in rings {
            ring.get().unwrap();
        }
        for pool in pools {
            pool.terminate();
            pool.join().unwrap();
        }
    });
}

/// A user's bug: two tasks look into a cache, and both find nothing. The page on model checking
/// promises that this is found soon, with more workers than a loom model can have.
#[test]
fn a_cache_that_two_tasks_fill_is_found_soon() {
    control_at_random("a cache that is filled twice", "7 is squared once", 100, || {
        let pool = ThreadPool::new(8).unwrap();
        let (known, computed) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let tasks = [(); 8].map(|()| {
            let (known, computed) = (Arc::clone(&known), Arc::clone(&computed));
            let square = move || {
                let there: Option<u32> = *known.lock().unwrap();
                there.unwrap_or_else(|| {
                    computed.fetch_add(1, Ordering::SeqCst);
                    *known.lock().unwrap().insert(49)
                })
            };
            pool.apply_async(square).unwrap()
        });
        for task in tasks {
            assert_eq!(task.get().unwrap(), 49);
        }
        pool.close();
        pool.join().unwrap();
        assert_eq!(computed.load(Ordering::SeqCst), 1, "7 is squared once");
    });
}
