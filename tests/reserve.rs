//! A place in a full pool that a future or a thread waits for: `reserve`, `reserve_timeout` and
//! what a permit does. The end of the pool is in tests/reserve_ends.rs, the pool's own threads in
//! tests/reserve_inside.rs, and a runtime on a full pool in tests/reserve_runtime.rs.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::hold_up;
use limited::{Alarm, Sleeper, bounded, free, full, poll, queued, waiting};
use millpond::{Permit, Pool, PoolHandle, SubmitErrorKind, ThreadPool};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// A thread that stands in the line, and puts `name` into `order` once it is in.
fn thread_in_line(
    pool: &Pool,
    how: fn(&PoolHandle, Box<dyn FnOnce() + Send>),
    work: impl FnOnce() + Send + 'static,
) -> Sleeper<()> {
    let handle = pool.handle();
    let submitter = Sleeper::start(move || how(&handle, Box::new(work)));
    submitter.until_asleep();
    assert!(!submitter.is_gone(), "it has not waited");
    submitter
}

fn by_future(pool: &PoolHandle, work: Box<dyn FnOnce() + Send>) {
    pollster::block_on(pool.reserve()).unwrap().spawn(work).unwrap();
}

fn by_thread(pool: &PoolHandle, work: Box<dyn FnOnce() + Send>) {
    pool.reserve_timeout(Duration::MAX).unwrap().spawn(work).unwrap();
}

fn by_verb(pool: &PoolHandle, work: Box<dyn FnOnce() + Send>) {
    pool.spawn(work).unwrap();
}

// ---- the line ----

// covers LIMIT-03
#[test]
fn futures_and_threads_are_let_in_in_the_order_of_coming() {
    let (pool, gate) = full(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let hows: [fn(&PoolHandle, Box<dyn FnOnce() + Send>); 3] = [by_future, by_verb, by_thread];
    let submitters: Vec<_> = (0..9)
        .map(|i| {
            let order = Arc::clone(&order);
            thread_in_line(&pool, hows[i % 3], move || order.lock().unwrap().push(i))
        })
        .collect();
    let refused = pool.task(|| ()).nonblocking(true).apply_async().unwrap_err();
    assert_eq!(refused.full().unwrap().waiting, 9, "{refused}");
    gate.open();
    submitters.into_iter().for_each(Sleeper::join);
    pool.close();
    pool.join().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..9).collect::<Vec<_>>());
}

// covers LIMIT-03
#[test]
fn a_newcomer_does_not_overtake_a_future() {
    let (pool, gate) = full(1);
    let alarm = Alarm::new();
    let mut first = waiting(&pool, &alarm);
    gate.open();
    alarm.wait();
    assert_eq!(free(&pool), 0, "the place is the future's, polled or not");
    let Poll::Ready(Ok(permit)) = poll(&mut first, &alarm) else { panic!("it has been woken") };
    assert_eq!(permit.apply_async(|| 7).unwrap().get().unwrap(), 7);
}

// covers LIMIT-03
#[test]
fn the_waker_of_the_last_poll_is_woken_once() {
    let (pool, gate) = full(1);
    let alarms = [(); 3].map(|()| Alarm::new());
    let mut future = waiting(&pool, &alarms[0]);
    for alarm in &alarms {
        assert!(poll(&mut future, alarm).is_pending());
        assert!(poll(&mut future, alarm).is_pending(), "polled twice by one waker");
    }
    gate.open();
    alarms[2].wait();
    assert!(poll(&mut future, &alarms[0]).is_ready());
    pool.apply(|| ()).unwrap();
    assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0, 0, 1]);
    assert_eq!(alarms.each_ref().map(Arc::strong_count), [1; 3], "a waker was kept");
}

// covers LIMIT-03
#[test]
fn a_future_that_is_not_polled_takes_nothing() {
    let pool = bounded(1, 1);
    let futures = [(); 3].map(|()| pool.reserve());
    assert_eq!(free(&pool), 1);
    for future in futures {
        drop(pollster::block_on(future).unwrap());
    }
}

/// A waker that panics when it is called, and says that it was.
struct Bomb(AtomicBool);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
        panic!("deliberate, by a waker");
    }
}

// covers LIMIT-09
#[test]
fn a_waker_that_panics_harms_no_worker_and_no_waiter() {
    let (pool, gate) = full(1);
    let bomb = Arc::new(Bomb(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&bomb));
    let mut future = pool.reserve();
    assert!(pin!(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    let (tell, told) = mpsc::channel();
    let behind = thread_in_line(&pool, by_future, move || tell.send(7).unwrap());
    gate.open();
    while !bomb.0.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    drop(future);
    behind.join();
    assert_eq!(told.recv(), Ok(7));
}

// ---- giving up ----

// covers LIMIT-04
#[test]
fn a_future_dropped_in_the_line_gives_its_turn_on() {
    for by in [by_future, by_thread, by_verb] {
        let (pool, gate) = full(1);
        let alarms = [(); 3].map(|()| Alarm::new());
        let [first, second, third] = alarms.each_ref().map(|alarm| waiting(&pool, alarm));
        let (tell, told) = mpsc::channel();
        let last = thread_in_line(&pool, by, move || tell.send(()).unwrap());
        // From the middle, from the front, from the end of the futures.
        drop(second);
        drop(first);
        drop(third);
        gate.open();
        last.join();
        told.recv().unwrap();
        assert_eq!(alarms.each_ref().map(|alarm| alarm.rings()), [0; 3]);
        assert_eq!(alarms.each_ref().map(Arc::strong_count), [1; 3], "a waker was kept");
        pool.apply(|| ()).unwrap();
        assert_eq!((free(&pool), queued(&pool.handle())), (1, 0));
    }
}

// covers LIMIT-04
#[test]
fn a_future_dropped_when_it_has_a_place_gives_the_place_on() {
    let (pool, gate) = full(1);
    let alarm = Alarm::new();
    let future = waiting(&pool, &alarm);
    let (tell, told) = mpsc::channel();
    let next = thread_in_line(&pool, by_verb, move || tell.send(()).unwrap());
    gate.open();
    alarm.wait();
    assert!(!next.is_gone(), "the place is the future's");
    drop(future);
    next.join();
    told.recv().unwrap();
}

// covers LIMIT-07
#[test]
fn a_thread_whose_time_is_up_leaves_the_line() {
    let (pool, gate) = full(2);
    for limit in [0, 1, 5] {
        let refused = pool.reserve_timeout(Duration::from_millis(limit)).unwrap_err();
        let full = refused.full().expect("that is why").clone();
        assert_eq!((refused.kind(), full.limit, full.used), (SubmitErrorKind::Full, 2, 2));
        assert_eq!((full.waiting, full.reserved), (0, 0), "it has left the line");
    }
    let (tell, told) = mpsc::channel();
    let next = thread_in_line(&pool, by_future, move || tell.send(()).unwrap());
    assert!(pool.reserve_timeout(Duration::from_millis(1)).is_err(), "the next is in front");
    gate.open();
    next.join();
    told.recv().unwrap();
    assert_eq!(
        pool.reserve_timeout(Duration::MAX).unwrap().apply_async(|| 7).unwrap().get().unwrap(),
        7
    );
}

// covers LIMIT-04 LIMIT-07
#[test]
fn waiters_that_give_up_at_any_moment_lose_no_place_and_exceed_no_limit() {
    const LIMIT: usize = 2;
    let (pool, ran, most) = (bounded(2, LIMIT), AtomicUsize::new(0), AtomicUsize::new(0));
    let (ran, alarm) = (Arc::new(ran), Alarm::new());
    let work = || {
        let ran = Arc::clone(&ran);
        move || _ = ran.fetch_add(1, Ordering::Relaxed)
    };
    thread::scope(|s| {
        for submitter in 0..4 {
            let (pool, most, work, alarm) = (&pool, &most, &work, &alarm);
            s.spawn(move || {
                for round in 0..500 {
                    let mut dropped = pool.reserve();
                    if let Poll::Ready(permit) = poll(&mut dropped, alarm) {
                        permit.unwrap().spawn(work()).unwrap();
                    } else {
                        // It may have a place by now, which this thread must not wait for.
                        thread::yield_now();
                        drop(dropped);
                        pollster::block_on(pool.reserve()).unwrap().spawn(work()).unwrap();
                    }
                    let limit = Duration::from_micros(10 * ((round + submitter) % 5));
                    drop(
                        pool.reserve_timeout(limit)
                            .map(|permit| (round % 2 == 0).then_some(permit)),
                    );
                    most.fetch_max(queued(&pool.handle()), Ordering::Relaxed);
                }
            });
        }
    });
    assert!(most.load(Ordering::Relaxed) <= LIMIT, "{most:?} were queued at one time");
    pool.apply(|| ()).unwrap();
    while queued(&pool.handle()) > 0 {
        thread::yield_now();
    }
    assert_eq!(free(&pool), LIMIT, "every place is free again");
    pool.close();
    pool.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 2_000);
}

// ---- permits ----

// covers LIMIT-05
#[test]
fn each_verb_of_a_permit_submits_to_a_full_pool_without_waiting() {
    type Verb = fn(Permit) -> usize;
    let verbs: [(&str, Verb); 9] = [
        ("apply_async", |permit| permit.apply_async(|| 1).unwrap().get().unwrap()),
        ("try_apply_async", |permit| {
            permit.try_apply_async(|| Ok::<_, ()>(1)).unwrap().get().unwrap()
        }),
        ("spawn", |permit| {
            permit.spawn(|| ()).unwrap();
            1
        }),
        ("task", |permit| {
            permit.task(|| 1).nonblocking(true).apply_async().unwrap().get().unwrap()
        }),
        ("try_task", |permit| {
            permit.try_task(|| Ok::<_, ()>(1)).apply_async().unwrap().get().unwrap()
        }),
        ("batch", |permit| permit.batch(|x: usize| x, 1..4).map().unwrap()[0]),
        ("map_async", |permit| {
            let batch = permit.try_batch(|x: usize| Ok::<_, ()>(x), 1..4);
            batch.map_async().unwrap().get().unwrap()[0]
        }),
        ("stream", |permit| {
            permit.stream(|x: usize| x, 1..4).imap().unwrap().next().unwrap().unwrap()
        }),
        ("try_stream", |permit| {
            let stream = permit.try_stream(|x: usize| Ok::<_, ()>(x), 1..4);
            stream.imap_unordered().unwrap().map(Result::unwrap).min().unwrap()
        }),
    ];
    for (name, verb) in verbs {
        let pool = bounded(1, 2);
        let gate = hold_up(&pool);
        let permit = pool.reserve_timeout(Duration::ZERO).unwrap();
        pool.spawn(|| ()).unwrap();
        let refused = pool.task(|| ()).nonblocking(true).apply_async().unwrap_err();
        assert_eq!(refused.full().unwrap().reserved, 1, "{name}: the other place is reserved");
        let submitter = Sleeper::start(move || verb(permit));
        submitter.until_asleep();
        assert!(queued(&pool.handle()) <= 2, "{name}: more is queued than the limit");
        gate.open();
        assert_eq!(submitter.join(), 1, "{name}");
    }
}

// covers LIMIT-05
#[test]
fn a_permit_that_is_not_used_gives_its_place_to_the_first_in_line() {
    let pool = bounded(1, 1);
    let gate = hold_up(&pool);
    let permit = pool.reserve_timeout(Duration::ZERO).unwrap();
    assert_eq!(queued(&pool.handle()), 0, "nothing is queued");
    let alarm = Alarm::new();
    let mut future = waiting(&pool, &alarm);
    drop(permit);
    assert_eq!(alarm.rings(), 1);
    assert!(matches!(poll(&mut future, &alarm), Poll::Ready(Ok(_))));
    assert_eq!(free(&pool), 1, "that permit was dropped too");
    gate.open();
}

// covers LIMIT-05
#[test]
fn a_pool_without_a_limit_gives_permits_at_once() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let permits: Vec<_> = (0..100).map(|_| pollster::block_on(pool.reserve()).unwrap()).collect();
    let results: Vec<_> =
        permits.into_iter().map(|permit| permit.apply_async(|| 7).unwrap()).collect();
    assert!(pool.reserve_timeout(Duration::ZERO).is_ok());
    gate.open();
    assert!(results.into_iter().all(|result| result.get().unwrap() == 7));
    pool.close();
    assert_eq!(pollster::block_on(pool.reserve()).unwrap_err(), SubmitErrorKind::NotRunning);
}
