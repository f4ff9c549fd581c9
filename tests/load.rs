//! Great numbers: of tasks, of queued tasks, of pools. Nothing recurses, and what was used is given back.

mod common;

use common::{Gate, alone, descriptors, hold_up, threads, until_threads};
use millpond::{AsyncResult, DropPolicy, TaskError, ThreadPool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Knows how much memory is in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// What may remain: the memory of a pool, and what the deques' reclamation has not yet reclaimed.
const LITTLE: usize = 1 << 20;

/// Ten million where the compiler optimises. Without that they take longer than the other tests of this file together,
/// and it is a fifth of them.
const EMPTY_TASKS: usize = if cfg!(debug_assertions) { 2_000_000 } else { 10_000_000 };

// covers F-42
#[test]
fn millions_of_empty_tasks_leave_no_memory_behind() {
    alone("millions_of_empty_tasks_leave_no_memory_behind", || {
        static RAN: AtomicUsize = AtomicUsize::new(0);
        let before = in_use();
        let pool = ThreadPool::new(2).unwrap();
        // Submitted from outside, from inside, and as items, in equal parts.
        let part = EMPTY_TASKS / 4;
        let empty = || _ = RAN.fetch_add(1, Ordering::Relaxed);
        for _ in 0..part {
            pool.spawn(empty).unwrap();
        }
        pool.scope(|s| {
            for _ in 0..part {
                s.spawn(empty).unwrap();
            }
        });
        let inside = move || {
            let pool = millpond::PoolHandle::current().unwrap();
            (0..part).for_each(|_| pool.spawn(empty).unwrap());
        };
        pool.apply(inside).unwrap();
        pool.map(|_| empty(), 0..part).unwrap();
        pool.close();
        pool.join().unwrap();
        drop(pool);
        assert_eq!(RAN.load(Ordering::Relaxed), 4 * part);
        // The buffer of the deque that held them all is reclaimed when other deques have been used for a while.
        while in_use() >= before + LITTLE {
            let pool = ThreadPool::new(2).unwrap();
            let inside = || {
                let pool = millpond::PoolHandle::current().unwrap();
                (0..1000).for_each(|_| pool.spawn(|| ()).unwrap());
            };
            pool.apply(inside).unwrap();
            pool.close();
            pool.join().unwrap();
        }
    });
}

/// How queued tasks come to their end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Terminate,
    DropPool,
    Cancel,
}

/// A pool whose only worker is held up, with a gate that lets it go on.
fn held_up() -> (ThreadPool, Gate) {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    (pool, gate)
}

const QUEUED: usize = 1_000_000;

/// Queues a million tasks, lets `end` make an end of them, and looks at what is left of the memory.
fn queue_a_million(
    what: &str,
    queue: impl FnOnce(&ThreadPool, &Arc<()>) -> Vec<AsyncResult<()>>,
    end: impl FnOnce(ThreadPool, Vec<AsyncResult<()>>) -> Option<ThreadPool>,
) {
    let before = in_use();
    let (pool, gate) = held_up();
    let captured = Arc::new(());
    let handles = queue(&pool, &captured);
    assert_eq!(Arc::strong_count(&captured), QUEUED + 1);
    let most = in_use();
    assert!(most > before + 40 * QUEUED, "{what}: they are there");
    let pool = end(pool, handles);
    assert_eq!(
        Arc::strong_count(&captured),
        1,
        "{what}: each was dropped, though the worker is held up"
    );
    gate.open();
    if let Some(pool) = pool {
        pool.close();
        pool.join().unwrap();
    }
    let left = in_use().saturating_sub(before);
    assert!(left < LITTLE, "{what}: of {} bytes {left} are left", most - before);
}

// covers F-42
#[test]
fn a_million_queued_tasks_that_never_run_are_all_dropped() {
    alone("a_million_queued_tasks_that_never_run_are_all_dropped", || {
        for end in [End::Terminate, End::DropPool, End::Cancel] {
            let queue = |pool: &ThreadPool, captured: &Arc<()>| {
                let task = |_| {
                    let held = Arc::clone(captured);
                    pool.apply_async(move || drop(held)).unwrap()
                };
                (0..QUEUED).map(task).collect()
            };
            queue_a_million(&format!("{end:?}"), queue, |pool, handles| {
                let mut pool = Some(pool);
                match end {
                    End::Terminate => pool.as_ref().unwrap().terminate(),
                    End::DropPool => drop(pool.take()),
                    End::Cancel => assert!(handles.iter().all(AsyncResult::cancel)),
                }
                let expected = |error| match error {
                    TaskError::Terminated => end != End::Cancel,
                    TaskError::Cancelled => end == End::Cancel,
                    _ => false,
                };
                assert!(handles.into_iter().all(|handle| expected(handle.get().unwrap_err())));
                pool
            });
        }
    });
}

// covers F-42
#[test]
fn a_million_queued_tasks_may_each_own_the_handle_of_another() {
    alone("a_million_queued_tasks_may_each_own_the_handle_of_another", || {
        for owns_the_next in [false, true] {
            let queue = |pool: &ThreadPool, captured: &Arc<()>| {
                let (mut others, mut last) = (Vec::new(), None);
                for _ in 0..QUEUED {
                    let held = Arc::clone(captured);
                    if owns_the_next {
                        let next = Arc::new(OnceLock::new());
                        let inside = Arc::clone(&next);
                        let handle = pool.apply_async(move || drop((held, inside))).unwrap();
                        match last.replace(next) {
                            Some(next_of_last) => next_of_last.set(handle).unwrap(),
                            None => others.push(handle),
                        }
                    } else {
                        let previous: Option<AsyncResult<()>> = others.pop();
                        others.push(pool.apply_async(move || drop((held, previous))).unwrap());
                    }
                }
                others
            };
            queue_a_million(&format!("owns the next: {owns_the_next}"), queue, |pool, handles| {
                pool.terminate();
                assert_eq!(handles.len(), 1);
                drop(handles);
                Some(pool)
            });
        }
    });
}

/// What may grow from pool to pool.
fn costs() -> (usize, usize) {
    (threads(), descriptors())
}

// covers F-31
#[test]
fn a_thousand_pools_leave_nothing_behind() {
    const POOLS: usize = 1_000;
    alone("a_thousand_pools_leave_nothing_behind", || {
        let use_one = |round: usize| {
            let policy = [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain][round % 3];
            let builder =
                ThreadPool::builder().workers(2).stack_size(64 * 1024).drop_policy(policy);
            let pool = builder.build().unwrap();
            let result = pool.apply_async(move || vec![round; 100]).unwrap();
            assert_eq!(pool.map(|x: usize| x, 0..10).unwrap().len(), 10);
            assert_eq!(pool.imap(|x: usize| x, 0..10).unwrap().count(), 10);
            pool.spawn(|| ()).unwrap();
            assert_eq!(result.get().unwrap()[99], round);
            if round % 2 == 0 {
                pool.close();
                pool.join().unwrap();
            }
        };
        let at_first = threads();
        (0..POOLS / 10).for_each(use_one);
        // Workers of pools that were dropped without a wait are on their way out.
        until_threads(at_first);
        let (before, used_before) = (costs(), in_use());
        (0..POOLS).for_each(use_one);
        until_threads(at_first);
        assert_eq!(costs(), before, "threads and descriptors");
        let grown = in_use().saturating_sub(used_before);
        assert!(grown < 64 * POOLS, "{grown} bytes more after {POOLS} pools");
    });
}
