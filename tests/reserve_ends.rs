//! Permits, and futures and threads that wait for one, when the pool ends: all return, and a permit
//! that is kept holds nothing up.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::Gate;
use limited::{Alarm, Sleeper, bounded, poll, queued, waiting};
use millpond::{DropPolicy, Permit, SubmitErrorKind, TaskError, ThreadPool};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

fn refuses_all(permit: Permit, task: Permit, batch: Permit, why: SubmitErrorKind) {
    let refused = permit.apply_async(|| 7).unwrap_err();
    assert_eq!((refused.kind(), refused.full().is_none(), refused.into_task()()), (why, true, 7));
    let refused = task.task(|| 7).callback(|_| ()).apply_async().unwrap_err();
    assert_eq!(refused.kind(), why);
    let refused = refused.into_task().nonblocking(true).apply_async().unwrap_err();
    assert_eq!(refused.kind(), why, "the task may ask again");
    let refused = batch.batch(|x: u64| x, 0..).map_async().unwrap_err();
    assert_eq!(refused.kind(), why, "before the endless input was read");
}

// covers LIMIT-06
#[test]
fn a_permit_that_outlives_its_pool_is_refused_and_gives_the_work_back() {
    let ends: [(fn(ThreadPool) -> Option<ThreadPool>, DropPolicy); 5] = [
        (|pool| (pool.close(), Some(pool)).1, DropPolicy::Terminate),
        (|pool| (pool.terminate(), Some(pool)).1, DropPolicy::Terminate),
        (|pool| (drop(pool), None).1, DropPolicy::Terminate),
        (|pool| (drop(pool), None).1, DropPolicy::Join),
        (|pool| (drop(pool), None).1, DropPolicy::Drain),
    ];
    for (end, policy) in ends {
        let pool =
            ThreadPool::builder().workers(2).max_queued(3).drop_policy(policy).build().unwrap();
        let [one, two, three] = [(); 3].map(|()| pool.reserve_timeout(Duration::MAX).unwrap());
        let alarm = Alarm::new();
        let mut future = waiting(&pool, &alarm);
        let handle = pool.handle();
        let thread =
            Sleeper::start(move || handle.reserve_timeout(Duration::MAX).unwrap_err().kind());
        thread.until_asleep();
        let pool = end(pool);
        assert_eq!(thread.join(), SubmitErrorKind::NotRunning);
        assert_eq!(alarm.rings(), 1, "the future was woken");
        let Poll::Ready(Err(kind)) = poll(&mut future, &alarm) else { panic!("let in by the end") };
        assert_eq!(kind, SubmitErrorKind::NotRunning);
        pool.inspect(|pool| pool.join().unwrap());
        refuses_all(one, two, three, SubmitErrorKind::NotRunning);
    }
}

// covers LIMIT-06
#[test]
fn a_pool_that_breaks_says_so_to_permits_and_waiters() {
    let gate = Gate::new();
    let pass = gate.clone();
    let pool = ThreadPool::builder()
        .workers(1)
        .max_queued(3)
        .initializer(move |_| {
            pass.wait();
            panic!("no database");
        })
        .build()
        .unwrap();
    let [one, two, three] = [(); 3].map(|()| pool.reserve_timeout(Duration::MAX).unwrap());
    let handle = pool.handle();
    let future = Sleeper::start(move || pollster::block_on(handle.reserve()).unwrap_err());
    future.until_asleep();
    gate.open();
    assert_eq!(future.join(), SubmitErrorKind::Broken);
    refuses_all(one, two, three, SubmitErrorKind::Broken);
}

// covers LIMIT-06
#[test]
fn a_permit_that_is_kept_holds_up_no_stream_of_a_closed_pool() {
    let pool = bounded(1, 1);
    let mut stream = pool.stream(|x: usize| x, 0..5).buffersize(1).imap().unwrap();
    assert_eq!(stream.next().unwrap().unwrap(), 0);
    let permit = pool.reserve_timeout(Duration::MAX).unwrap();
    let consumer = Sleeper::start(move || stream.map(Result::ok).collect::<Vec<_>>());
    consumer.until_asleep();
    assert!(!consumer.is_gone(), "the stream waits for the permit's place");
    pool.close();
    assert_eq!(consumer.join(), [1, 2, 3, 4].map(Some));
    pool.join().unwrap();
    drop(permit);
    assert_eq!(queued(&pool.handle()), 0);
}

// covers LIMIT-06
#[test]
fn every_waiter_returns_whenever_the_pool_ends() {
    for round in 0..300 {
        let (pool, accepted) = (bounded(2, 1 + round % 3), Arc::new(AtomicUsize::new(0)));
        let submitters: Vec<_> = (0..3)
            .map(|i| {
                let (handle, accepted) = (pool.handle(), Arc::clone(&accepted));
                thread::spawn(move || {
                    let (mut results, mut kept) = (Vec::new(), Vec::new());
                    loop {
                        let permit = if i % 2 == 0 {
                            pollster::block_on(handle.reserve())
                        } else {
                            handle.reserve_timeout(Duration::MAX).map_err(|error| error.kind())
                        };
                        let Ok(permit) = permit else { break };
                        match permit.apply_async(|| ()) {
                            Ok(result) => results.push(result),
                            Err(refused) => {
                                break assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
                            }
                        }
                        accepted.fetch_add(1, Ordering::Relaxed);
                        kept.extend(handle.reserve_timeout(Duration::ZERO));
                        kept.truncate(0);
                    }
                    for result in results {
                        let outcome = result.get();
                        assert!(
                            matches!(outcome, Ok(()) | Err(TaskError::Terminated)),
                            "{outcome:?}"
                        );
                    }
                })
            })
            .collect();
        while accepted.load(Ordering::Relaxed) < round % 50 {
            thread::yield_now();
        }
        if round % 2 == 0 {
            pool.close()
        } else {
            pool.terminate()
        }
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        pool.join().unwrap();
        assert_eq!(queued(&pool.handle()), 0, "every place is free again");
    }
}
