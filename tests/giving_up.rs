//! A guard that cancels its task when it is dropped: the rows GIVE of the catalogue.

mod common;
mod parity;

use common::{Gate, hold_up};
use millpond::{AsyncResult, CancelOnDrop, TaskError, ThreadPool, is_cancelled};
use parity::{Ledger, block_on};
use smol::future::{or, yield_now};
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::thread;

/// Awaits until something else happens first: here at the second poll, where a service has a timer.
async fn until_given_up(future: impl Future) {
    let timer = async {
        yield_now().await;
        None
    };
    assert!(or(async { Some(future.await) }, timer).await.is_none(), "it cannot be done");
}

async fn ten_awaits(pool: &ThreadPool, guarded: bool) {
    for _ in 0..10 {
        let result = pool.apply_async(|| assert!(is_cancelled(), "it was given up")).unwrap();
        if guarded {
            until_given_up(result.cancel_on_drop()).await;
        } else {
            until_given_up(result).await;
        }
    }
}

// covers GIVE-01 GIVE-02
#[test]
fn ten_awaits_that_are_given_up_leave_nothing_queued() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for guarded in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let _gate = hold_up(&pool);
        let left = if guarded { 0 } else { 10 };
        tokio.block_on(ten_awaits(&pool, guarded));
        assert_eq!(pool.queued(), left, "tokio, guarded: {guarded}");
        smol::block_on(ten_awaits(&pool, guarded));
        assert_eq!(pool.queued(), 2 * left, "smol, guarded: {guarded}");
        block_on(ten_awaits(&pool, guarded));
        assert_eq!(pool.queued(), 3 * left, "by hand, guarded: {guarded}");
        pool.terminate();
        _gate.open();
    }
}

// covers GIVE-02
#[test]
fn a_place_in_a_full_pool_is_free_after_the_drop() {
    let pool = ThreadPool::builder().workers(1).max_queued(2).build().unwrap();
    let gate = hold_up(&pool);
    for _ in 0..10 {
        let submit = |_| pool.task(|| ()).nonblocking(true).apply_async();
        let guards: Vec<_> = (0..2).map(|i| submit(i).unwrap().cancel_on_drop()).collect();
        assert!(submit(2).is_err(), "the pool is full");
        drop(guards);
        assert_eq!(pool.queued(), 0);
    }
    gate.open();
}

// covers GIVE-01
#[test]
fn the_thread_that_drops_the_guard_drops_the_task_and_tells_the_error_callback() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let (ledger, (send, told)) = (Ledger::new(), channel());
    let captured = ledger.value(false);
    let result = pool
        .task(move || drop(captured))
        .callback(|()| unreachable!("it has no value"))
        .error_callback(move |error| {
            send.send((matches!(error, TaskError::Cancelled), thread::current().id())).unwrap();
        })
        .apply_async()
        .unwrap();
    drop(result.cancel_on_drop());
    ledger.settle("the closure, before the drop of the guard has returned");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(true, thread::current().id())]);
    gate.open();
}

// covers GIVE-01
#[test]
fn a_callback_that_panics_in_the_drop_of_a_guard_stays_there() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let ledger = Ledger::new();
    let captured = ledger.value(true);
    let task = pool.task(move || drop(captured)).error_callback(|_| panic!("in the callback"));
    drop(task.apply_async().unwrap().cancel_on_drop());
    ledger.settle("a closure whose drop panics");
    gate.open();
    assert_eq!(pool.apply(|| 7).unwrap(), 7);
}

// covers GIVE-03
#[test]
fn a_running_task_goes_on_to_its_end() {
    let pool = ThreadPool::new(1).unwrap();
    let (ledger, (begin, begun), (send, told), gate) =
        (Ledger::new(), channel(), channel(), Gate::new());
    let (makes, pass) = (ledger.clone(), gate.clone());
    let result = pool
        .task(move || {
            begin.send(()).unwrap();
            pass.wait();
            (is_cancelled(), makes.value(false))
        })
        .callback(move |(asked, _)| send.send(*asked).unwrap())
        .error_callback(|error| panic!("{error}"))
        .apply_async()
        .unwrap();
    let guard = result.cancel_on_drop();
    begun.recv().unwrap();
    drop(guard);
    assert!(told.try_recv().is_err(), "the drop does not wait for the task");
    gate.open();
    assert_eq!(told.recv(), Ok(true), "the callback is called, and the task was asked to stop");
    pool.apply(|| ()).unwrap();
    ledger.settle("the value that no thread took");
}

// covers GIVE-04
#[test]
fn a_guard_of_what_is_done_or_taken_out_or_awaited_cancels_nothing() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, told) = channel();
    let submit = || {
        let tell = send.clone();
        pool.task(|| 7).error_callback(move |_| tell.send(()).unwrap()).apply_async().unwrap()
    };
    let done = submit().cancel_on_drop();
    assert!(
        done.wait() && done.ready() && done.successful() == Ok(true),
        "it has the handle's methods"
    );
    assert!(!done.cancel());
    drop(done);
    let gate = hold_up(&pool);
    let taken_out: AsyncResult<_> = submit().cancel_on_drop().into_inner();
    let forgotten = submit().cancel_on_drop().into_inner();
    drop(forgotten);
    assert_eq!(pool.queued(), 2, "none of the two was cancelled");
    gate.open();
    assert_eq!(taken_out.get().unwrap(), 7);
    let mut awaited = pin!(submit().cancel_on_drop());
    assert_eq!(block_on(awaited.as_mut()).unwrap(), 7);
    assert!(!awaited.cancel(), "there is nothing left to cancel");
    drop(send);
    pool.close();
    pool.join().unwrap();
    assert!(told.into_iter().next().is_none(), "no error callback was called");
}

// covers GIVE-05
#[test]
fn the_guard_of_a_batch_drops_the_items_that_have_not_begun() {
    let pool = ThreadPool::new(1).unwrap();
    let (ledger, (begin, begun), (send, told), gate) =
        (Ledger::new(), channel(), channel(), Gate::new());
    let items: Vec<_> = (0..10).map(|_| ledger.value(false)).collect();
    let pass = gate.clone();
    let work = move |item| {
        begin.send(()).unwrap();
        pass.wait();
        drop(item);
        assert!(is_cancelled(), "its batch was given up");
    };
    let batch = pool.batch(work, items).chunksize(1).callback(|_| unreachable!("no values"));
    let batch = batch.error_callback(move |error| send.send(error.to_string()).unwrap());
    let guard: CancelOnDrop<Vec<()>> = batch.map_async().unwrap().cancel_on_drop();
    begun.recv().unwrap();
    drop(guard);
    assert_eq!(pool.queued(), 0);
    gate.open();
    assert_eq!(told.recv().unwrap(), "the task was cancelled before it ran");
    assert!(begun.recv().is_err(), "no other item has begun");
    ledger.settle("every item");
    // A batch of which nothing has begun.
    let gate = hold_up(&pool);
    drop(pool.map_async(|_| unreachable!("given up"), 0..10).unwrap().cancel_on_drop());
    assert_eq!(pool.queued(), 0);
    gate.open();
}

// covers GIVE-06
#[test]
fn an_await_of_a_guard_ends_with_the_pool() {
    let ends: [fn(ThreadPool) -> Option<ThreadPool>; 2] = [
        |pool| {
            pool.terminate();
            Some(pool)
        },
        |pool| {
            drop(pool);
            None
        },
    ];
    for end in ends {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let (one, other) = (pool.apply_async(|| ()).unwrap(), pool.apply_async(|| ()).unwrap());
        let (one, other) = (one.cancel_on_drop(), other.cancel_on_drop());
        let waiter = thread::spawn(move || block_on(one));
        let mut other = pin!(other);
        let poll = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending());
        let pool = end(pool);
        assert!(matches!(waiter.join().unwrap(), Err(TaskError::Terminated)));
        let poll = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Ready(Err(TaskError::Terminated))), "{poll:?}");
        gate.open();
        drop(pool);
    }
}
