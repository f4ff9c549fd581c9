//! Who owns a pool, where it goes, and what finds it gone.

mod common;

use common::{Gate, alone, threads, until_threads};
use millpond::{DropPolicy, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::cell::RefCell;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

const POLICIES: [DropPolicy; 3] = [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain];

// covers F-25
#[test]
fn a_pool_may_be_dropped_while_its_tasks_panic() {
    for policy in POLICIES {
        let pool = ThreadPool::builder().workers(2).drop_policy(policy).build().unwrap();
        let (begun, gate) = ([Gate::new(), Gate::new()], Gate::new());
        let running = [0, 1].map(|i| {
            let (begins, pass) = (begun[i].clone(), gate.clone());
            let task = move || -> usize {
                begins.open();
                pass.wait();
                panic!("while the pool is being dropped");
            };
            pool.apply_async(task).unwrap()
        });
        begun.iter().for_each(Gate::wait);
        let queued = [(); 10].map(|()| pool.apply_async(|| -> usize { panic!("queued") }).unwrap());
        let dropper = thread::spawn(move || drop(pool));
        if policy != DropPolicy::Drain {
            queued.iter().for_each(|result| assert!(result.wait()));
        }
        gate.open();
        dropper.join().unwrap();
        for result in running {
            let error = result.get().unwrap_err();
            assert!(matches!(error, TaskError::Panicked(_)), "{error}");
        }
        for result in queued {
            match result.get().unwrap_err() {
                TaskError::Terminated => assert_ne!(policy, DropPolicy::Drain),
                TaskError::Panicked(_) => assert_eq!(policy, DropPolicy::Drain),
                other => panic!("{other}"),
            }
        }
    }
}

/// What only its threads keep: gone when the last worker is out.
fn watched(workers: usize, policy: DropPolicy) -> (ThreadPool, Receiver<()>) {
    let (kept, gone) = channel::<()>();
    let builder = ThreadPool::builder().workers(workers).drop_policy(policy);
    (builder.on_worker_exit(move |_| _ = &kept).build().unwrap(), gone)
}

// covers F-26
#[test]
fn a_worker_may_drop_the_last_owner_in_a_value_a_callback_or_a_closure() {
    for policy in POLICIES {
        for workers in [1, 2] {
            for keeper in 0..4 {
                let (pool, gone) = watched(workers, policy);
                let pool = Arc::new(pool);
                let (handle, gate) = (pool.handle(), Gate::new());
                let (inside, pass) = (Arc::clone(&pool), gate.clone());
                match keeper {
                    // A value that nobody takes.
                    0 => {
                        let task = move || {
                            pass.wait();
                            inside
                        };
                        pool.apply_async(task).unwrap().detach();
                    }
                    // A callback.
                    1 => {
                        let task = pool.task(move || pass.wait()).callback(move |()| drop(inside));
                        task.apply_async().unwrap().detach();
                    }
                    // What a task has captured.
                    2 => pool
                        .spawn(move || {
                            let _inside = inside;
                            pass.wait();
                        })
                        .unwrap(),
                    // The values of a batch.
                    _ => {
                        let each = move |_: u32| {
                            pass.wait();
                            Arc::clone(&inside)
                        };
                        pool.map_async(each, 0..3).unwrap().detach();
                    }
                }
                drop(pool);
                gate.open();
                assert!(gone.recv().is_err(), "the workers left: {policy:?}, {workers}, {keeper}");
                let refused = handle.apply_async(|| ()).unwrap_err();
                assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
            }
        }
    }
}

// covers F-29
#[test]
fn a_stop_reaches_a_worker_that_is_about_to_sleep() {
    for round in 0..1_000_u32 {
        let pool = ThreadPool::builder().workers(2).stack_size(64 * 1024).build().unwrap();
        pool.apply(|| ()).unwrap();
        // Its workers are on their way to sleep: from awake to sound asleep, by the round.
        for _ in 0..round % 100 * 20 {
            std::hint::spin_loop();
        }
        if round % 2 == 0 {
            pool.close();
        } else {
            pool.terminate();
        }
        pool.join().unwrap();
    }
}

// covers F-30
#[test]
fn a_pool_may_be_sent_moved_and_kept_in_a_static() {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    // Sent, with work in it, by a channel into another thread, which ends it there.
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let result = pool.apply_async(move || pass.wait()).unwrap();
    let (send, receive) = channel::<ThreadPool>();
    let owner = thread::spawn(move || {
        let pool = Box::new(receive.recv().unwrap());
        gate.open();
        pool.close();
        pool.join().unwrap();
    });
    send.send(pool).unwrap();
    owner.join().unwrap();
    assert!(result.ready());
    // Moved about, also while a stream and a batch of it are alive.
    let pool = ThreadPool::new(2).unwrap();
    let batch = pool.map_async(|x: u32| x, 0..1_000).unwrap();
    let mut stream = pool.imap(|x: u32| x, 0..1_000).unwrap();
    let first = stream.next().unwrap().unwrap();
    let mut pools = vec![Some(pool)];
    pools.reserve(100);
    let pool = Arc::new(Mutex::new(pools.remove(0)));
    let rest = thread::spawn(move || stream.map(Result::unwrap).sum::<u32>()).join().unwrap();
    assert_eq!((first + rest, batch.get().unwrap().len()), (499_500, 1_000));
    drop(pool.lock().unwrap().take());
    // In a static: never dropped, used by many.
    let users: Vec<_> = (0..4_u32)
        .map(|i| {
            thread::spawn(move || {
                POOL.get_or_init(|| ThreadPool::new(2).unwrap()).apply(|| i).unwrap()
            })
        })
        .collect();
    assert_eq!(users.into_iter().map(|user| user.join().unwrap()).sum::<u32>(), 6);
}

// covers F-30
#[test]
fn a_leaked_pool_leaks_its_threads_and_nothing_more() {
    alone("a_leaked_pool_leaks_its_threads_and_nothing_more", || {
        let before = threads();
        let pool = ThreadPool::new(3).unwrap();
        let (handle, gate) = (pool.handle(), Gate::new());
        let pass = gate.clone();
        let captured = Arc::new(());
        let held = Arc::clone(&captured);
        let pending = pool.apply_async(move || (held, pass.wait())).unwrap();
        std::mem::forget(pool);
        gate.open();
        drop(pending.get().unwrap());
        assert_eq!(Arc::strong_count(&captured), 1);
        assert_eq!(handle.apply(|| 1).unwrap(), 1, "who has a handle may go on");
        assert_eq!(threads(), before + 3);
        // A leaked result leaks its value; the pool does not miss it.
        std::mem::forget(handle.apply_async(|| vec![1]).unwrap());
        handle.close();
        until_threads(before);
        assert!(matches!(
            handle.apply(|| 1),
            Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))
        ));
    });
}

/// Does something when its thread ends.
struct AtTheEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.take().expect("once")();
    }
}

thread_local! {
    static AT_THE_END: RefCell<Vec<AtTheEnd>> = const { RefCell::new(Vec::new()) };
}

fn at_the_end(f: impl FnOnce() + 'static) {
    AT_THE_END.with(|all| all.borrow_mut().push(AtTheEnd(Some(Box::new(f)))));
}

/// Submits in each way, and says how that was refused; then what came of calls that wait.
fn refusals(pool: &PoolHandle) -> (Vec<SubmitErrorKind>, [TaskError; 2]) {
    let refused = [
        pool.apply_async(|| 1).map(drop).map_err(|refused| refused.kind()),
        pool.spawn(|| ()).map_err(|refused| refused.kind()),
        pool.map_async(|x: u32| x, 0..3).map(drop).map_err(|refused| refused.kind()),
        pool.imap(|x: u32| x, 0..3).map(drop).map_err(|refused| refused.kind()),
    ];
    let waits = [pool.apply(|| 1).unwrap_err(), pool.map(|x: u32| x, 0..3).unwrap_err()];
    (refused.into_iter().map(Result::unwrap_err).collect(), waits)
}

// covers F-16
#[test]
fn a_thread_local_of_a_worker_is_refused_while_the_pool_ends() {
    for policy in [None, Some(DropPolicy::Join), Some(DropPolicy::Terminate)] {
        let pool = match policy {
            None => ThreadPool::new(2).unwrap(),
            Some(policy) => ThreadPool::builder().workers(2).drop_policy(policy).build().unwrap(),
        };
        let (tell, told) = channel();
        let handle = pool.handle();
        pool.apply(move || {
            at_the_end(move || {
                assert!(PoolHandle::current().is_none());
                handle.close();
                tell.send(refusals(&handle)).unwrap();
            });
        })
        .unwrap();
        match policy {
            None => {
                pool.close();
                pool.join().unwrap();
            }
            Some(_) => drop(pool),
        }
        let refusals = told.recv().unwrap();
        let (refused, waits) = refusals;
        assert_eq!(refused, [SubmitErrorKind::NotRunning; 4]);
        let refused = |error: &TaskError| {
            matches!(error, TaskError::NotSubmitted(SubmitErrorKind::NotRunning))
        };
        assert!(waits.iter().all(refused), "{waits:?}");
    }
}

// covers F-16
#[test]
fn a_thread_local_of_another_thread_may_use_a_running_pool() {
    let pool = Arc::new(ThreadPool::new(1).unwrap());
    let inside = Arc::clone(&pool);
    let (tell, told) = channel();
    let user = thread::spawn(move || {
        inside.apply(|| ()).unwrap();
        at_the_end(move || {
            let sum: u32 = inside.imap(|x: u32| x, 0..10).unwrap().map(Result::unwrap).sum();
            tell.send((
                inside.apply(|| 1).unwrap(),
                inside.map_async(|x: u32| x, 0..3).unwrap().get().unwrap(),
                sum,
            ))
            .unwrap();
        });
    });
    user.join().unwrap();
    assert_eq!(told.recv().unwrap(), (1, vec![0, 1, 2], 45));
}
