//! Work that waits for work of its own pool, and scopes.

use crate::harness::check;
use crate::items::{Item, Times, job};
use millpond_shuttle::{AsyncResult, PoolHandle, TaskError, ThreadPool, as_completed};
use shuttle::sync::{Barrier, mpsc};
use shuttle::thread;
use std::sync::Arc;

/// A call within a call, and a batch within it.
fn nested(ran: &Times) -> u32 {
    let pool = PoolHandle::current().expect("this is a worker");
    let called = pool.apply_async(job(10, ran)).unwrap();
    let mapped = pool
        .map(|value| PoolHandle::current().unwrap().apply(move || Item::new(value)), 0..3)
        .unwrap();
    let sum: u32 = mapped.into_iter().map(|item| item.unwrap().value).sum();
    sum + called.get().unwrap().value
}

#[test]
fn calls_and_batches_within_calls() {
    check("nested ‖ nested, two workers", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let callers = [(); 2].map(|()| {
            let pool = pool.handle();
            thread::spawn(move || {
                let ran = Times::default();
                assert_eq!(pool.apply(|| nested(&ran)).unwrap(), 13);
                assert_eq!(ran.get(), 1);
            })
        });
        for caller in callers {
            caller.join().unwrap();
        }
        pool.close();
        pool.join().unwrap();
    });
}

/// As many tasks as workers, from outside and from inside, each of which ends only when all have begun: while a task is queued
/// no worker sleeps.
#[test]
fn tasks_that_meet() {
    check("tasks that meet, of two submitters and a worker", 4_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let meeting = Arc::new(Barrier::new(3));
        let [first, second, third] = [(); 3].map(|()| {
            let meeting = Arc::clone(&meeting);
            move || {
                meeting.wait();
            }
        });
        let submitter = {
            let pool = pool.handle();
            thread::spawn(move || pool.spawn(first).unwrap())
        };
        pool.spawn(move || {
            PoolHandle::current().expect("this is a worker").spawn(second).unwrap();
            third();
        })
        .unwrap();
        submitter.join().unwrap();
        pool.close();
        pool.join().unwrap();
    });
}

/// So many that a worker takes several at once: those that it then has in its deque are not left behind a task that blocks.
#[test]
fn a_task_that_waits_for_all_behind_it() {
    check("a task that waits for ten behind it", 6_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let (done, all_done) = mpsc::channel();
        let first = pool.apply_async(move || all_done.into_iter().sum::<u32>()).unwrap();
        let submitting = pool.handle();
        let submitter = thread::spawn(move || {
            for _ in 0..10 {
                let done = done.clone();
                submitting.spawn(move || done.send(1).unwrap()).unwrap();
            }
        });
        assert_eq!(first.get().unwrap(), 10);
        submitter.join().unwrap();
        pool.close();
        pool.join().unwrap();
    });
}

/// Calls `f` from within so many tasks. Each of them waits for the next one, which so lies above it
/// on the stack.
fn further_up<R: Send + 'static>(tasks: u32, f: impl FnOnce() -> R + Send + 'static) -> R {
    let Some(left) = tasks.checked_sub(1) else { return f() };
    let pool = PoolHandle::current().expect("this is a worker");
    pool.apply_async(move || further_up(left, f)).unwrap().get().unwrap()
}

/// Whether every wait for this handle is refused.
fn is_refused(own: AsyncResult<()>) -> bool {
    let waited = own.wait();
    let (_, group) = as_completed([own]).next().expect("a handle that is stuck comes out too");
    !waited && matches!(group.get(), Err(TaskError::WouldDeadlock))
}

/// To wait would be a deadlock: the task ends only when the wait does.
#[test]
fn a_task_that_waits_for_itself_from_further_up_its_stack() {
    check("self-wait, none to three frames down", 400, || {
        let pool = ThreadPool::new(1).unwrap();
        for frames in 0..4 {
            let (give, own) = mpsc::channel();
            let (tell, told) = mpsc::channel();
            let handle = pool.apply_async(move || {
                let own = own.recv().unwrap();
                tell.send(further_up(frames, move || is_refused(own))).unwrap();
            });
            give.send(handle.unwrap()).unwrap();
            assert!(told.recv().unwrap(), "{frames} frames down");
        }
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn calls_within_calls_beside_terminate() {
    check("nested ‖ terminate", 2_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let callers = [(); 2].map(|()| {
            let pool = pool.handle();
            thread::spawn(move || {
                pool.apply(|| {
                    let pool = PoolHandle::current().expect("this is a worker");
                    let inner = pool.apply_async(|| Item::new(1)).map_err(|refused| refused.kind());
                    inner.map(|inner| inner.get().map(|item| item.value))
                })
            })
        });
        pool.terminate();
        pool.join().unwrap();
        for caller in callers {
            match caller.join().unwrap() {
                Ok(Ok(inner)) => {
                    assert!(matches!(inner, Ok(1) | Err(TaskError::Terminated)), "{inner:?}")
                }
                Ok(Err(_)) => {}
                Err(error) => {
                    assert!(
                        matches!(error, TaskError::Terminated | TaskError::NotSubmitted(_)),
                        "{error:?}"
                    )
                }
            }
        }
    });
}

#[test]
fn scopes_with_tasks_that_submit_tasks() {
    check("scope, tasks submit tasks ‖ scope in a task", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let inside = pool.handle();
        let other = thread::spawn(move || {
            inside.apply(|| {
                let (pool, ran) =
                    (PoolHandle::current().expect("this is a worker"), Times::default());
                pool.scope(|scope| {
                    scope.spawn(|| scope.spawn(|| ran.one_more()).unwrap()).unwrap()
                });
                ran.get()
            })
        });
        let ran = Times::default();
        let borrowed = Item::new(5);
        let got = pool.scope(|scope| {
            let first = scope.apply_async(|| {
                scope.spawn(|| ran.one_more()).unwrap();
                Item::new(borrowed.value)
            });
            scope.spawn(|| scope.spawn(|| ran.one_more()).unwrap()).unwrap();
            first.unwrap().get().unwrap().value
        });
        assert_eq!((got, ran.get()), (5, 2), "a scope ends after its tasks");
        assert_eq!(other.join().unwrap().unwrap(), 1);
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn a_scope_beside_terminate() {
    check("scope ‖ terminate", 2_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ending = pool.handle();
        let ender = thread::spawn(move || ending.terminate());
        let (ran, accepted) = (Times::default(), Times::default());
        let borrowed = Item::new(5);
        pool.scope(|scope| {
            for _ in 0..3 {
                let task = || {
                    assert_eq!(borrowed.value, 5);
                    ran.one_more();
                };
                if scope.spawn(task).is_ok() {
                    accepted.one_more();
                }
            }
        });
        assert!(ran.get() <= accepted.get());
        drop(borrowed);
        ender.join().unwrap();
        pool.join().unwrap();
    });
}
