//! Waiting inside tasks: the rows NEST of the parity table, and the faults of re-entrancy.

mod common;

use common::Gate;
use millpond::{AsyncResult, PoolHandle, TaskError, ThreadPool, Timeout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn current() -> PoolHandle {
    PoolHandle::current().expect("inside a task")
}

// covers NEST-01 F-32
#[test]
fn a_worker_runs_the_work_that_it_waits_for() {
    let pool = ThreadPool::new(1).unwrap();
    let here = |()| thread::current().id();
    let (outer, inner) = pool
        .apply(move || {
            let pool = current();
            let one = pool.apply_async(move || here(())).unwrap().get().unwrap();
            let waited = pool.apply_async(move || here(())).unwrap();
            assert!(waited.wait());
            let two = waited.get().unwrap();
            let three = pool.apply(|| here(())).unwrap();
            let many = pool.map_async(here, [(); 10]).unwrap().get().unwrap();
            let all = [vec![one, two, three], many, pool.map(here, [(); 10]).unwrap()].concat();
            (thread::current().id(), all)
        })
        .unwrap();
    assert_eq!(inner, [outer; 23]);
}

// covers NEST-01 F-32
#[test]
fn a_wait_with_a_time_limit_runs_nothing() {
    let pool = ThreadPool::new(1).unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let sets = Arc::clone(&ran);
    pool.apply(move || {
        let looks = Arc::clone(&sets);
        let inner = current().apply_async(move || sets.store(true, Ordering::Relaxed)).unwrap();
        let batch = current().map_async(|i: u32| i, 0..3).unwrap();
        assert!(
            !inner.wait_timeout(Duration::from_millis(5)) && !batch.wait_timeout(Duration::ZERO)
        );
        let Err(Timeout(inner)) = inner.get_timeout(Duration::from_millis(5)) else {
            panic!("it ran")
        };
        let Err(Timeout(batch)) = batch.get_timeout(Duration::from_millis(5)) else {
            panic!("it ran")
        };
        assert!(!looks.load(Ordering::Relaxed));
        inner.get().unwrap();
        assert!(looks.load(Ordering::Relaxed), "a wait without one does");
        assert_eq!(batch.get().unwrap(), [0, 1, 2]);
    })
    .unwrap();
}

// covers NEST-01
#[test]
fn a_worker_waits_for_work_that_runs_elsewhere() {
    let pool = ThreadPool::new(2).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let elsewhere = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            thread::current().id()
        })
        .unwrap();
    entered.wait();
    let (send, receive) = channel();
    let waits = pool
        .apply_async(move || {
            send.send(()).unwrap();
            (elsewhere.get().unwrap(), thread::current().id())
        })
        .unwrap();
    receive.recv().unwrap();
    assert!(!waits.wait_timeout(Duration::from_millis(5)));
    gate.open();
    let (elsewhere, here) = waits.get().unwrap();
    assert_ne!(elsewhere, here);
}

// covers NEST-01
#[test]
fn a_task_may_wait_for_one_from_outside() {
    // Its entry is in the common queue behind the task that waits for it.
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    pool.spawn(move || pass.wait()).unwrap();
    let (send, receive) = channel::<AsyncResult<u32>>();
    let outer = pool.apply_async(move || receive.recv().unwrap().get().unwrap() + 1).unwrap();
    send.send(pool.apply_async(|| 1).unwrap()).unwrap();
    gate.open();
    assert_eq!(outer.get().unwrap(), 2);
}

// covers NEST-03 F-34
#[test]
fn a_waiting_worker_runs_nothing_that_it_does_not_wait_for() {
    let pool = ThreadPool::new(1).unwrap();
    // Held across every wait below: to run one of the unrelated tasks there would block for ever.
    let lock = Arc::new(Mutex::new(0));
    let gate = Gate::new();
    let pass = gate.clone();
    let holds = Arc::clone(&lock);
    let outer = pool
        .apply_async(move || {
            pass.wait();
            let pool = current();
            let unrelated = |_| {
                let lock = Arc::clone(&holds);
                move || *lock.lock().unwrap() += 1
            };
            // Unrelated work is older and newer than what is awaited, in the own deque and in the common queue.
            (0..5).map(unrelated).for_each(|task| pool.spawn(task).unwrap());
            let awaited = pool.apply_async(|| 7).unwrap();
            let batch = pool.map_async(|i: u32| i, 0..100).unwrap();
            (0..5).map(unrelated).for_each(|task| pool.spawn(task).unwrap());
            let held = holds.lock().unwrap();
            let value = awaited.get().unwrap();
            let sum: u32 = batch.get().unwrap().into_iter().sum();
            let nested = pool.map(|i| pool.apply(|| i).unwrap(), 0..10).unwrap().len();
            assert_eq!(*held, 0);
            (value, sum, nested)
        })
        .unwrap();
    for _ in 0..5 {
        let lock = Arc::clone(&lock);
        pool.spawn(move || *lock.lock().unwrap() += 1).unwrap();
    }
    gate.open();
    assert_eq!(outer.get().unwrap(), (7, 4950, 10));
    pool.close();
    pool.join().unwrap();
    assert_eq!(*lock.lock().unwrap(), 15, "they ran afterwards");
}

/// A map in each item of a map, this deep.
fn nest(depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    // Two items where it is cheap, so that other workers take part; one on the way down.
    let items = if depth % 16 == 0 { 2 } else { 1 };
    current().map(|_| nest(depth - 1), 0..items).unwrap().into_iter().sum()
}

// covers NEST-02 F-33
#[test]
fn maps_complete_when_nested_64_deep() {
    for workers in [1, 2] {
        let pool = ThreadPool::builder().workers(workers).stack_size(16 << 20).build().unwrap();
        assert_eq!(pool.map(|_| nest(63), 0..4).unwrap(), [8; 4]);
    }
}

/// Chains of handles, each awaited by the task above it.
fn countdown(from: u32) -> u32 {
    match from {
        0 => 0,
        _ => current().apply_async(move || countdown(from - 1)).unwrap().get().unwrap() + 1,
    }
}

// covers NEST-01 F-33
#[test]
fn a_chain_of_64_awaited_tasks_completes() {
    for workers in [1, 2] {
        let pool = ThreadPool::builder().workers(workers).stack_size(16 << 20).build().unwrap();
        assert_eq!(pool.apply(|| countdown(64)).unwrap(), 64);
    }
}

// covers NEST-01
#[test]
fn a_panic_in_nested_work_belongs_to_the_nested_work() {
    let pool = ThreadPool::new(1).unwrap();
    let inside = || {
        let pool = current();
        let errors = [
            pool.apply(|| panic!("apply")).unwrap_err(),
            pool.apply_async(|| panic!("async")).unwrap().get().unwrap_err(),
            pool.map(|_| panic!("map"), [()]).map(|_: Vec<()>| ()).unwrap_err(),
        ];
        errors.map(|error: TaskError| error.to_string())
    };
    let said = pool.apply(inside).unwrap();
    assert_eq!(
        said,
        ["the task panicked: apply", "the task panicked: async", "item 0: the task panicked: map"]
    );
}

// covers NEST-04 F-35
#[test]
fn a_chain_through_several_pools_completes() {
    let pools = Arc::new([(); 4].map(|()| ThreadPool::new(1).unwrap()));
    fn along(pools: &Arc<[ThreadPool; 4]>, at: usize) -> usize {
        match pools.get(at) {
            None => 0,
            Some(pool) => {
                let next = Arc::clone(pools);
                pool.apply_async(move || along(&next, at + 1)).unwrap().get().unwrap() + 1
            }
        }
    }
    assert_eq!(along(&pools, 0), 4);
    // A worker of one pool is an outsider to the others: it waits, and runs nothing of theirs.
    let (a, b) = (&pools[0], &pools[1]);
    let (in_a, in_b) =
        a.apply(|| (thread::current().id(), b.apply(|| thread::current().id()).unwrap())).unwrap();
    assert_ne!(in_a, in_b);
}

thread_local! {
    static TURN: Cell<u32> = const { Cell::new(0) };
}

// covers NEST-05
#[test]
fn thread_local_state_persists_between_the_tasks_of_a_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let next = || TURN.replace(TURN.get() + 1) + 1;
    let turns: Vec<_> = (0..3).map(|_| pool.apply(next).unwrap()).collect();
    assert_eq!(turns, [1, 2, 3]);
    assert_eq!(TURN.get(), 0, "not the caller's");
}

// covers NEST-02
#[test]
fn two_workers_share_a_nested_batch() {
    let pool = ThreadPool::new(2).unwrap();
    let together = AtomicUsize::new(0);
    let (first, second) = (Gate::new(), Gate::new());
    // The two items of the inner map are in hand at the same time, each of them waits for the other.
    let inner = |i: u32| {
        let (mine, other) = if i == 0 { (&first, &second) } else { (&second, &first) };
        mine.open();
        other.wait();
        together.fetch_add(1, Ordering::Relaxed);
    };
    pool.apply(|| current().map(inner, 0..2).map(drop)).unwrap().unwrap();
    assert_eq!(together.into_inner(), 2);
}
