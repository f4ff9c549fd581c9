//! Whose turn it is: what a worker's own tasks may not do to those who wait outside. With one worker every order is certain.

mod common;

use common::Gate;
use millpond::{PoolHandle, ThreadPool};
use std::sync::{Arc, Mutex};

/// What has run, in this order.
type Log = Arc<Mutex<Vec<&'static str>>>;

/// A pool of one worker that is held up, with `outside` tasks queued behind what holds it up; that has `own` tasks made by a
/// task of the pool's, and then ends. Says in which order they ran.
fn order(own: usize, outside: usize) -> Vec<&'static str> {
    let (pool, gate, log) = (ThreadPool::new(1).unwrap(), Gate::new(), Log::default());
    let (pass, notes) = (gate.clone(), Arc::clone(&log));
    pool.spawn(move || {
        pass.wait();
        let pool = PoolHandle::current().unwrap();
        for _ in 0..own {
            let notes = Arc::clone(&notes);
            pool.spawn(move || notes.lock().unwrap().push("own")).unwrap();
        }
    })
    .unwrap();
    for _ in 0..outside {
        let notes = Arc::clone(&log);
        pool.spawn(move || notes.lock().unwrap().push("outside")).unwrap();
    }
    gate.open();
    pool.close();
    pool.join().unwrap();
    let log = log.lock().unwrap();
    log.clone()
}

#[test]
fn a_task_from_outside_waits_for_at_most_three_of_a_worker_s_own() {
    let order = order(100, 5);
    assert_eq!(order.len(), 105);
    let own: Vec<_> = order.split(|what| *what == "outside").map(<[_]>::len).collect();
    assert_eq!(own.len(), 6, "{order:?}");
    assert!(own[..5].iter().all(|own| *own <= 3), "{order:?}");
}

/// Of so many tasks that a busy worker begins, one is the oldest of its own queue, and one is the
/// oldest from outside.
const BOUND: usize = 64;

/// A task that logs itself and then submits the next one of so many: its worker's newest.
fn chain(log: &Log, left: usize) {
    log.lock().unwrap().push("newest");
    if let Some(left) = left.checked_sub(1) {
        let log = Arc::clone(log);
        PoolHandle::current().unwrap().spawn(move || chain(&log, left)).unwrap();
    }
}

/// The order in which a worker begins its tasks that never runs out of them. A task submits `old`
/// others and then a chain, of which each task submits the next one. Behind that task lie `outside`
/// tasks in the common queue.
fn order_of_a_busy_worker(old: usize, outside: usize) -> Vec<&'static str> {
    let (pool, gate, log) = (ThreadPool::new(1).unwrap(), Gate::new(), Log::default());
    let note = |what: &'static str| {
        let log = Arc::clone(&log);
        move || log.lock().unwrap().push(what)
    };
    let (pass, notes, first) = (gate.clone(), vec![note("old"); old], Arc::clone(&log));
    pool.spawn(move || {
        pass.wait();
        let pool = PoolHandle::current().unwrap();
        notes.into_iter().for_each(|note| pool.spawn(note).unwrap());
        pool.spawn(move || chain(&first, 20 * BOUND)).unwrap();
    })
    .unwrap();
    (0..outside).for_each(|_| pool.spawn(note("outside")).unwrap());
    gate.open();
    pool.close();
    pool.join().unwrap();
    let log = log.lock().unwrap();
    log.clone()
}

/// How many tasks at most begin until one of these does, as long as one is there.
fn longest_wait(order: &[&str], whose: &str) -> usize {
    let mut waits: Vec<_> = order.split_inclusive(|what| *what == whose).map(<[_]>::len).collect();
    // The last stretch has none of them, unless one of them is the very last.
    if order.last() != Some(&whose) {
        waits.pop();
    }
    waits.into_iter().max().unwrap_or(0)
}

// covers TIME-03
#[test]
fn a_worker_s_oldest_task_begins_though_newer_ones_keep_coming() {
    for old in [1, 5] {
        let order = order_of_a_busy_worker(old, 0);
        assert_eq!(order.len(), old + 20 * BOUND + 1);
        let waited = longest_wait(&order, "old");
        assert!(waited <= BOUND, "the oldest of {old} waits for {waited} tasks to begin");
    }
}

// covers TIME-03
#[test]
fn a_busy_worker_begins_the_oldest_task_of_both_kinds() {
    let order = order_of_a_busy_worker(5, 10 * BOUND);
    for whose in ["old", "outside"] {
        let waited = longest_wait(&order, whose);
        assert!(waited <= BOUND, "the oldest of {whose} waits for {waited} tasks to begin");
    }
}

#[test]
fn a_task_in_a_worker_s_own_queue_counts_as_queued() {
    let pool = ThreadPool::new(1).unwrap();
    let said = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        pool.spawn(|| ()).unwrap();
        format!("{pool:?}")
    });
    assert!(said.as_ref().unwrap().contains("queued: 1"), "{said:?}");
}
