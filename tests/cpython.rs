//! CPython's own tests of its pool, `_TestPool` as run for threads, written anew from what they check; each under its name.

mod common;
mod parity;

use common::{Gate, threads, until_threads};
use millpond::{DropPolicy, SubmitErrorKind, TaskError, ThreadPool, Timeout, star};
use parity::Ledger;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

fn pool() -> ThreadPool {
    ThreadPool::new(4).unwrap()
}

fn sqr(x: i64) -> i64 {
    x * x
}

fn mul(x: i64, y: i64) -> i64 {
    x * y
}

// covers APP-01 APP-11
#[test]
fn test_apply() {
    let pool = pool();
    assert_eq!(pool.apply(|| sqr(5)).unwrap(), sqr(5));
    // A keyword argument is a captured variable.
    let x = 3;
    assert_eq!(pool.apply(|| sqr(x)).unwrap(), sqr(3));
}

// covers MAP-01 MAP-05
#[test]
fn test_map() {
    let pool = pool();
    assert_eq!(pool.map(sqr, 0..10).unwrap(), (0..10).map(sqr).collect::<Vec<_>>());
    let values = pool.batch(sqr, 0..100).chunksize(20).map().unwrap();
    assert_eq!(values, (0..100).map(sqr).collect::<Vec<_>>());
}

// covers MAP-02
#[test]
fn test_starmap() {
    let pool = pool();
    let tuples = |n: i64| (0..n).zip((0..n).rev());
    let expected = |n: i64| tuples(n).map(|(x, y)| mul(x, y)).collect::<Vec<_>>();
    assert_eq!(pool.starmap(mul, tuples(10)).unwrap(), expected(10));
    assert_eq!(pool.batch(star(mul), tuples(100)).chunksize(20).map().unwrap(), expected(100));
}

// covers test_starmap_async MAP-03
#[test]
fn test_map_async() {
    let pool = pool();
    let tuples = || (0..100).zip((0..100).rev());
    let values = pool.starmap_async(mul, tuples()).unwrap().get().unwrap();
    assert_eq!(values, tuples().map(|(x, y)| mul(x, y)).collect::<Vec<_>>());
    let values = pool.map_async(sqr, 0..10).unwrap().get().unwrap();
    assert_eq!(values, (0..10).map(sqr).collect::<Vec<_>>());
}

// covers CB-02 CB-04
#[test]
fn test_map_async_callbacks() {
    let pool = pool();
    for (text, expected) in [("1", Ok(vec![1])), ("a", Err("invalid digit found in string"))] {
        let (send, receive) = channel();
        let (values, errors) = (send.clone(), send);
        let result = pool
            .batch(
                |text: &str| text.parse::<i32>().unwrap_or_else(|error| panic!("{error}")),
                [text],
            )
            .callback(move |all: &Vec<i32>| values.send(Ok(all.clone())).unwrap())
            .error_callback(move |error| {
                let TaskError::Panicked(panic) = error else { panic!("{error}") };
                errors.send(Err(panic.message().unwrap().to_owned())).unwrap();
            })
            .map_async()
            .unwrap();
        result.wait();
        let calls: Vec<_> = receive.try_iter().collect();
        assert_eq!(calls, [expected.map_err(str::to_owned)], "one call, made before wait returns");
    }
}

// covers MAP-09
#[test]
fn test_map_chunksize() {
    let result = pool().batch(sqr, []).chunksize(1).map_async().unwrap();
    assert_eq!(result.get_timeout(Duration::from_secs(10)).unwrap().unwrap(), []);
}

#[derive(Debug)]
struct SayWhen;

/// `exception_throwing_generator`: raises at `when`, or at the very beginning.
fn raising(total: i64, when: Option<i64>) -> impl Iterator<Item = i64> {
    (0..total).map(move |i| if when.is_none_or(|when| when == i) { panic_any(SayWhen) } else { i })
}

// covers MAP-16 MAP-17
#[test]
fn test_map_handle_iterable_exception() {
    let pool = pool();
    // The first item twice, to see that the pool is still usable; then a later one; then one that knows its length, twice.
    let special = || std::iter::repeat_with(|| -> i64 { panic_any(SayWhen) }).take(1);
    assert_eq!(special().size_hint(), (1, Some(1)));
    let inputs: [Box<dyn Iterator<Item = i64>>; 5] = [
        Box::new(raising(1, None)),
        Box::new(raising(1, None)),
        Box::new(raising(10, Some(3))),
        Box::new(special()),
        Box::new(special()),
    ];
    for input in inputs {
        let call = || pool.batch(sqr, input).chunksize(1).map();
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert!(payload.is::<SayWhen>());
    }
    assert_eq!(pool.map(sqr, 0..3).unwrap(), [0, 1, 4]);
}

// covers RES-09
#[test]
fn test_async() {
    const TAKES: Duration = Duration::from_millis(80);
    let pool = pool();
    let began = Instant::now();
    let result = pool.apply_async(|| {
        thread::sleep(TAKES);
        sqr(7)
    });
    assert_eq!(result.unwrap().get().unwrap(), 49);
    assert!(began.elapsed() >= TAKES, "not before the task");
}

// covers RES-07 RES-09
#[test]
fn test_async_timeout() {
    const LIMIT: Duration = Duration::from_millis(20);
    let pool = ThreadPool::new(3).unwrap();
    let gate = Gate::new();
    let event = gate.clone();
    let result = pool
        .apply_async(move || {
            event.wait();
            sqr(6)
        })
        .unwrap();
    let began = Instant::now();
    let Err(Timeout(result)) = result.get_timeout(LIMIT) else {
        panic!("the task cannot have ended")
    };
    assert!(began.elapsed() >= LIMIT, "not before the time");
    gate.open();
    pool.terminate();
    pool.join().unwrap();
    assert!(matches!(result.try_get().unwrap(), Ok(36) | Err(TaskError::Terminated)));
}

// covers NEW-02 NEW-04
#[test]
fn test_make_pool() {
    assert!(ThreadPool::new(0).is_err());
    let pool = ThreadPool::new(3).unwrap();
    assert_eq!(pool.workers(), 3);
    pool.close();
    pool.join().unwrap();
}

// covers LIFE-06
#[test]
fn test_terminate() {
    let pool = ThreadPool::new(3).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let (begins, begun) = channel();
    let slow = move |_: u32| {
        begins.send(()).unwrap();
        pass.wait();
    };
    let result = pool.batch(slow, 0..10_000).chunksize(1).map_async().unwrap();
    for _ in 0..3 {
        begun.recv().unwrap();
    }
    pool.terminate();
    gate.open();
    pool.join().unwrap();
    assert!(matches!(result.get(), Err(TaskError::Terminated)));
    assert_eq!(begun.into_iter().count(), 0, "only the three that were running have run");
}

// covers MAP-09
#[test]
fn test_empty_iterable() {
    let pool = ThreadPool::new(1).unwrap();
    assert_eq!(pool.map(sqr, []).unwrap(), []);
    assert_eq!(pool.map_async(sqr, []).unwrap().get().unwrap(), []);
    pool.close();
    pool.join().unwrap();
}

// covers LIFE-11
#[test]
fn test_context() {
    let kept = {
        let pool = ThreadPool::new(2).unwrap();
        let result = pool.map_async(sqr, 0..10).unwrap();
        result.wait();
        let handle = pool.handle();
        (result, handle)
    };
    let (result, handle) = kept;
    assert_eq!(
        result.get().unwrap(),
        (0..10).map(sqr).collect::<Vec<_>>(),
        "results stay readable"
    );
    let refused = handle.map_async(sqr, 0..10).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (SubmitErrorKind::NotRunning, "Pool not running")
    );
}

// covers PROC-03
#[test]
fn test_traceback() {
    // The place of a panic is printed where it happens, by the panic hook. What is kept is the message.
    let pool = ThreadPool::new(1).unwrap();
    let error = pool.apply(|| -> u32 { panic!("{}", 123) }).unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: 123");
    let call = || pool.batch(sqr, raising(1, None)).chunksize(1).map();
    let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert!(payload.is::<SayWhen>(), "and nothing is wrapped round a panic of the input");
}

// covers RES-14
#[test]
fn test_wrapped_exception() {
    let pool = ThreadPool::new(1).unwrap();
    let error = pool.apply(|| -> u32 { panic_any(SayWhen) }).unwrap_err();
    let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
    assert!(panic.downcast_ref::<SayWhen>().is_some());
    assert!(panic.into_payload().is::<SayWhen>(), "the very payload");
}

// covers MAP-13
#[test]
fn test_map_no_failfast() {
    let pool = ThreadPool::new(2).unwrap();
    let (failed, ended) = (Gate::new(), AtomicUsize::new(0));
    let each = |i: u32| {
        if i == 0 {
            failed.open();
            panic!("{}", "large".repeat(1 << 18));
        }
        failed.wait();
        // Stands for work that goes on after the failure.
        thread::sleep(Duration::from_millis(20));
        ended.fetch_add(1, Ordering::Relaxed);
    };
    let error = pool.map(each, [0, 1]).unwrap_err();
    assert_eq!(
        (error.item(), ended.load(Ordering::Relaxed)),
        (Some(0), 1),
        "map has waited for both"
    );
    pool.close();
    pool.join().unwrap();
}

// covers MAP-22
#[test]
fn test_release_task_refs() {
    let pool = pool();
    let ledger = Ledger::new();
    let values = pool.map(|item| item, (0..10).map(|_| ledger.value(false))).unwrap();
    assert_eq!((ledger.made(), ledger.dropped()), (10, 0));
    drop(values);
    ledger.settle("neither arguments nor values are kept");
}

// covers LIFE-10
#[test]
fn test_enter() {
    let pool = ThreadPool::new(1).unwrap();
    let handle = pool.handle();
    // Leaving the block drops the pool: there is nothing to enter again, and its handles are refused.
    drop(pool);
    assert_eq!(handle.apply_async(|| 1).unwrap_err().kind(), SubmitErrorKind::NotRunning);
    // Unwinding through a pool goes on.
    let unwinds = || {
        let _pool = ThreadPool::new(1).unwrap();
        panic_any(SayWhen)
    };
    assert!(catch_unwind(unwinds).map(|(): ()| ()).unwrap_err().is::<SayWhen>());
}

// covers LIFE-14
#[test]
fn test_resource_warning() {
    common::alone("test_resource_warning", || {
        // No warning, since nothing can be left: a pool that is dropped running takes its threads along.
        let before = threads();
        for policy in [DropPolicy::Join, DropPolicy::Drain] {
            let left = Arc::new(AtomicUsize::new(0));
            let leaves = Arc::clone(&left);
            let builder = ThreadPool::builder().workers(3).drop_policy(policy);
            let builder =
                builder.on_worker_exit(move |_| _ = leaves.fetch_add(1, Ordering::Relaxed));
            let pool = builder.build().unwrap();
            assert_eq!(threads(), before + 3);
            drop(pool);
            assert_eq!(left.load(Ordering::Relaxed), 3, "{policy:?}");
            until_threads(before);
        }
        drop(ThreadPool::new(3).unwrap());
        // By default they go on their own.
        until_threads(before);
    });
}

// covers PROC-07
#[test]
fn test_async_error_callback() {
    let pool = ThreadPool::new(2).unwrap();
    let (send, receive) = channel();
    let result = pool
        .task(|| -> u32 { panic_any(SayWhen) })
        .error_callback(move |error| {
            let TaskError::Panicked(panic) = error else { panic!("{error}") };
            send.send(panic.downcast_ref::<SayWhen>().is_some()).unwrap();
        })
        .apply_async()
        .unwrap();
    let error = result.get().unwrap_err();
    assert!(
        matches!(error, TaskError::Panicked(panic) if panic.downcast_ref::<SayWhen>().is_some())
    );
    assert_eq!(receive.try_recv(), Ok(true), "before get returned");
    pool.close();
    pool.join().unwrap();
}
