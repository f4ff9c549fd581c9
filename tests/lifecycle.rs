//! How a pool begins and ends: the rows NEW, INIT, LIFE of the parity table, and the faults of threads and life cycles.

mod common;

use common::{Gate, hold_up, threads};
use millpond::{
    AsyncResult, BuildError, DropPolicy, JoinError, PoolHandle, SubmitErrorKind, TaskError,
    ThreadPool,
};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

// ---- construction ----

#[test]
fn new_01_as_many_workers_as_the_process_may_use() {
    let pool = ThreadPool::builder().build().unwrap();
    assert_eq!(pool.workers(), std::thread::available_parallelism().map_or(1, usize::from));
}

#[test]
fn new_02_f15_zero_workers() {
    let error = ThreadPool::new(0).unwrap_err();
    assert!(matches!(error, BuildError::ZeroWorkers));
    assert_eq!(error.to_string(), "Number of processes must be at least 1");
}

#[test]
fn f15_more_workers_than_can_be_counted() {
    let error = ThreadPool::new(1 << 20).unwrap_err();
    assert!(
        matches!(error, BuildError::TooManyWorkers { asked, limit: 0xffff } if asked == 1 << 20),
        "{error}"
    );
}

#[test]
fn f15_a_name_with_a_nul_byte() {
    let error =
        ThreadPool::builder().workers(1).thread_name(|_| "a\0b".into()).build().unwrap_err();
    assert!(matches!(error, BuildError::ThreadName { ref name } if name == "a\0b"), "{error}");
}

#[test]
fn new_05_f12_a_thread_that_the_system_refuses() {
    let error = ThreadPool::builder().workers(3).stack_size(1 << 46).build().unwrap_err();
    assert!(matches!(error, BuildError::Spawn { started: 0, .. }), "{error}");
    assert!(error.source().is_some());
}

#[test]
fn new_09_debug_says_state_and_size() {
    let pool = ThreadPool::new(2).unwrap();
    let inside = pool.apply(|| format!("{:?}", PoolHandle::current().unwrap())).unwrap();
    assert!(
        inside.starts_with("ThreadPool { state: Run, workers: 2, queued: 0, active: "),
        "{inside}"
    );
    assert!(!inside.ends_with("active: 0 }"), "{inside}");
    pool.close();
    pool.join().unwrap();
    assert_eq!(
        format!("{pool:?}"),
        "ThreadPool { state: Close, workers: 2, queued: 0, active: 0 }"
    );
}

#[test]
fn new_10_threads_are_named() {
    let name = || std::thread::current().name().map(str::to_owned);
    assert_eq!(ThreadPool::new(1).unwrap().apply(name).unwrap().as_deref(), Some("millpond-0"));
    let pool = ThreadPool::builder().workers(1).thread_name_prefix("tern").build().unwrap();
    assert_eq!(pool.apply(name).unwrap().as_deref(), Some("tern-0"));
}

#[test]
fn new_04_new_06_n_threads_at_once_and_no_other() {
    common::alone("new_04_new_06_n_threads_at_once_and_no_other", || {
        let before = threads();
        let pool = ThreadPool::new(3).unwrap();
        assert_eq!(threads(), before + 3);
        pool.close();
        pool.join().unwrap();
        assert_eq!(threads(), before);
    });
}

// ---- initializer and exit hook ----

#[test]
fn init_01_init_07_hooks_run_once_per_worker() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (begin, end) = (Arc::clone(&seen), Arc::clone(&seen));
    let pool = ThreadPool::builder()
        .workers(3)
        .initializer(move |worker| begin.lock().unwrap().push(("begin", worker)))
        .on_worker_exit(move |worker| end.lock().unwrap().push(("end", worker)))
        .build()
        .unwrap();
    pool.close();
    pool.join().unwrap();
    let mut seen = Arc::into_inner(seen).expect("join has dropped the hooks").into_inner().unwrap();
    for worker in 0..3 {
        let turns: Vec<_> =
            seen.iter().filter(|(_, w)| *w == worker).map(|(what, _)| *what).collect();
        assert_eq!(turns, ["begin", "end"]);
    }
    seen.sort_unstable();
    assert_eq!(seen.len(), 6);
}

/// What an exit hook owns. The worker that drops it says so, and passes the gate.
struct Owned(Gate, Gate);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.open();
        self.1.wait();
    }
}

#[test]
fn init_07_life_16_a_pool_has_not_ended_before_its_exit_hooks_have() {
    let [hook, hook_ends, drops, drop_ends] = [(); 4].map(|()| Gate::new());
    let owned = Owned(drops.clone(), drop_ends.clone());
    let (begun, pass) = (hook.clone(), hook_ends.clone());
    let on_exit = move |_| {
        let _ = &owned;
        begun.open();
        pass.wait();
    };
    let pool = ThreadPool::builder().workers(1).on_worker_exit(on_exit).build().unwrap();
    pool.close();
    hook.wait();
    assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::TimedOut), "the hook runs");
    hook_ends.open();
    drops.wait();
    let joined = pool.join_timeout(Duration::ZERO);
    assert_eq!(joined, Err(JoinError::TimedOut), "what the hook owns is being dropped");
    drop_ends.open();
    assert_eq!(pool.join_timeout(Duration::MAX), Ok(()));
    pool.join().unwrap();
}

#[test]
fn init_04_tasks_queue_until_an_initializer_is_done() {
    let gate = Gate::new();
    let opens = gate.clone();
    let pool = ThreadPool::builder().workers(1).initializer(move |_| opens.wait()).build().unwrap();
    let result = pool.apply_async(|| 1).unwrap();
    assert!(!result.ready());
    gate.open();
    assert_eq!(result.get().unwrap(), 1);
}

#[test]
fn init_05_hang_01_f13_a_panicking_initializer_breaks_the_pool() {
    for workers in [1, 4] {
        let gate = Gate::new();
        let opens = gate.clone();
        let pool = ThreadPool::builder()
            .workers(workers)
            .initializer(move |worker| {
                opens.wait();
                if worker == 0 {
                    panic!("no database");
                }
            })
            .build()
            .unwrap();
        let pending = pool.apply_async(|| 1).unwrap();
        gate.open();
        match pending.get() {
            Err(TaskError::Broken(why)) => assert_eq!(why.message(), Some("no database")),
            // Another worker may have been ready first.
            Ok(1) => assert!(workers > 1),
            other => panic!("{other:?}"),
        }
        // Refused from now on, or, if it slipped in before, resolved.
        loop {
            match pool.apply_async(|| 1) {
                Err(refused) => break assert_eq!(refused.kind(), SubmitErrorKind::Broken),
                Ok(result) => drop(result.get()),
            }
        }
        let error = pool.apply(|| 1).unwrap_err();
        assert!(matches!(error, TaskError::NotSubmitted(SubmitErrorKind::Broken)), "{error}");
        pool.join().unwrap();
    }
}

#[test]
fn f14_an_initializer_may_submit_but_not_wait() {
    let (send, receive) = std::sync::mpsc::channel::<PoolHandle>();
    let receive = Mutex::new(receive);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let pool = ThreadPool::builder()
        .workers(1)
        .initializer(move |_| {
            let pool = receive.lock().unwrap().recv().unwrap();
            assert!(PoolHandle::current().is_none());
            let error = pool.apply(|| 1).unwrap_err();
            let handle = pool.apply_async(|| 2).unwrap();
            assert!(!handle.wait());
            tell.lock().unwrap().push((error.to_string(), handle.get().unwrap_err().to_string()));
            pool.spawn(|| ()).unwrap();
        })
        .build()
        .unwrap();
    send.send(pool.handle()).unwrap();
    pool.apply(|| ()).unwrap();
    let said = TaskError::<std::convert::Infallible>::WouldDeadlock.to_string();
    assert_eq!(*told.lock().unwrap(), [(said.clone(), said)]);
}

// ---- close, join, terminate ----

#[test]
fn life_02_life_05_close_finishes_everything_accepted() {
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

#[test]
fn life_03_f22_join_of_a_running_pool() {
    let pool = ThreadPool::new(1).unwrap();
    let error = pool.join().unwrap_err();
    assert_eq!(
        (error, error.to_string().as_str()),
        (JoinError::StillRunning, "Pool is still running")
    );
    assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::StillRunning));
}

#[test]
fn life_04_life_08_f24_close_terminate_and_join_may_be_repeated_from_several_threads() {
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

#[test]
fn life_06_f23_terminate_discards_what_is_queued_and_lets_the_running_finish() {
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
    assert_eq!(
        errors.load(Ordering::Relaxed),
        10,
        "life_06_cb_18: error callbacks run on the terminating thread"
    );
    assert_eq!(pool.join_timeout(Duration::from_millis(1)), Err(JoinError::TimedOut));
    gate.open();
    pool.join().unwrap();
    assert_eq!(running.get().unwrap(), "finished");
}

#[test]
fn f18_terminate_reaches_the_deque_of_a_blocked_worker() {
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

#[test]
fn life_13_f27_hang_19_a_worker_ends_its_own_pool() {
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

#[test]
fn cb_17_workers_may_submit_while_the_pool_closes_and_nobody_else() {
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

#[test]
fn app_07_f20_a_closed_pool_gives_the_work_back() {
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
        "map_11: even if there is nothing"
    );
}

// ---- dropping the pool ----

#[test]
fn life_09_f25_what_dropping_the_pool_does() {
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

#[test]
fn f26_the_pool_is_dropped_by_its_own_worker() {
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

#[test]
fn f28_res_17_a_result_outlives_its_pool() {
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

#[test]
fn f18_f43_one_blocked_worker_does_not_hold_up_the_others() {
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

#[test]
fn f48_more_workers_than_processors() {
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
