//! One call and its handle.

use crate::harness::check;
use crate::items::{Item, Times, job};
use millpond_shuttle::{AsyncResult, TaskError, ThreadPool, Timeout};
use shuttle::{future, thread};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

#[test]
fn handle_dropped_beside_its_completion() {
    check("handle drop ‖ completion ‖ close, join", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ran = Times::default();
        let handles = [(); 3].map(|()| pool.apply_async(job(1, &ran)).unwrap());
        let [first, second, third] = handles;
        let droppers = [first, second].map(|handle| thread::spawn(move || drop(handle)));
        pool.close();
        pool.join().unwrap();
        assert!(third.ready(), "join waits for what was accepted");
        assert_eq!(ran.get(), 3);
        for dropper in droppers {
            dropper.join().unwrap();
        }
    });
}

/// Waits for a short time, again and again.
fn get_in_turns(mut handle: AsyncResult<Item>) -> Result<Item, TaskError> {
    loop {
        match handle.get_timeout(Duration::from_millis(1)) {
            Ok(result) => return result,
            Err(Timeout(again)) => handle = again,
        }
    }
}

#[test]
fn timed_get_beside_the_completion() {
    check("timed get ‖ completion ‖ timed get", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let getters = [1, 2].map(|value| {
            let ran = Times::default();
            let handle = pool.apply_async(job(value, &ran)).unwrap();
            thread::spawn(move || {
                assert_eq!(get_in_turns(handle).unwrap().value, value);
                assert_eq!(ran.get(), 1);
            })
        });
        for getter in getters {
            getter.join().unwrap();
        }
        pool.close();
        while pool.join_timeout(Duration::from_millis(1)).is_err() {}
        pool.join().unwrap();
    });
}

#[test]
fn wait_wait_cancel() {
    check("wait ‖ wait ‖ cancel ‖ completion", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ran = Times::default();
        let handle = Arc::new(pool.apply_async(job(1, &ran)).unwrap());
        let waiters = [(); 2].map(|()| {
            let handle = Arc::clone(&handle);
            thread::spawn(move || assert!(handle.wait()))
        });
        let canceller = {
            let handle = Arc::clone(&handle);
            thread::spawn(move || handle.cancel())
        };
        for waiter in waiters {
            waiter.join().unwrap();
        }
        let cancelled = canceller.join().unwrap();
        let handle = Arc::into_inner(handle).expect("the others have dropped theirs");
        match handle.get() {
            Ok(item) => assert_eq!((item.value, ran.get(), cancelled), (1, 1, false)),
            Err(TaskError::Cancelled) => assert_eq!((ran.get(), cancelled), (0, true)),
            Err(other) => panic!("it ended with {other:?}"),
        }
        pool.terminate();
        pool.join().unwrap();
    });
}

#[test]
fn awaited_and_polled_once() {
    check("await ‖ poll, then drop ‖ completion", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ran = Times::default();
        let (awaited, polled) =
            (pool.apply_async(job(1, &ran)).unwrap(), pool.apply_async(job(2, &ran)).unwrap());
        let awaiter = thread::spawn(move || future::block_on(awaited).unwrap().value);
        let poller = thread::spawn(move || {
            let mut polled = polled;
            future::block_on(std::future::poll_fn(|context| {
                Poll::Ready(std::pin::Pin::new(&mut polled).poll(context).is_ready())
            }))
        });
        assert_eq!(awaiter.join().unwrap(), 1);
        poller.join().unwrap();
        pool.close();
        pool.join().unwrap();
        assert_eq!(ran.get(), 2);
    });
}

#[test]
fn callbacks_that_submit_and_close() {
    check("callback submits ‖ callback closes", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let (ran, told) = (Times::default(), Times::default());
        let (submitting, closing) = (pool.handle(), pool.handle());
        let (late, seen) = (ran.clone(), told.clone());
        let first = pool
            .task(job(1, &ran))
            .callback(move |item| {
                assert_eq!(item.value, 1);
                seen.one_more();
                // By a worker: so the pool takes it also when it is closed.
                submitting.spawn(move || late.one_more()).unwrap();
            })
            .apply_async()
            .unwrap();
        let seen = told.clone();
        let second = pool
            .task(job(2, &ran))
            .callback(move |_| {
                seen.one_more();
                closing.close();
            })
            .apply_async()
            .unwrap();
        let getter = thread::spawn(move || first.get().unwrap().value);
        assert_eq!(second.get().unwrap().value, 2);
        pool.join().unwrap();
        assert_eq!(getter.join().unwrap(), 1);
        assert_eq!((ran.get(), told.get()), (3, 2));
    });
}
