//! How a pool ends, and that its workers go on until then: the rows LIFE of the parity table, and
//! the faults of life cycles. How it begins is in tests/construction.rs.

mod common;

use common::{Gate, hold_up};
use millpond::{
    AsyncResult, DropPolicy, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

// ---- close, join, terminate ----

// covers LIFE-02 LIFE-05
#[test]
fn close_finishes_everything_accepted() {
    let pool = ThreadPool::new(2).unwrap();
    let results: Vec<_> = (0..100).map(|i| pool.apply_async(move || i).unwrap()).collect();
    pool.close();
    pool.close();
    assert_eq!(pool.apply_async(|| 0).unwrap_err().kind(), SubmitErrorKind::NotRunning);
    pool.join().unwrap();
    for (i, result) in results.into_iter().enumerate() {
        assert!(result.ready());
        assert_eq!(result.get().unwrap(), i);
    }
}

// covers LIFE-03 F-22
#[test]
fn join_of_a_running_pool_is_an_error() {
    let pool = ThreadPool::new(1).unwrap();
    let error = pool.join().unwrap_err();
    assert_eq!(
        (error, error.to_string().as_str()),
        (JoinError::StillRunning, "Pool is still running")
    );
    assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::StillRunning));
}

// covers LIFE-04 LIFE-08 F-24
#[test]
fn close_terminate_and_join_may_be_repeated_from_several_threads() {
    let pool = ThreadPool::new(2).unwrap();
    let results: Vec<_> = (0..50).map(|i| pool.apply_async(move || i).unwrap()).collect();
    std::thread::scope(|scope| {
        for turn in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                if turn % 2 == 0 {
                    pool.terminate();
                } else {
                    pool.close();
                }
                pool.join().unwrap();
                pool.join().unwrap();
            });
        }
    });
    for result in results {
        assert!(matches!(result.try_get().unwrap(), Ok(_) | Err(TaskError::Terminated)));
    }
}

// covers LIFE-06 F-23
#[test]
fn terminate_discards_queued_tasks_and_lets_the_running_one_finish() {
    let pool = ThreadPool::new(1).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let running = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            "finished"
        })
        .unwrap();
    entered.wait();
    let errors = Arc::new(AtomicUsize::new(0));
    let queued: Vec<_> = (0..10)
        .map(|_| {
            let errors = Arc::clone(&errors);
            let task = pool.task(|| ()).error_callback(move |error| {
                assert!(matches!(error, TaskError::Terminated));
                errors.fetch_add(1, Ordering::Relaxed);
            });
            task.apply_async().unwrap()
        })
        .collect();
    let batch = pool.map_async(|i| i, 0..10).unwrap();
    pool.terminate();
    // Resolved by the time terminate returns, though the only worker is busy.
    for result in queued {
        assert!(matches!(result.try_get().unwrap(), Err(TaskError::Terminated)));
    }
    assert!(matches!(batch.try_get().unwrap(), Err(TaskError::Terminated)));
    assert_eq!(errors.load(Ordering::Relaxed), 10, "error callbacks run on the terminating thread");
    assert_eq!(pool.join_timeout(Duration::from_millis(1)), Err(JoinError::TimedOut));
    gate.open();
    pool.join().unwrap();
    assert_eq!(running.get().unwrap(), "finished");
}

// covers F-18
#[test]
fn terminate_reaches_the_deque_of_a_blocked_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let (send, receive) = std::sync::mpsc::channel();
    pool.spawn(move || {
        let inner = PoolHandle::current().unwrap().apply_async(|| 1).unwrap();
        send.send(inner).unwrap();
        pass.wait();
    })
    .unwrap();
    let inner: AsyncResult<i32> = receive.recv().unwrap();
    pool.terminate();
    assert!(matches!(inner.try_get().unwrap(), Err(TaskError::Terminated)));
    gate.open();
}

// covers LIFE-13 F-27 HANG-19
#[test]
fn a_worker_may_end_its_own_pool_but_not_join_it() {
    let pool = Arc::new(ThreadPool::new(1).unwrap());
    let inner = Arc::clone(&pool);
    let result = pool
        .apply_async(move || {
            inner.close();
            let refused = inner.join();
            inner.terminate();
            refused
        })
        .unwrap();
    assert_eq!(result.get().unwrap(), Err(JoinError::WouldDeadlock));
    pool.join().unwrap();
}

// covers CB-17
#[test]
fn only_workers_may_submit_while_the_pool_closes() {
    let pool = ThreadPool::new(2).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let chain = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            let pool = PoolHandle::current().unwrap();
            let next = pool.apply_async(|| PoolHandle::current().unwrap().apply(|| 3)).unwrap();
            next.get().unwrap().unwrap()
        })
        .unwrap();
    entered.wait();
    pool.close();
    assert!(pool.apply_async(|| 0).is_err());
    gate.open();
    pool.join().unwrap();
    assert_eq!(chain.get().unwrap(), 3);
}

// covers APP-07 F-20
#[test]
fn a_closed_pool_gives_the_work_back() {
    let pool = ThreadPool::new(1).unwrap();
    pool.close();
    let word = String::from("kept");
    let refused = pool.apply_async(move || word).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (SubmitErrorKind::NotRunning, "Pool not running")
    );
    assert_eq!(refused.into_task()(), "kept");
    let refused = pool.batch(|x| x, [1]).chunksize(1).map_async().unwrap_err();
    assert!(matches!(
        refused.into_task().map(),
        Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))
    ));
    assert!(
        matches!(pool.map(|x: i32| x, []), Err(TaskError::NotSubmitted(_))),
        "even if there is nothing"
    );
}

// ---- dropping the pool ----

// covers LIFE-09 F-25
#[test]
fn dropping_a_pool_does_what_its_drop_policy_says() {
    for policy in [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain] {
        let pool = ThreadPool::builder().workers(1).drop_policy(policy).build().unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let running = pool
            .apply_async(move || {
                enter.open();
                pass.wait();
            })
            .unwrap();
        let queued = pool.apply_async(|| 5).unwrap();
        entered.wait();
        let queued = match policy {
            DropPolicy::Terminate => {
                drop(pool);
                assert!(!running.ready(), "dropping does not wait for the running task");
                gate.open();
                queued
            }
            _ => {
                let opener = std::thread::spawn(move || {
                    if policy == DropPolicy::Join {
                        // Only when the drop has begun.
                        queued.wait();
                    }
                    gate.open();
                    queued
                });
                drop(pool);
                assert!(running.ready(), "dropping waits for the running task");
                opener.join().unwrap()
            }
        };
        match queued.get() {
            Ok(value) => assert_eq!((value, policy), (5, DropPolicy::Drain)),
            Err(error) => {
                assert!(matches!(error, TaskError::Terminated));
                assert_ne!(policy, DropPolicy::Drain);
            }
        }
        running.get().unwrap();
    }
}

// covers F-26
#[test]
fn a_pool_may_be_dropped_by_its_own_worker() {
    for policy in [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain] {
        let pool = ThreadPool::builder().workers(2).drop_policy(policy).build().unwrap();
        let handle = pool.handle();
        let slot = Arc::new(Mutex::new(Some(pool)));
        let inside = Arc::clone(&slot);
        let result = handle.apply_async(move || drop(inside.lock().unwrap().take())).unwrap();
        result.get().unwrap();
        assert!(handle.apply(|| 1).is_err());
    }
}

// covers F-28 RES-17
#[test]
fn a_result_outlives_its_pool() {
    let pool = ThreadPool::new(1).unwrap();
    let done = pool.apply_async(|| String::from("there")).unwrap();
    done.wait();
    let gate = hold_up(&pool);
    let queued = pool.apply_async(String::new).unwrap();
    drop(pool);
    gate.open();
    assert_eq!(done.get().unwrap(), "there");
    assert!(matches!(queued.get(), Err(TaskError::Terminated)));
}

// ---- a worker goes on whatever tasks do ----

// covers F-18 F-43
#[test]
fn one_blocked_worker_does_not_hold_up_the_others() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let (send, receive) = std::sync::mpsc::channel();
    pool.spawn(move || {
        // Into this worker's own deque, from where the other must take them.
        let pool = PoolHandle::current().unwrap();
        for i in 0..100 {
            send.send(pool.apply_async(move || i).unwrap()).unwrap();
        }
        pass.wait();
    })
    .unwrap();
    let sum: usize = receive.iter().take(100).map(|result| result.get().unwrap()).sum();
    assert_eq!(sum, 4950);
    gate.open();
}

// covers F-48
#[test]
fn more_workers_than_processors_all_make_progress() {
    let pool = ThreadPool::new(64).unwrap();
    let barrier = Arc::new(Barrier::new(64));
    let results: Vec<_> = (0..64)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            pool.apply_async(move || barrier.wait().is_leader()).unwrap()
        })
        .collect();
    let leaders =
        results.into_iter().filter_map(|result| result.get().unwrap().then_some(())).count();
    assert_eq!(leaders, 1);
}

#[test]
fn a_wide_idle_pool_closes_at_once() {
    let pool = ThreadPool::builder().workers(512).stack_size(64 * 1024).build().unwrap();
    pool.map(|i: u32| i, 0..512).unwrap();
    pool.close();
    pool.join().unwrap();
}
