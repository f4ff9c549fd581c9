//! What is told of a result, when, where and how often: the rows CB of the parity table.

mod common;
mod parity;

use common::{Gate, hold_up};
use millpond::{AsyncResult, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool, star};
use parity::Ledger;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

// covers CB-01 CB-02
#[test]
fn one_of_the_two_callbacks_is_called_once() {
    let pool = ThreadPool::new(2).unwrap();
    for fails in [false, true] {
        let (send, receive) = channel();
        let tell = send.clone();
        let result = pool
            .task(move || {
                assert!(!fails, "it fails");
                String::from("value")
            })
            .callback(move |value| send.send(value.clone()).unwrap())
            .error_callback(move |error| tell.send(error.to_string()).unwrap())
            .apply_async()
            .unwrap();
        assert_eq!(result.get().is_err(), fails);
        // Both callbacks are gone, or this would not end.
        let told: Vec<_> = receive.into_iter().collect();
        assert_eq!(told, [if fails { "the task panicked: it fails" } else { "value" }]);
    }
}

// covers CB-03
#[test]
fn a_result_is_ready_only_after_its_callback_has_returned() {
    for fails in [false, true] {
        for batch in [false, true] {
            let pool = ThreadPool::new(1).unwrap();
            let (entered, gate) = (Gate::new(), Gate::new());
            let (enter, pass) = (entered.clone(), gate.clone());
            let returned = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&returned);
            let slow = move || {
                enter.open();
                pass.wait();
                count.fetch_add(1, Ordering::Relaxed);
            };
            let also_slow = slow.clone();
            let each = move |_: u32| assert!(!fails);
            let done_within: Box<dyn Fn(Duration) -> (bool, bool)> = if batch {
                let batch = pool.batch(each, 0..3).callback(move |_: &Vec<()>| slow());
                let result = batch.error_callback(move |_| also_slow()).map_async().unwrap();
                Box::new(move |limit| (result.ready(), result.wait_timeout(limit)))
            } else {
                let task = pool.task(move || each(0)).callback(move |()| slow());
                let result = task.error_callback(move |_| also_slow()).apply_async().unwrap();
                Box::new(move |limit| (result.ready(), result.wait_timeout(limit)))
            };
            entered.wait();
            assert_eq!(
                done_within(Duration::from_millis(5)),
                (false, false),
                "during the callback"
            );
            gate.open();
            assert!(done_within(Duration::MAX).1);
            assert_eq!(returned.load(Ordering::Relaxed), 1, "fails: {fails}, batch: {batch}");
        }
    }
}

// covers CB-04
#[test]
fn a_batch_calls_back_once_with_the_whole_list() {
    let pool = ThreadPool::new(3).unwrap();
    for chunk in [1, 7, 100] {
        let (send, receive) = channel();
        let batch =
            pool.batch(star(|a: u32, b: u32| a * b), (0..50).map(|i| (i, 2))).chunksize(chunk);
        let batch = batch.callback(move |all: &Vec<u32>| send.send(all.clone()).unwrap());
        let values =
            batch.error_callback(|error| panic!("{error}")).map_async().unwrap().get().unwrap();
        assert_eq!(receive.into_iter().collect::<Vec<_>>(), [values]);
    }
}

// covers CB-05
#[test]
fn a_failed_batch_calls_back_once_with_the_first_error_after_all_items() {
    let pool = ThreadPool::new(2).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let (counts, looks) = (Arc::clone(&ran), Arc::clone(&ran));
    let (send, receive) = channel();
    let each = move |i: u32| {
        counts.fetch_add(1, Ordering::Relaxed);
        assert!(i % 3 != 0, "item {i}");
    };
    let result = pool
        .batch(each, 0..30)
        .callback(|_| unreachable!("there are failures"))
        .error_callback(move |error| {
            send.send((error.item(), looks.load(Ordering::Relaxed))).unwrap()
        })
        .map_async()
        .unwrap();
    let error = result.get().unwrap_err();
    assert_eq!(receive.into_iter().collect::<Vec<_>>(), [(error.item(), 30)]);
}

// covers CB-06
#[test]
fn a_function_without_a_value_calls_back_too() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    pool.task(|| ())
        .callback(move |&()| send.send("called").unwrap())
        .apply_async()
        .unwrap()
        .get()
        .unwrap();
    assert_eq!(receive.into_iter().collect::<Vec<_>>(), ["called"]);
}

// covers CB-07
#[test]
fn callbacks_of_different_tasks_may_overlap() {
    let pool = ThreadPool::new(2).unwrap();
    let both = Arc::new(Barrier::new(2));
    let results = [1, 2].map(|i| {
        let both = Arc::clone(&both);
        // Each callback waits until the other one has begun.
        pool.task(move || i)
            .callback(move |_| assert!(both.wait().is_leader() || i > 0))
            .apply_async()
            .unwrap()
    });
    assert_eq!(results.map(|result| result.get().unwrap()), [1, 2]);
}

// covers CB-08
#[test]
fn a_slow_callback_delays_only_its_own_worker() {
    let pool = ThreadPool::new(2).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let slow = pool
        .task(|| 1)
        .callback(move |_| {
            enter.open();
            pass.wait();
        })
        .apply_async()
        .unwrap();
    entered.wait();
    // The other worker goes on delivering results.
    for i in 0..100 {
        assert_eq!(pool.apply(|| i).unwrap(), i);
    }
    assert!(!slow.ready());
    gate.open();
    assert_eq!(slow.get().unwrap(), 1);
}

// covers CB-09
#[test]
fn a_callback_may_submit() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    let follow = pool.handle();
    let first = pool.task(|| 20).callback(move |value| {
        let value = *value;
        send.send(follow.apply_async(move || value + 1).unwrap()).unwrap();
    });
    first.apply_async().unwrap().get().unwrap();
    assert_eq!(receive.recv().unwrap().get().unwrap(), 21);
}

// covers CB-15 F-27
#[test]
fn a_callback_may_end_the_pool_but_not_wait_for_its_end() {
    for close in [true, false] {
        let pool = Arc::new(ThreadPool::new(2).unwrap());
        let inner = Arc::clone(&pool);
        let (send, receive) = channel();
        let task = pool.task(|| 1).callback(move |_| {
            if close {
                inner.close();
            } else {
                inner.terminate();
            }
            send.send(inner.join()).unwrap();
        });
        assert_eq!(task.apply_async().unwrap().get().unwrap(), 1, "its own result is delivered");
        assert_eq!(receive.recv().unwrap(), Err(JoinError::WouldDeadlock));
        assert_eq!(pool.apply_async(|| ()).unwrap_err().kind(), SubmitErrorKind::NotRunning);
        pool.join().unwrap();
    }
}

// covers CB-16
#[test]
fn join_waits_for_callbacks() {
    let pool = ThreadPool::new(2).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let returned = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&returned);
    let task = pool.task(|| ()).callback(move |()| {
        enter.open();
        pass.wait();
        count.fetch_add(1, Ordering::Relaxed);
    });
    task.apply_async().unwrap().detach();
    entered.wait();
    pool.close();
    assert_eq!(pool.join_timeout(Duration::from_millis(5)), Err(JoinError::TimedOut));
    gate.open();
    pool.join().unwrap();
    assert_eq!(returned.load(Ordering::Relaxed), 1);
}

// covers CB-17
#[test]
fn after_terminate_a_callback_may_not_submit() {
    let pool = ThreadPool::new(1).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let (send, receive) = channel();
    let running = pool
        .task(move || {
            enter.open();
            pass.wait();
        })
        .callback(move |()| {
            let refused = PoolHandle::current().unwrap().apply_async(|| 1).unwrap_err();
            send.send(refused.kind()).unwrap();
        })
        .apply_async()
        .unwrap();
    entered.wait();
    pool.terminate();
    gate.open();
    running.get().unwrap();
    assert_eq!(receive.recv().unwrap(), SubmitErrorKind::NotRunning);
}

// covers CB-18
#[test]
fn terminate_calls_error_callbacks_on_its_own_thread_and_survives_them() {
    let pool = ThreadPool::new(1).unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let running = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
        })
        .unwrap();
    entered.wait();
    let (send, receive) = channel();
    let ledger = Ledger::new();
    let queued: Vec<_> = (0..4)
        .map(|i| {
            let (send, captured) = (send.clone(), ledger.value(i == 2));
            let task =
                pool.task(move || drop(captured)).callback(|()| unreachable!("it never ran"));
            let told = move |error: &TaskError| {
                send.send((matches!(error, TaskError::Terminated), thread::current().id()))
                    .unwrap();
                assert!(i % 2 == 0, "the callback panics");
            };
            task.error_callback(told).apply_async().unwrap()
        })
        .collect();
    pool.terminate();
    let me = thread::current().id();
    assert_eq!(receive.try_iter().collect::<Vec<_>>(), [(true, me); 4]);
    for (i, result) in queued.into_iter().enumerate() {
        match result.try_get().unwrap() {
            Err(TaskError::Terminated) => assert_eq!(i % 2, 0),
            Err(TaskError::CallbackPanicked { panic, cause }) => {
                assert_eq!((i % 2, panic.message()), (1, Some("the callback panics")));
                assert!(matches!(*cause.unwrap(), TaskError::Terminated));
            }
            other => panic!("{other:?}"),
        }
    }
    ledger.settle("the closures, one of which panicked");
    gate.open();
    running.get().unwrap();
}

/// A waker that lets another thread go on, and waits until it has done its part.
struct Meanwhile(Gate, Gate);

impl Wake for Meanwhile {
    fn wake(self: Arc<Self>) {
        self.0.open();
        self.1.wait();
    }
}

// covers CB-18 RES-12
#[test]
fn terminate_resolves_what_is_queued_itself_though_another_thread_sweeps_meanwhile() {
    let pool = ThreadPool::builder().workers(1).max_queued(200).build().unwrap();
    let gate = hold_up(&pool);
    let me = thread::current().id();
    let elsewhere = Arc::new(AtomicUsize::new(0));
    let submit = |_| {
        let elsewhere = Arc::clone(&elsewhere);
        let told = move |error: &TaskError| {
            let terminated = matches!(error, TaskError::Terminated);
            let here = thread::current().id() == me;
            elsewhere.fetch_add(usize::from(terminated && !here), Ordering::SeqCst);
        };
        pool.task(|| ()).error_callback(told).apply_async().unwrap()
    };
    let mut cancelled: Vec<_> = (0..200).map(submit).collect();
    let left = cancelled.split_off(150);
    // The pool is full. The end of the pool wakes this future before it resolves what is queued.
    let (cancels, has_cancelled) = (Gate::new(), Gate::new());
    let waker = Waker::from(Arc::new(Meanwhile(cancels.clone(), has_cancelled.clone())));
    let mut place = pin!(pool.reserve());
    assert!(place.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let canceller = thread::spawn(move || {
        cancels.wait();
        cancelled.iter().for_each(|handle| assert!(handle.cancel()));
        has_cancelled.open();
    });
    pool.terminate();
    assert!(left.iter().all(AsyncResult::ready), "terminate has returned");
    canceller.join().unwrap();
    assert_eq!(elsewhere.load(Ordering::SeqCst), 0);
    gate.open();
}

// covers CB-18
#[test]
fn an_error_callback_of_a_task_in_a_deque_runs_on_the_terminating_thread_too() {
    let pool = ThreadPool::new(1).unwrap();
    let (handle, entered, gate) = (pool.handle(), Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let (send, receive) = channel();
    let running = pool.spawn(move || {
        let told = move |_: &TaskError| send.send(thread::current().id()).unwrap();
        let inner = handle.task(|| ()).error_callback(told).apply_async().unwrap();
        enter.open();
        pass.wait();
        drop(inner);
    });
    running.unwrap();
    entered.wait();
    // The callback of the oldest lets another thread cancel all others, which sweeps.
    let (give, given) = channel::<Vec<AsyncResult<()>>>();
    let cancel_all = move |_: &TaskError| {
        let others = given.recv().unwrap();
        let cancel = move || others.iter().for_each(|other| _ = other.cancel());
        thread::spawn(cancel).join().unwrap();
    };
    let _first = pool.task(|| ()).error_callback(cancel_all).apply_async().unwrap();
    give.send((0..64).map(|_| pool.apply_async(|| ()).unwrap()).collect()).unwrap();
    pool.terminate();
    assert_eq!(receive.recv().unwrap(), thread::current().id());
    gate.open();
}
