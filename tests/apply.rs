//! One-off tasks and their failures: the rows APP and ERR of the parity table.

mod common;

use common::Gate;
use millpond::{PoolHandle, TaskError, ThreadPool};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

// covers APP-01
#[test]
fn apply_waits_for_a_worker_and_gives_the_value() {
    let pool = ThreadPool::new(1).unwrap();
    let caller = thread::current().id();
    let words = [String::from("tarn"), String::from("mere")];
    // The function borrows from the caller's stack, and is called with arguments by capturing them.
    let (joined, worker) = pool.apply(|| (words.join(" "), thread::current().id())).unwrap();
    assert_eq!(joined, "tarn mere");
    assert_ne!(worker, caller, "a caller from outside runs nothing itself");
}

// covers APP-02 ERR-04
#[test]
fn both_ways_to_call_give_the_same_failure() {
    let pool = ThreadPool::new(1).unwrap();
    let fail = || -> u32 { panic_any(17_u64) };
    for error in [pool.apply(fail).unwrap_err(), pool.apply_async(fail).unwrap().get().unwrap_err()]
    {
        let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
        assert_eq!(panic.downcast_ref::<u64>(), Some(&17));
        assert_eq!(panic.message(), None);
    }
    // Python's `apply` raises in the caller what the function has raised.
    let error = pool.apply(fail).unwrap_err();
    let payload = catch_unwind(AssertUnwindSafe(|| error.resume())).unwrap_err();
    assert_eq!(*payload.downcast::<u64>().unwrap(), 17);
}

// covers APP-04
#[test]
fn submitting_never_waits_for_the_queue() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    pool.spawn(move || pass.wait()).unwrap();
    let results: Vec<_> = (0..10_000_u64).map(|i| pool.apply_async(move || i).unwrap()).collect();
    assert!(results.iter().all(|result| !result.ready()), "the only worker is busy");
    gate.open();
    let sum: u64 = results.into_iter().map(|result| result.get().unwrap()).sum();
    assert_eq!(sum, 49_995_000);
}

// covers APP-05
#[test]
fn a_task_runs_whether_or_not_its_handle_is_kept() {
    let pool = ThreadPool::new(2).unwrap();
    let (send, receive) = channel();
    let sender = |what| {
        let send = send.clone();
        move || send.send(what).unwrap()
    };
    pool.apply_async(sender("detached")).unwrap().detach();
    drop(pool.apply_async(sender("dropped")).unwrap());
    pool.spawn(sender("spawned")).unwrap();
    drop(pool.task(sender("task")).apply_async().unwrap());
    drop(send);
    pool.close();
    pool.join().unwrap();
    let mut seen: Vec<_> = receive.into_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, ["detached", "dropped", "spawned", "task"]);
}

// covers APP-06
#[test]
fn one_worker_starts_tasks_in_the_order_of_submission() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    pool.spawn(move || pass.wait()).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    for i in 0..20 {
        let order = Arc::clone(&order);
        pool.spawn(move || order.lock().unwrap().push(i)).unwrap();
    }
    gate.open();
    pool.close();
    pool.join().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

// covers APP-06
#[test]
fn a_task_s_own_submissions_start_newest_first() {
    let pool = ThreadPool::new(1).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&order);
    pool.apply(move || {
        let pool = PoolHandle::current().unwrap();
        for i in 0..5 {
            let order = Arc::clone(&inner);
            pool.spawn(move || order.lock().unwrap().push(i)).unwrap();
        }
    })
    .unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(*order.lock().unwrap(), [4, 3, 2, 1, 0]);
}

// covers APP-09
#[test]
fn threads_tasks_and_callbacks_may_submit() {
    let pool = ThreadPool::new(2).unwrap();
    let (send, receive) = channel();
    thread::scope(|scope| {
        for _ in 0..3 {
            let (pool, handle, send) = (&pool, pool.handle(), send.clone());
            scope.spawn(move || {
                let by_reference = send.clone();
                pool.spawn(move || by_reference.send("thread").unwrap()).unwrap();
                // From inside a task, and from its callback.
                let (task, callback) = (send.clone(), send);
                let follow = handle.clone();
                let nested = handle.clone();
                handle
                    .task(move || nested.spawn(move || task.send("task").unwrap()).unwrap())
                    .callback(move |()| {
                        follow.spawn(move || callback.send("callback").unwrap()).unwrap()
                    })
                    .apply_async()
                    .unwrap()
                    .get()
                    .unwrap();
            });
        }
    });
    drop(send);
    pool.close();
    pool.join().unwrap();
    let mut seen: Vec<_> = receive.into_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, [["callback"; 3], ["task"; 3], ["thread"; 3]].concat());
}

// covers APP-10 CB-07
#[test]
fn a_task_and_its_callback_run_on_the_same_worker() {
    let pool = ThreadPool::new(3).unwrap();
    let (send, receive) = channel();
    let task = pool
        .task(|| thread::current().id())
        .callback(move |id| send.send((*id, thread::current().id())).unwrap());
    let worker = task.apply_async().unwrap().get().unwrap();
    assert_eq!(receive.recv().unwrap(), (worker, worker));
    assert_ne!(worker, thread::current().id());
}

// covers ERR-01 F-01
#[test]
fn a_panic_fails_its_own_task_and_no_other() {
    let pool = ThreadPool::new(1).unwrap();
    let name = || thread::current().id();
    let worker = pool.apply(name).unwrap();
    let results: Vec<_> = (0..10)
        .map(|i| pool.apply_async(move || assert!(i % 2 == 0, "task {i}")).unwrap())
        .collect();
    for (i, result) in results.into_iter().enumerate() {
        match result.get() {
            Ok(()) => assert_eq!(i % 2, 0),
            Err(TaskError::Panicked(panic)) => {
                assert_eq!(panic.message(), Some(&*format!("task {i}")))
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(
        pool.apply(name).unwrap(),
        worker,
        "the worker is the one from before, not a new one"
    );
}

// covers ERR-06 F-01
#[test]
fn an_unawaited_panic_ends_no_worker() {
    let pool = ThreadPool::new(2).unwrap();
    for _ in 0..20 {
        pool.spawn(|| panic!("nobody looks")).unwrap();
        pool.apply_async(|| panic!("nobody looks")).unwrap().detach();
    }
    assert_eq!(pool.apply(|| 1).unwrap(), 1);
    pool.close();
    pool.join().unwrap();
}
