//! Where Python's pool hangs for ever, this one says why there is no result.
//!
//! Rows 8 and 15 of the list do not compile: tests/compile_fail.

mod common;

use common::Gate;
use millpond::{AsyncResult, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::panic::{panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// A task that is running until the gate is opened.
fn running(pool: &ThreadPool) -> (AsyncResult<&'static str>, Gate) {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let result = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            "finished"
        })
        .unwrap();
    entered.wait();
    (result, gate)
}

// covers HANG-01 INIT-06
#[test]
fn a_failing_initializer_ends_every_wait() {
    for workers in [1, 4] {
        let gate = Gate::new();
        let pass = gate.clone();
        let builder = ThreadPool::builder().workers(workers).initializer(move |_| {
            pass.wait();
            panic!("no licence")
        });
        let pool = builder.build().unwrap();
        let one = pool.apply_async(|| 1).unwrap();
        let many = pool.map_async(|i: u32| i, 0..100).unwrap();
        let waiter = std::thread::spawn(move || many.get());
        gate.open();
        for error in [one.get().unwrap_err(), waiter.join().unwrap().unwrap_err()] {
            assert!(
                matches!(&error, TaskError::Broken(why) if why.message() == Some("no licence")),
                "{error}"
            );
        }
        let error = pool.map(|i: u32| i, 0..3).unwrap_err();
        assert!(matches!(error, TaskError::NotSubmitted(SubmitErrorKind::Broken)), "{error}");
        pool.close();
        pool.join().unwrap();
    }
}

// covers HANG-02 HANG-03 ERR-02
#[test]
fn no_way_to_unwind_ends_a_worker() {
    struct Exit;
    let ways: [fn(); 3] = [|| panic_any(Exit), || resume_unwind(Box::new(Exit)), || panic!("text")];
    let pool = ThreadPool::new(1).unwrap();
    let worker = pool.apply(|| std::thread::current().id()).unwrap();
    for way in ways {
        let error = pool.apply_async(way).unwrap().get().unwrap_err();
        assert!(matches!(error, TaskError::Panicked(_)));
        let error = pool.map(|()| way(), [(), ()]).unwrap_err();
        assert!(matches!(error, TaskError::Panicked(_)));
        assert_eq!(pool.apply(|| std::thread::current().id()).unwrap(), worker);
    }
}

// covers HANG-04 HANG-05 S3-E17 CB-11 F-08
#[test]
fn a_panicking_callback_fails_only_its_own_task() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    let (busy, gate) = running(&pool);
    let result = pool
        .task(|| 22)
        .callback(move |value| {
            send.send(format!("Got result {value}")).unwrap();
            panic!("Something bad happened!")
        })
        .error_callback(|_| unreachable!("the task has a value"))
        .apply_async()
        .unwrap();
    let other = pool.apply_async(|| 1).unwrap();
    gate.open();
    assert!(result.wait());
    assert_eq!(result.successful(), Ok(false));
    let error = result.get().unwrap_err();
    let TaskError::CallbackPanicked { panic, cause: None } = error else { panic!("{error:?}") };
    assert_eq!(panic.message(), Some("Something bad happened!"));
    assert_eq!(receive.into_iter().collect::<Vec<_>>(), ["Got result 22"]);
    assert_eq!((busy.get().unwrap(), other.get().unwrap()), ("finished", 1));
    pool.terminate();
    pool.join().unwrap();
}

// covers HANG-06 CB-12 F-08
#[test]
fn a_panicking_error_callback_keeps_the_error_as_its_cause() {
    let pool = ThreadPool::new(1).unwrap();
    let task = pool.task(|| -> u32 { panic!("first") });
    let result = task.error_callback(|_| panic!("second")).apply_async().unwrap();
    let error = result.get().unwrap_err();
    let TaskError::CallbackPanicked { panic, cause: Some(cause) } = error else {
        panic!("{error:?}")
    };
    assert_eq!(panic.message(), Some("second"));
    assert!(matches!(&*cause, TaskError::Panicked(panic) if panic.message() == Some("first")));
    assert_eq!(pool.apply(|| 1).unwrap(), 1);
    pool.close();
    pool.join().unwrap();
}

// covers HANG-07 CB-11 CB-12 F-08
#[test]
fn a_panicking_callback_of_a_batch_fails_the_batch() {
    let pool = ThreadPool::new(2).unwrap();
    for items in [0..0, 0..1, 0..100] {
        let batch = pool.batch(|i: u32| i, items).callback(|_| panic!("with values"));
        let error = batch.map_async().unwrap().get().unwrap_err();
        assert_eq!(error.item(), None);
        assert!(matches!(error, TaskError::CallbackPanicked { cause: None, .. }), "{error}");
    }
    let batch =
        pool.batch(|i: u32| assert!(i != 3), 0..10).error_callback(|_| panic!("with an error"));
    let error = batch.map_async().unwrap().get().unwrap_err();
    assert_eq!(error.item(), Some(3), "the cause's");
    assert!(matches!(error, TaskError::CallbackPanicked { cause: Some(_), .. }), "{error}");
    assert_eq!(pool.map(|i: u32| i, 0..3).unwrap(), [0, 1, 2]);
}

// covers HANG-09 HANG-10 HANG-11 RES-12
#[test]
fn every_handle_resolves_after_terminate() {
    let pool = ThreadPool::new(1).unwrap();
    let (running, gate) = running(&pool);
    let pending = pool.apply_async(|| 1).unwrap();
    let batch = pool.map_async(|i: u32| i, 0..100).unwrap();
    let stars = pool.starmap_async(|a: u32, b: u32| a + b, [(1, 2)]).unwrap();
    let waits = std::thread::spawn(move || batch.get());
    pool.terminate();
    assert!(matches!(pending.get(), Err(TaskError::Terminated)));
    assert!(matches!(waits.join().unwrap(), Err(TaskError::Terminated)));
    assert!(matches!(stars.get(), Err(TaskError::Terminated)));
    gate.open();
    assert_eq!(running.get().unwrap(), "finished", "what finishes delivers its value");
    pool.join().unwrap();
}

// covers HANG-11
#[test]
fn a_batch_that_has_begun_resolves_after_terminate() {
    for chunk in [None, Some(1), Some(3)] {
        let pool = ThreadPool::new(2).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let each = move |_: u32| {
            enter.open();
            pass.wait();
        };
        let batch = pool.batch(each, 0..1_000);
        let batch = if let Some(chunk) = chunk { batch.chunksize(chunk) } else { batch };
        let result = batch.map_async().unwrap();
        entered.wait();
        pool.terminate();
        assert!(!result.ready(), "an item is still running");
        gate.open();
        assert!(matches!(result.get(), Err(TaskError::Terminated)));
        pool.join().unwrap();
    }
}

/// An input that says it has ten items, and panics at the fourth.
struct Sized(u32);

impl Iterator for Sized {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        assert!(self.0 < 3, "the input fails");
        self.0 += 1;
        Some(self.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (10, Some(10))
    }
}

impl ExactSizeIterator for Sized {}

// covers HANG-13 MAP-18 F-09
#[test]
fn an_input_that_fails_part_way_submits_nothing() {
    let pool = ThreadPool::new(2).unwrap();
    let (send, receive) = channel();
    let each = move |i: u32| send.send(i).unwrap();
    let calls: [&dyn Fn(); 4] = [
        &|| drop(pool.map(&each, Sized(0))),
        &|| drop(pool.map_async(each.clone(), Sized(0)).map(drop)),
        &|| drop(pool.starmap(&each, Sized(0).map(|i| (i,)))),
        &|| drop(pool.batch(&each, Sized(0)).chunksize(2).map()),
    ];
    for call in calls {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the input fails"));
    }
    assert_eq!(pool.map(|i: u32| i, 0..3).unwrap(), [0, 1, 2], "the pool is usable");
    pool.close();
    pool.join().unwrap();
    assert_eq!(receive.try_iter().count(), 0, "nothing had been submitted");
}

// covers HANG-14 MAP-19
#[test]
fn an_input_of_fewer_items_than_it_says_gives_those_it_has() {
    let pool = ThreadPool::new(2).unwrap();
    let short = || Sized(0).take_while(|i| *i < 3);
    assert_eq!(short().size_hint().1, Some(10));
    assert_eq!(pool.map(|i| i, short()).unwrap(), [1, 2]);
    assert_eq!(pool.batch(|i| i, short()).chunksize(4).map_async().unwrap().get().unwrap(), [1, 2]);
}

// covers HANG-16 NEST-01
#[test]
fn nested_apply_completes_on_one_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let inner = pool.handle();
    assert_eq!(pool.apply(|| inner.apply(|| inner.apply(|| 3).unwrap()).unwrap()).unwrap(), 3);
    let handle = pool.handle();
    let outer = pool.apply_async(move || handle.apply_async(|| 4).unwrap().get().unwrap());
    assert_eq!(outer.unwrap().get().unwrap(), 4);
}

// covers HANG-17 NEST-02
#[test]
fn nested_map_completes_on_two_workers() {
    let pool = ThreadPool::new(2).unwrap();
    let each = |i: u32| pool.map(|j| i * j, 0..4).unwrap().into_iter().sum::<u32>();
    assert_eq!(pool.map(each, 0..4).unwrap(), [0, 6, 12, 18]);
    let handle = pool.handle();
    let each = move |i: u32| handle.map_async(move |j| i * j, 0..4).unwrap().get().unwrap();
    assert_eq!(pool.map_async(each, 0..2).unwrap().get().unwrap(), [[0; 4], [0, 1, 2, 3]]);
}

// covers HANG-18 CB-10
#[test]
fn a_callback_may_block_on_its_own_pool() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    let task = pool.task(|| 1).callback(move |value| {
        let pool = PoolHandle::current().unwrap();
        let (by_apply, by_get) =
            (pool.apply(|| 2).unwrap(), pool.apply_async(|| 3).unwrap().get().unwrap());
        send.send((*value, by_apply, by_get, pool.map(|i| i, 4..6).unwrap())).unwrap();
    });
    task.apply_async().unwrap().get().unwrap();
    assert_eq!(receive.recv().unwrap(), (1, 2, 3, vec![4, 5]));
}

// covers HANG-18 RES-13
#[test]
fn get_in_the_task_s_own_callback_is_an_error() {
    let pool = ThreadPool::new(2).unwrap();
    let (give, take) = channel::<AsyncResult<u32>>();
    let (send, receive) = channel();
    let task = pool.task(|| 1).callback(move |_| {
        let own = take.recv().unwrap();
        let waited = own.wait();
        send.send((waited, own.get())).unwrap();
    });
    give.send(task.apply_async().unwrap()).unwrap();
    assert!(matches!(receive.recv().unwrap(), (false, Err(TaskError::WouldDeadlock))));
    assert_eq!(pool.apply(|| 2).unwrap(), 2);
}

// covers HANG-19 RES-13 LIFE-13
#[test]
fn a_task_that_waits_for_itself_or_joins_its_pool_gets_an_error() {
    let pool = Arc::new(ThreadPool::new(1).unwrap());
    let (give, take) = channel::<AsyncResult<()>>();
    let (send, receive) = channel();
    let inner = Arc::clone(&pool);
    let own = pool.apply_async(move || {
        let own = take.recv().unwrap();
        // Below a nested call it is still below on the same stack.
        let nested = inner.apply(|| own.wait()).unwrap();
        inner.terminate();
        let joined = inner.join();
        send.send((nested, joined, own.get())).unwrap();
    });
    give.send(own.unwrap()).unwrap();
    let (nested, joined, own) = receive.recv().unwrap();
    assert!(!nested && matches!(own, Err(TaskError::WouldDeadlock)));
    assert_eq!(joined, Err(JoinError::WouldDeadlock));
    pool.join().unwrap();
}
