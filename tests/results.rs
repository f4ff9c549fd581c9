//! What a handle tells of its task: the rows RES of the parity table.

mod common;
mod parity;

use common::Gate;
use millpond::{AsyncResult, NotReady, TaskError, ThreadPool, Timeout};
use parity::{Ledger, block_on};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// A task that begins, and ends when its gate is opened.
fn gated<T: Send + 'static>(pool: &ThreadPool, value: T) -> (AsyncResult<T>, Gate) {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let result = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            value
        })
        .unwrap();
    entered.wait();
    (result, gate)
}

// covers RES-01
#[test]
fn ready_says_so_after_success_and_after_failure() {
    let pool = ThreadPool::new(1).unwrap();
    for fails in [false, true] {
        let (entered, gate) = gated(&pool, ());
        let result = pool.apply_async(move || assert!(!fails)).unwrap();
        assert!(!entered.ready() && !result.ready(), "neither running nor queued is ready");
        gate.open();
        result.wait();
        assert!(result.ready() && entered.ready());
        assert_eq!(result.get().is_err(), fails);
    }
}

// covers RES-02 RES-03
#[test]
fn successful_needs_a_result_and_is_false_if_any_item_failed() {
    let pool = ThreadPool::new(2).unwrap();
    let (result, gate) = gated(&pool, 1);
    assert_eq!(result.successful(), Err(NotReady));
    assert!(NotReady.to_string().contains("not ready"));
    gate.open();
    result.wait();
    assert_eq!(result.successful(), Ok(true));
    for (items, successful) in [(0..5, true), (0..6, false)] {
        let batch = pool.map_async(|i| assert!(i != 5), items).unwrap();
        batch.wait();
        assert_eq!(batch.successful(), Ok(successful), "false if any item has failed");
    }
}

// covers RES-04 RES-05
#[test]
fn waiting_says_whether_the_task_is_done_and_never_raises() {
    let pool = ThreadPool::new(1).unwrap();
    let (result, gate) = gated(&pool, ());
    assert!(!result.wait_timeout(Duration::from_millis(5)));
    gate.open();
    assert!(result.wait_timeout(Duration::MAX));
    let failing = pool.apply_async(|| panic!("at get")).unwrap();
    assert!(failing.wait());
    assert!(failing.wait() && failing.wait_timeout(Duration::ZERO), "again and again");
    assert!(matches!(failing.get(), Err(TaskError::Panicked(_))));
}

// covers RES-07
#[test]
fn a_time_out_gives_the_handle_back_and_the_task_goes_on() {
    let pool = ThreadPool::new(1).unwrap();
    let (mut result, gate) = gated(&pool, "in the end");
    for _ in 0..3 {
        let Err(Timeout(back)) = result.get_timeout(Duration::from_millis(2)) else {
            panic!("too early")
        };
        result = back;
    }
    gate.open();
    assert_eq!(result.get().unwrap(), "in the end");
}

// covers RES-08 F-36
#[test]
fn every_length_of_time_is_taken_as_it_is() {
    let pool = ThreadPool::new(1).unwrap();
    let (result, gate) = gated(&pool, 3);
    assert!(!result.wait_timeout(Duration::ZERO));
    let Err(Timeout(result)) = result.get_timeout(Duration::ZERO) else { panic!("a poll") };
    let Err(Timeout(result)) = result.try_get() else { panic!("a poll") };
    let timeout = result.get_timeout(Duration::from_nanos(1)).unwrap_err();
    assert_eq!(timeout.to_string(), "the result was not ready in time");
    let opener = thread::spawn(move || gate.open());
    let value = timeout.0.get_timeout(Duration::MAX).unwrap();
    assert_eq!(value.unwrap(), 3, "no overflow");
    opener.join().unwrap();
}

// covers F-36
#[test]
fn a_time_out_that_races_with_the_end_gives_one_or_the_other() {
    let pool = ThreadPool::new(2).unwrap();
    let (mut values, mut timeouts) = (0, 0);
    let ledger = Ledger::new();
    for round in 0..2_000 {
        let value = ledger.value(false);
        let result = pool.apply_async(move || value).unwrap();
        match result.get_timeout(Duration::from_nanos(round % 20 * 1_000)) {
            Ok(value) => {
                drop(value.unwrap());
                values += 1;
            }
            Err(Timeout(result)) => {
                drop(result.get().unwrap());
                timeouts += 1;
            }
        }
    }
    assert_eq!(values + timeouts, 2_000);
    ledger.settle("each value was given once");
}

// covers RES-10
#[test]
fn peek_reads_the_value_in_place_any_number_of_times() {
    let pool = ThreadPool::new(1).unwrap();
    let (mut result, gate) = gated(&pool, String::from("here"));
    assert!(result.peek().is_none() && result.peek_mut().is_none());
    gate.open();
    result.wait();
    let first = result.peek().unwrap().as_ref().unwrap();
    let again = result.peek().unwrap().as_ref().unwrap();
    assert!(std::ptr::eq(first, again), "the same object");
    result.peek_mut().unwrap().as_mut().unwrap().push_str(" and there");
    assert_eq!(result.get().unwrap(), "here and there");
    let failed = pool.apply_async(|| panic!("still there")).unwrap();
    failed.wait();
    for _ in 0..2 {
        assert!(
            matches!(failed.peek(), Some(Err(TaskError::Panicked(panic))) if panic.message().is_some())
        );
    }
}

// covers RES-11 F-40
#[test]
fn any_number_of_threads_may_wait_for_one_result() {
    let pool = ThreadPool::new(1).unwrap();
    for round in 0..20 {
        let (result, gate) = gated(&pool, round);
        let barrier = Barrier::new(9);
        thread::scope(|scope| {
            for waiter in 0..8 {
                let (result, barrier) = (&result, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let done = match waiter % 2 {
                        0 => result.wait(),
                        _ => result.wait_timeout(Duration::MAX),
                    };
                    assert!(done && result.ready());
                    assert_eq!(*result.peek().unwrap().as_ref().unwrap(), round);
                });
            }
            barrier.wait();
            // In some rounds all are asleep by now, in some they are just on their way.
            if round % 2 == 0 {
                assert!(!result.wait_timeout(Duration::from_millis(2)));
            }
            gate.open();
        });
        assert_eq!(result.get().unwrap(), round);
    }
}

// covers RES-15
#[test]
fn cancel_keeps_queued_work_from_starting() {
    let pool = ThreadPool::new(1).unwrap();
    let (running, gate) = gated(&pool, 1);
    let ledger = Ledger::new();
    let captured = ledger.value(false);
    let (send, receive) = channel();
    let queued = pool
        .task(move || drop(captured))
        .callback(|()| unreachable!("it never ran"))
        .error_callback(move |error| {
            send.send((matches!(error, TaskError::Cancelled), thread::current().id())).unwrap();
        })
        .apply_async()
        .unwrap();
    let batch = pool.map_async(|i: u32| i, 0..100).unwrap();
    assert!(!queued.cancelled());
    assert!(queued.cancel() && batch.cancel(), "neither had begun");
    ledger.settle("the closure went at once");
    assert_eq!(
        receive.try_recv(),
        Ok((true, thread::current().id())),
        "told on this thread, before cancel returned"
    );
    assert!(queued.ready() && queued.cancelled() && batch.cancelled());
    assert_eq!(queued.successful(), Ok(false));
    assert!(!queued.cancel(), "once");
    assert!(!running.cancel() && !running.cancelled(), "what runs is not interrupted");
    gate.open();
    assert_eq!(running.get().unwrap(), 1);
    assert!(matches!(queued.get(), Err(TaskError::Cancelled)));
    assert!(matches!(batch.get(), Err(TaskError::Cancelled)));
    let done = pool.apply_async(|| 2).unwrap();
    done.wait();
    assert!(!done.cancel());
    assert_eq!(done.get().unwrap(), 2);
}

// covers RES-15
#[test]
fn a_race_between_cancel_and_start_has_one_winner() {
    let pool = ThreadPool::new(1).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut cancelled = 0;
    for _ in 0..2_000 {
        let count = Arc::clone(&ran);
        let result = pool.apply_async(move || count.fetch_add(1, Ordering::Relaxed)).unwrap();
        let won = result.cancel();
        cancelled += usize::from(won);
        match result.get() {
            Ok(_) => assert!(!won),
            Err(TaskError::Cancelled) => assert!(won),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(ran.load(Ordering::Relaxed) + cancelled, 2_000);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// covers RES-16
#[test]
fn a_handle_can_be_awaited() {
    let pool = ThreadPool::new(2).unwrap();
    assert_eq!(block_on(pool.apply_async(|| 6 * 7).unwrap()).unwrap(), 42);
    let all = async {
        let (one, many) =
            (pool.apply_async(|| 1).unwrap(), pool.map_async(|i: i32| i, 0..1_000).unwrap());
        one.await.unwrap() + many.await.unwrap().into_iter().sum::<i32>()
    };
    assert_eq!(block_on(all), 499_501);
    assert!(matches!(
        block_on(pool.apply_async(|| panic!("x")).unwrap()),
        Err::<(), _>(TaskError::Panicked(_))
    ));
    // A task that nobody has begun: it is the end of the pool that wakes.
    let (running, gate) = gated(&pool, ());
    let (also_running, other_gate) = gated(&pool, ());
    let queued = pool.apply_async(|| 1).unwrap();
    let waiter = thread::spawn(move || block_on(queued));
    pool.terminate();
    assert!(matches!(waiter.join().unwrap(), Err(TaskError::Terminated)));
    gate.open();
    other_gate.open();
    block_on(running).unwrap();
    block_on(also_running).unwrap();
}

// covers RES-16
#[test]
fn the_last_waker_given_is_woken_once() {
    let pool = ThreadPool::new(1).unwrap();
    let (mut result, gate) = gated(&pool, 5);
    let alarms = [Arc::new(Alarm::default()), Arc::new(Alarm::default())];
    for alarm in [0, 1, 0, 1, 1] {
        let waker: Waker = Arc::clone(&alarms[alarm]).into();
        assert!(Pin::new(&mut result).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&alarms[0]), 1, "the earlier waker has been dropped");
    gate.open();
    result.wait();
    // The waker is woken after the result is there; when the worker is done with the task it has been.
    pool.apply(|| ()).unwrap();
    assert_eq!(alarms.each_ref().map(|alarm| alarm.0.load(Ordering::SeqCst)), [0, 1]);
    assert_eq!(Arc::strong_count(&alarms[1]), 1);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(value) = Pin::new(&mut result).poll(&mut context) else { panic!("it is done") };
    assert_eq!(value.unwrap(), 5);
}

// covers RES-16
#[test]
fn a_handle_polled_to_its_end_is_empty() {
    let pool = ThreadPool::new(1).unwrap();
    let polled = || {
        let mut result = pool.apply_async(|| 1).unwrap();
        assert!(block_on(&mut result).is_ok());
        result
    };
    let uses: [(&str, fn(AsyncResult<i32>)); 7] = [
        ("poll", |result| drop(block_on(result))),
        ("get", |result| drop(result.get())),
        ("get_timeout", |result| drop(result.get_timeout(Duration::ZERO))),
        ("try_get", |result| drop(result.try_get())),
        ("successful", |result| assert!(result.successful().is_ok())),
        ("cancelled", |result| assert!(result.cancelled())),
        ("peek", |result| assert!(result.peek().is_some())),
    ];
    for (name, call) in uses {
        let handle = polled();
        let payload = catch_unwind(AssertUnwindSafe(|| call(handle))).expect_err(name);
        let text = payload.downcast_ref::<String>().map(String::as_str);
        assert_eq!(text, Some("result already taken"), "{name}");
    }
    // What a guard or a loop may ask at any time has an answer.
    let done = polled();
    assert!(done.ready() && done.wait() && done.wait_timeout(Duration::ZERO) && !done.cancel());
    // Dropping it is nothing, and so is looking at it.
    assert!(!format!("{:?}", polled()).is_empty());
}

// covers RES-16
#[test]
fn dropping_the_future_detaches_the_task() {
    let pool = ThreadPool::new(1).unwrap();
    let ledger = Ledger::new();
    let (mut result, gate) = gated(&pool, ledger.value(false));
    let alarm = Arc::new(Alarm::default());
    let waker: Waker = Arc::clone(&alarm).into();
    assert!(Pin::new(&mut result).poll(&mut Context::from_waker(&waker)).is_pending());
    drop((result, waker));
    assert_eq!(Arc::strong_count(&alarm), 1, "nobody will wake it");
    assert_eq!(ledger.dropped(), 0, "the task goes on");
    gate.open();
    pool.close();
    pool.join().unwrap();
    ledger.settle("the value of a detached task");
    assert_eq!(alarm.0.load(Ordering::SeqCst), 0);
}
