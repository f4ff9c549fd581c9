//! A handle is a future of no particular runtime: under tokio, under smol, and under a bare `block_on`.

mod common;
mod parity;

use common::Gate;
use millpond::{AsyncResult, TaskError, ThreadPool};
use parity::Ledger;
use smol::future::{yield_now, zip};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The three, each as a way to run a future to its end.
fn runtimes<F: Future<Output = ()>>(body: impl Fn(&'static str) -> F) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    tokio.block_on(body("tokio"));
    smol::block_on(body("smol"));
    pollster::block_on(body("pollster"));
}

/// A task that is held until the gate is opened.
fn gated<T: Send + 'static>(pool: &ThreadPool, value: T) -> (AsyncResult<T>, Gate) {
    let gate = Gate::new();
    let pass = gate.clone();
    let task = move || {
        pass.wait();
        value
    };
    (pool.apply_async(task).unwrap(), gate)
}

// covers RES-16
#[test]
fn values_errors_and_panics_arrive_under_any_runtime() {
    runtimes(|name| async move {
        let pool = ThreadPool::new(2).unwrap();
        assert_eq!(pool.apply_async(|| 6 * 7).unwrap().await.unwrap(), 42, "{name}");
        let all = pool.map_async(|x: u32| x, 0..1_000).unwrap().await.unwrap();
        assert_eq!(all.into_iter().sum::<u32>(), 499_500, "{name}");
        let failed = pool.try_apply_async(|| "https".parse::<u16>()).unwrap().await;
        assert!(matches!(failed, Err(TaskError::Failed { item: None, .. })), "{name}");
        let panicked = pool.apply_async(|| panic!("in the task")).unwrap().await;
        assert!(matches!(panicked, Err::<(), _>(TaskError::Panicked(_))), "{name}");
        // Awaited long before it is done: the waker has to work.
        let (held, gate) = gated(&pool, "late");
        let opener = async {
            yield_now().await;
            gate.open();
        };
        let (value, ()) = zip(held, opener).await;
        assert_eq!(value.unwrap(), "late", "{name}");
    });
}

// covers RES-16
#[test]
fn many_tasks_of_a_runtime_may_await_one_pool() {
    let pool = Arc::new(ThreadPool::new(2).unwrap());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let square = |pool: Arc<ThreadPool>, x: u64| async move {
        pool.apply_async(move || x * x).unwrap().await.unwrap()
    };
    let total = tokio.block_on(async {
        let tasks: Vec<_> = (0..200).map(|x| tokio::spawn(square(Arc::clone(&pool), x))).collect();
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        total
    });
    assert_eq!(total, (0..200).map(|x| x * x).sum::<u64>());
    let executor = smol::Executor::new();
    let total = smol::block_on(executor.run(async {
        let tasks: Vec<_> =
            (0..200).map(|x| executor.spawn(square(Arc::clone(&pool), x))).collect();
        let mut total = 0;
        for task in tasks {
            total += task.await;
        }
        total
    }));
    assert_eq!(total, (0..200).map(|x| x * x).sum::<u64>());
}

// covers RES-16
#[test]
fn the_end_of_the_pool_wakes_every_awaiting_task() {
    runtimes(|name| async move {
        let pool = ThreadPool::new(1).unwrap();
        let (held, gate) = gated(&pool, ());
        let (queued, cancelled) =
            (pool.apply_async(|| 1).unwrap(), pool.apply_async(|| 2).unwrap());
        assert!(cancelled.cancel());
        let end = async {
            yield_now().await;
            pool.terminate();
        };
        let (queued, ()) = zip(queued, end).await;
        assert!(matches!(queued, Err(TaskError::Terminated)), "{name}");
        assert!(matches!(cancelled.await, Err(TaskError::Cancelled)), "{name}");
        gate.open();
        let _either_way = held.await;
    });
}

// covers RES-16
#[test]
fn a_handle_that_lost_a_race_can_be_awaited_again() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    tokio.block_on(async {
        let pool = ThreadPool::new(1).unwrap();
        let (mut held, gate) = gated(&pool, "in the end");
        for _ in 0..3 {
            // The branch that waits for the pool is polled, leaves its waker, and is dropped.
            tokio::select! {
                biased;
                _ = &mut held => panic!("it is held"),
                () = yield_now() => {}
            }
        }
        // It moves to another task, and so to another waker.
        let task = tokio::spawn(held);
        tokio::task::yield_now().await;
        gate.open();
        assert_eq!(task.await.unwrap().unwrap(), "in the end");
    });
}

// covers RES-16
#[test]
fn aborting_a_task_of_the_runtime_leaves_the_work_alone() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let ledger = Ledger::new();
    let pool = ThreadPool::new(1).unwrap();
    let (held, gate) = gated(&pool, ledger.value(false));
    tokio.block_on(async {
        let task = tokio::spawn(held);
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(ledger.dropped(), 0, "dropping the future cancels nothing");
    gate.open();
    pool.close();
    pool.join().unwrap();
    ledger.settle("the value of a task that nobody waits for");
}

/// Counts how often it is woken, and how many of it there are.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// covers RES-16
#[test]
fn the_last_waker_hears_of_a_task_that_ends_while_wakers_are_replaced() {
    let pool = ThreadPool::new(1).unwrap();
    let (mut woken, mut ready_at_once) = (0, 0);
    for round in 0..2_000 {
        let mut result = pool.apply_async(move || round).unwrap();
        let alarms: [Arc<Alarm>; 3] = Default::default();
        let mut last = None;
        for (which, alarm) in alarms.iter().enumerate() {
            let waker = Waker::from(Arc::clone(alarm));
            match Pin::new(&mut result).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => {
                    assert_eq!(value.unwrap(), round);
                    ready_at_once += 1;
                    last = None;
                    break;
                }
                Poll::Pending => last = Some(which),
            }
        }
        if let Some(last) = last {
            // Only the last waker counts, and it is woken: nothing else brings this round to its end.
            while alarms[last].0.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            woken += 1;
            assert_eq!(last, 2);
            assert_eq!(result.get().unwrap(), round);
        }
        // When the worker is done with the task it has let go of every waker.
        pool.apply(|| ()).unwrap();
        for alarm in &alarms {
            assert_eq!(Arc::strong_count(alarm), 1, "a waker was kept");
            assert!(alarm.0.load(Ordering::SeqCst) <= 1, "woken once at most");
        }
        if let Some(last) = last {
            assert!(
                alarms[..last].iter().all(|alarm| alarm.0.load(Ordering::SeqCst) == 0),
                "replaced"
            );
        }
    }
    assert_eq!(woken + ready_at_once, 2_000);
}

// covers RES-16
#[test]
fn a_future_may_be_dropped_while_its_task_ends() {
    let pool = ThreadPool::new(1).unwrap();
    let (ledger, alarm) = (Ledger::new(), Arc::new(Alarm::default()));
    let waker = Waker::from(Arc::clone(&alarm));
    for _ in 0..2_000 {
        let value = ledger.value(false);
        let mut result = pool.apply_async(move || value).unwrap();
        let polled = Pin::new(&mut result).poll(&mut Context::from_waker(&waker));
        drop(result);
        drop(polled);
    }
    pool.close();
    pool.join().unwrap();
    ledger.settle("values of dropped futures");
    drop(waker);
    assert_eq!(Arc::strong_count(&alarm), 1, "no waker is left");
}
