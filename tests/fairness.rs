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
fn whoever_waits_outside_waits_for_three_of_a_worker_s_own_tasks_at_most() {
    let order = order(100, 5);
    assert_eq!(order.len(), 105);
    let own: Vec<_> = order.split(|what| *what == "outside").map(<[_]>::len).collect();
    assert_eq!(own.len(), 6, "{order:?}");
    assert!(own[..5].iter().all(|own| *own <= 3), "{order:?}");
}

#[test]
fn what_lies_in_a_worker_s_own_queue_counts_as_queued() {
    let pool = ThreadPool::new(1).unwrap();
    let said = pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        pool.spawn(|| ()).unwrap();
        format!("{pool:?}")
    });
    assert!(said.as_ref().unwrap().contains("queued: 1"), "{said:?}");
}
