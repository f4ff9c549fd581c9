//! Scopes: tasks that borrow from the stack (F-49, F-50).

mod common;

use common::Gate;
use millpond::{AsyncResult, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

// covers F-50
#[test]
fn a_scope_ends_after_all_its_tasks() {
    /// As good as leaked, but a leak detector finds them.
    static KEPT: Mutex<Vec<AsyncResult<bool>>> = Mutex::new(Vec::new());
    for workers in [1, 2, 4] {
        let pool = ThreadPool::new(workers).unwrap();
        let mut cells = vec![0; 100];
        let (words, sum) = (vec![1; 100], AtomicUsize::new(0));
        let left = pool.scope(|s| {
            for (cell, word) in cells.iter_mut().zip(&words) {
                s.spawn(|| *cell = *word).unwrap();
            }
            // From within a task of the scope; and its handle is never dropped.
            let handle = s.apply_async(|| {
                s.spawn(|| _ = sum.fetch_add(words.len(), Ordering::Relaxed)).is_ok()
            });
            KEPT.lock().unwrap().push(handle.unwrap());
            s.apply_async(|| words.len()).unwrap()
        });
        assert_eq!(cells, words);
        assert_eq!(sum.load(Ordering::Relaxed), 100);
        assert!(left.ready());
        assert_eq!(left.get().unwrap(), 100);
    }
}

// covers F-50
#[test]
fn a_scope_whose_body_panics_waits_for_its_tasks() {
    let pool = ThreadPool::new(2).unwrap();
    let (gate, done) = (Gate::new(), AtomicUsize::new(0));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    gate.wait();
                    done.fetch_add(1, Ordering::Relaxed);
                })
                .unwrap();
            }
            gate.open();
            panic!("in the body");
        });
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"in the body"));
    assert_eq!(done.load(Ordering::Relaxed), 10);
}

// covers F-50 F-04
#[test]
fn a_scope_waits_though_a_submission_is_refused_and_a_payload_is_bad() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    let pool = ThreadPool::new(2).unwrap();
    let done = AtomicUsize::new(0);
    pool.scope(|s| {
        s.spawn(|| std::panic::panic_any(Bomb)).unwrap();
        s.spawn(|| _ = done.fetch_add(1, Ordering::Relaxed)).unwrap();
        pool.close();
        let refused = s.spawn(|| unreachable!()).unwrap_err();
        assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
    });
    assert_eq!(done.load(Ordering::Relaxed), 1);
}

// covers F-50
#[test]
fn a_scope_ends_though_its_pool_is_terminated_inside() {
    let pool = ThreadPool::new(1).unwrap();
    let (entered, gate, ran) = (Gate::new(), Gate::new(), AtomicUsize::new(0));
    let queued = pool.scope(|s| {
        s.spawn(|| {
            entered.open();
            gate.wait();
            ran.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        entered.wait();
        let queued = s.apply_async(|| ran.fetch_add(1, Ordering::Relaxed)).unwrap();
        pool.terminate();
        gate.open();
        queued
    });
    assert!(matches!(queued.get(), Err(TaskError::Terminated)));
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

// covers NEST-01
#[test]
fn a_worker_waits_for_its_own_scope() {
    for workers in [1, 2] {
        let pool = ThreadPool::new(workers).unwrap();
        let total = pool.map(
            |x: u64| {
                let pool = PoolHandle::current().unwrap();
                let mut parts = [0; 10];
                pool.scope(|s| {
                    for (i, part) in (0..).zip(&mut parts) {
                        s.spawn(move || *part = x * i).unwrap();
                    }
                });
                parts.iter().sum::<u64>()
            },
            0..20,
        );
        assert_eq!(total.unwrap(), (0..20).map(|x| x * 45).collect::<Vec<_>>());
    }
}

// covers F-50
#[test]
fn the_outcome_of_a_dropped_handle_is_gone_before_the_scope_ends() {
    /// Looks at what it borrows when it is dropped.
    struct Looks<'a>(&'a AtomicUsize);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let pool = ThreadPool::new(2).unwrap();
    for _ in 0..200 {
        let drops = AtomicUsize::new(0);
        pool.scope(|s| {
            for _ in 0..4 {
                drop(s.apply_async(|| Looks(&drops)).unwrap());
            }
        });
        assert_eq!(drops.into_inner(), 4);
    }
}
