//! Joins of two halves, on whole pools.

use crate::harness::check;
use crate::items::{Item, Times};
use millpond_shuttle::{Pool, TaskError, ThreadPool};
use shuttle::sync::Mutex;
use shuttle::thread;
use std::sync::Arc;

/// A tree of joins, each leaf of which makes an item. Returns how many leaves there are.
fn tree(pool: &Pool, depth: u32, leaves: &Times) -> Result<u32, TaskError> {
    if depth == 0 {
        leaves.one_more();
        drop(Item::new(depth));
        return Ok(1);
    }
    let half = || tree(pool, depth - 1, leaves);
    let (left, right) = pool.fork_join(half, half)?;
    Ok(left? + right?)
}

#[test]
fn trees_of_joins_side_by_side() {
    check("two trees of joins, three workers", 3_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let leaves = Times::default();
        let other = {
            let (pool, leaves) = (pool.handle(), leaves.clone());
            thread::spawn(move || assert_eq!(tree(&pool, 2, &leaves).unwrap(), 4))
        };
        assert_eq!(tree(&pool, 3, &leaves).unwrap(), 8);
        other.join().unwrap();
        assert_eq!(leaves.get(), 12, "each leaf once");
        pool.close();
        pool.join().unwrap();
    });
}

/// A task that holds a lock while it joins, beside another: an owner that waits runs nothing that wants its lock.
#[test]
fn joins_under_a_lock() {
    check("two tasks that join under one lock", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let (lock, leaves) = (Arc::new(Mutex::new(0)), Times::default());
        let tasks = [(); 2].map(|()| {
            let (handle, lock, leaves) = (pool.handle(), Arc::clone(&lock), leaves.clone());
            let task = move || {
                let mut held = lock.lock().unwrap();
                *held += tree(&handle, 2, &leaves).unwrap();
            };
            pool.apply_async(task).unwrap()
        });
        tasks.into_iter().for_each(|task| task.get().unwrap());
        assert_eq!((*lock.lock().unwrap(), leaves.get()), (8, 8));
        pool.close();
        pool.join().unwrap();
    });
}

/// A pool that is terminated beside a tree: the tree ends, and each leaf has run at most once.
#[test]
fn a_tree_of_joins_beside_terminate() {
    check("a tree of joins ‖ terminate", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let leaves = Times::default();
        let joins = {
            let (pool, leaves) = (pool.handle(), leaves.clone());
            thread::spawn(move || tree(&pool, 3, &leaves))
        };
        pool.terminate();
        match joins.join().unwrap() {
            Ok(all) => assert_eq!(all, 8),
            Err(TaskError::Terminated | TaskError::NotSubmitted(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        assert!(leaves.get() <= 8, "no leaf twice");
        pool.join().unwrap();
    });
}
