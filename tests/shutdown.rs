//! Shutdown: what it lets finish, what it drops, what it reports, and who may call it.

#![cfg(target_os = "linux")]

mod common;

use common::{Gate, hold_up};
use millpond::{
    Drain, JoinError, Permit, PoolHandle, PoolState, Report, SubmitErrorKind, TaskError, ThreadPool,
};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3_600);

fn bounded(workers: usize, max_queued: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).max_queued(max_queued).build().unwrap()
}

fn permit(pool: &ThreadPool) -> Permit {
    pool.reserve_timeout(Duration::MAX).unwrap()
}

/// Until a thread has shut the pool down.
fn until_closed(pool: &ThreadPool) {
    while pool.state() == PoolState::Running {
        thread::yield_now();
    }
}

/// Shuts the pool down on another thread, and opens the gate, which holds the only worker up, once
/// `then` has run beside the shutdown.
fn beside(pool: &ThreadPool, drain: Drain, gate: &Gate, then: impl FnOnce()) -> Report {
    thread::scope(|scope| {
        let shutdown = scope.spawn(|| pool.shutdown(drain).unwrap());
        until_closed(pool);
        then();
        gate.open();
        shutdown.join().unwrap()
    })
}

fn counts(report: &Report) -> (usize, usize, usize) {
    (report.finished, report.dropped, report.still_running)
}

// covers LIFE-16 SHUT-01
#[test]
fn a_shutdown_of_all_lets_accepted_work_finish_and_counts_it() {
    for drain in [Drain::All, Drain::Within(LONG), Drain::Within(Duration::MAX)] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let done = Arc::clone(&done);
            pool.spawn(move || {
                // What a task submits is accepted too.
                PoolHandle::current()
                    .unwrap()
                    .spawn(move || _ = done.fetch_add(1, Ordering::SeqCst))
                    .unwrap();
            })
            .unwrap();
        }
        let cancelled = pool.apply_async(|| ()).unwrap();
        assert!(cancelled.cancel());
        let report = beside(&pool, drain, &gate, || {
            assert_eq!(pool.spawn(|| ()).unwrap_err().kind(), SubmitErrorKind::NotRunning);
        });
        assert_eq!(counts(&report), (11, 0, 0), "the held one, five, and what they submit");
        assert_eq!(done.load(Ordering::SeqCst), 5);
        let last = report.last.unwrap();
        assert_eq!((last.index, last.thread.as_str()), (0, "millpond-0"));
        pool.join().unwrap();
    }
}

// covers LIFE-16 SHUT-02
#[test]
fn when_the_time_is_up_queued_work_is_terminated_and_running_work_goes_on() {
    let pool = ThreadPool::builder().workers(2).thread_name(|i| format!("w{i}")).build().unwrap();
    let gate = hold_up(&pool);
    // The other worker is held up too, so the rest stays in the queue.
    let (entered, pass) = (Gate::new(), gate.clone());
    let enter = entered.clone();
    let running = pool.apply_async(move || (enter.open(), pass.wait(), 7).2).unwrap();
    entered.wait();
    let queued: Vec<_> = (0..3).map(|_| pool.apply_async(|| ()).unwrap()).collect();
    let report = pool.shutdown(Drain::Within(Duration::from_millis(1))).unwrap();
    assert_eq!(counts(&report), (0, 3, 2));
    let last = report.last.unwrap();
    assert_eq!(last.thread, format!("w{}", last.index));
    for task in queued {
        assert!(matches!(task.get(), Err(TaskError::Terminated)));
    }
    assert!(!running.ready() && pool.state() == PoolState::Terminated);
    gate.open();
    assert_eq!(running.get().unwrap(), 7);
    pool.join().unwrap();
    let after = pool.shutdown(Drain::Within(Duration::ZERO)).unwrap();
    assert_eq!(counts(&after), (2, 3, 0), "by now the two have ended");
    assert!(after.last.is_some());
}

// covers LIFE-16 SHUT-03
#[test]
fn a_shutdown_now_terminates_and_waits_for_what_runs() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let calls: Vec<_> = (0..4).map(|_| pool.apply_async(|| ()).unwrap()).collect();
    let batch = pool.map_async(|x: u64| x, 0..100).unwrap();
    let report = beside(&pool, Drain::Now, &gate, || {
        assert!(calls.into_iter().all(|call| matches!(call.get(), Err(TaskError::Terminated))));
        assert!(matches!(batch.get(), Err(TaskError::Terminated)));
    });
    assert_eq!(counts(&report), (1, 5, 0), "a batch is one");
    assert_eq!(report.last.unwrap().index, 0);
}

// covers SHUT-01
#[test]
fn a_pool_that_was_idle_reports_nothing() {
    for drain in [Drain::All, Drain::Within(LONG), Drain::Now] {
        let pool = ThreadPool::new(2).unwrap();
        assert_eq!(pool.apply(|| 1).unwrap(), 1);
        // The call may end before its worker has come back to look for the next.
        let report = pool.shutdown(drain).unwrap();
        assert!(report.finished <= 1 && report.dropped == 0 && report.still_running == 0);
        assert_eq!(report.last.is_some(), report.finished == 1);
    }
}

// covers LIFE-16 SHUT-04 CB-17
#[test]
fn a_permit_is_used_until_the_pool_has_ended() {
    for limit in [Some(4), None] {
        for drain in [Drain::All, Drain::Within(LONG)] {
            let builder = ThreadPool::builder().workers(1);
            let builder = limit.into_iter().fold(builder, |builder, n| builder.max_queued(n));
            let pool = builder.build().unwrap();
            let gate = hold_up(&pool);
            let [call, batch, empty, kept] = [(); 4].map(|()| permit(&pool));
            let mut results = None;
            let report = beside(&pool, drain, &gate, || {
                let call = call.apply_async(|| 6 * 7).unwrap();
                let batch = batch.batch(|x: u64| x + 1, 0..3).map_async().unwrap();
                let empty = empty.batch(|x: u64| x, 0..0).map_async().unwrap();
                assert!(pool.reserve_timeout(Duration::ZERO).is_err(), "but no new permit");
                results = Some((call, batch, empty));
            });
            let (call, batch, empty) = results.unwrap();
            assert_eq!(call.get().unwrap(), 42);
            assert_eq!(batch.get().unwrap(), [1, 2, 3]);
            assert!(empty.get().unwrap().is_empty());
            assert_eq!(counts(&report), (3, 0, 0));
            // The one that was kept has held nothing up, and comes too late now.
            let late = kept.apply_async(|| 5).unwrap_err();
            assert_eq!((late.kind(), late.into_task()()), (SubmitErrorKind::NotRunning, 5));
        }
    }
}

// covers SHUT-04
#[test]
fn a_permit_that_is_kept_holds_up_no_stream_and_is_used_beyond_the_limit() {
    let pool = bounded(1, 1);
    let gate = hold_up(&pool);
    let kept = permit(&pool);
    let report = beside(&pool, Drain::Within(LONG), &gate, || {
        let mut stream = kept.stream(|x: usize| x, 0..5).buffersize(2).imap().unwrap();
        gate.open();
        assert!((0..5).all(|x| stream.next().unwrap().unwrap() == x) && stream.next().is_none());
    });
    assert_eq!((report.dropped, report.still_running), (0, 0));
}

// covers SHUT-05
#[test]
fn a_closed_or_strict_pool_takes_no_permit() {
    for strict in [false, true] {
        let pool = ThreadPool::builder().workers(1).max_queued(2).strict_close(strict).build();
        let pool = pool.unwrap();
        let gate = hold_up(&pool);
        let kept = permit(&pool);
        if !strict {
            pool.close();
        }
        let report = beside(&pool, Drain::All, &gate, || {
            let refused = kept.apply_async(|| ()).unwrap_err();
            assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
        });
        assert_eq!(counts(&report), (1, 0, 0));
    }
}

// covers SHUT-05
#[test]
fn a_shutdown_may_be_repeated_and_may_lose_its_patience() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let (queued, shared) = (pool.apply_async(|| ()).unwrap(), &pool);
    thread::scope(|scope| {
        let patient: Vec<_> = [Drain::All, Drain::All, Drain::Within(LONG)]
            .into_iter()
            .map(|drain| scope.spawn(move || (drain, shared.shutdown(drain).unwrap())))
            .collect();
        until_closed(&pool);
        let hasty = pool.shutdown(Drain::Within(Duration::ZERO)).unwrap();
        assert_eq!(counts(&hasty), (0, 1, 1));
        assert!(matches!(queued.get(), Err(TaskError::Terminated)));
        gate.open();
        for shutdown in patient {
            let (drain, report) = shutdown.join().unwrap();
            assert_eq!(counts(&report), (1, 1, 0), "{drain:?}");
        }
    });
    for drain in [Drain::All, Drain::Within(Duration::ZERO), Drain::Now] {
        assert_eq!(counts(&pool.shutdown(drain).unwrap()), (1, 1, 0));
    }
}

// covers SHUT-06
#[test]
fn a_task_may_not_wait_for_the_shutdown_of_its_own_pool() {
    let pool = Arc::new(ThreadPool::new(1).unwrap());
    let mine = Arc::clone(&pool);
    let refused = pool.apply(move || mine.shutdown(Drain::Now)).unwrap();
    assert_eq!(refused, Err(JoinError::WouldDeadlock));
    assert_eq!(pool.state(), PoolState::Running, "it has changed nothing");
    // The future begins, and does not wait here.
    let mine = Arc::clone(&pool);
    let refused = pool.apply(move || pollster::block_on(mine.shutdown_async(Drain::All))).unwrap();
    assert_eq!(refused, Err(JoinError::WouldDeadlock));
    assert_eq!(pool.state(), PoolState::Closed);
    pool.join().unwrap();
}

// covers LIFE-16 SHUT-07
#[test]
fn a_future_is_woken_by_the_last_worker_and_needs_no_thread() {
    common::alone("a_future_is_woken_by_the_last_worker_and_needs_no_thread", || {
        for drain in [Drain::All, Drain::Within(LONG), Drain::Within(Duration::MAX), Drain::Now] {
            let pool = ThreadPool::new(2).unwrap();
            let gate = hold_up(&pool);
            let before = common::threads();
            let (first, second) = (pool.shutdown_async(drain), pool.shutdown_async(drain));
            if !matches!(drain, Drain::Within(limit) if limit == LONG) {
                assert!(common::threads() <= before, "{drain:?}");
            }
            assert!(pool.reserve_timeout(Duration::ZERO).is_err());
            let mut first = Box::pin(first);
            assert!(poll(first.as_mut(), Waker::noop()).is_pending());
            assert!(poll(first.as_mut(), Waker::noop()).is_pending());
            drop(first);
            thread::scope(|scope| {
                let waits = scope.spawn(|| pollster::block_on(second).unwrap());
                gate.open();
                assert_eq!(counts(&waits.join().unwrap()), (1, 0, 0), "{drain:?}");
            });
            pool.join().unwrap();
        }
    });
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

// covers LIFE-16 SHUT-07
#[test]
fn a_future_with_a_limit_is_ready_when_the_time_is_up() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let queued = pool.apply_async(|| ()).unwrap();
    let limit = Drain::Within(Duration::from_millis(1));
    let report = pollster::block_on(pool.shutdown_async(limit)).unwrap();
    assert_eq!(counts(&report), (0, 1, 1));
    assert_eq!(report.last.unwrap().thread, "millpond-0");
    assert!(matches!(queued.get(), Err(TaskError::Terminated)));
    gate.open();
    pool.join().unwrap();
}

// covers SHUT-07
#[test]
fn a_future_that_is_dropped_leaves_the_shutdown_going_on() {
    for polled in [false, true] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let queued = pool.apply_async(|| ()).unwrap();
        let mut future = Box::pin(pool.shutdown_async(Drain::Within(Duration::from_millis(1))));
        // The time may be up at the poll.
        let _ = polled && poll(future.as_mut(), Waker::noop()).is_pending();
        drop(future);
        // The limit is kept all the same.
        assert!(matches!(queued.get(), Err(TaskError::Terminated)));
        gate.open();
        pool.join().unwrap();
    }
}

// covers SHUT-08
#[test]
fn a_shutdown_of_all_ends_streams_and_a_limit_lets_them_go_on() {
    for drain in [Drain::All, Drain::Within(LONG)] {
        let pool = ThreadPool::new(2).unwrap();
        let mut stream = pool.stream(|x: u64| x, 0..1_000).buffersize(4).imap().unwrap();
        thread::scope(|scope| {
            let shutdown = scope.spawn(|| pool.shutdown(drain).unwrap());
            if drain == Drain::All {
                shutdown.join().unwrap();
                let last = stream.find_map(Result::err);
                assert!(matches!(last, Some(TaskError::NotSubmitted(SubmitErrorKind::NotRunning))));
            } else {
                until_closed(&pool);
                assert_eq!(stream.by_ref().map(Result::unwrap).sum::<u64>(), 499_500);
                assert_eq!(shutdown.join().unwrap().dropped, 0);
            }
        });
    }
    let pool = ThreadPool::new(1).unwrap();
    let mut stream = pool.stream(|x: u64| x, 0..1_000).buffersize(4).imap().unwrap();
    let report = pool.shutdown(Drain::Within(Duration::from_millis(1))).unwrap();
    assert_eq!(pool.state(), PoolState::Terminated, "the stream was open at the limit");
    assert!(report.still_running <= 1 && stream.any(|item| item.is_err()));
    pool.join().unwrap();
}

// covers SHUT-09
#[test]
fn every_accepted_task_ends_once_beside_a_shutdown() {
    let limit = |micros| Drain::Within(Duration::from_micros(micros));
    for round in 0..200 {
        let drain = [Drain::All, limit(50), Drain::Now, limit(0)][round % 4];
        let pool = bounded(2, 1 + round % 7);
        let ran = Arc::new(AtomicUsize::new(0));
        let submitters: Vec<_> = (0..3)
            .map(|i| {
                let (pool, ran) = (pool.handle(), Arc::clone(&ran));
                thread::spawn(move || {
                    let (mut results, mut refusals) = (Vec::new(), 0);
                    while refusals < 3 {
                        let work = {
                            let ran = Arc::clone(&ran);
                            move || _ = ran.fetch_add(1, Ordering::SeqCst)
                        };
                        let submitted = if i == 0 {
                            pool.apply_async(work).ok()
                        } else {
                            let permit = pool.reserve_timeout(Duration::MAX).ok();
                            permit.and_then(|permit| permit.apply_async(work).ok())
                        };
                        refusals += usize::from(submitted.is_none());
                        results.extend(submitted);
                    }
                    results
                })
            })
            .collect();
        while ran.load(Ordering::SeqCst) < 20 {
            thread::yield_now();
        }
        let report = pool.shutdown(drain).unwrap();
        pool.join().unwrap();
        let (mut done, mut dropped) = (0, 0);
        for result in submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()) {
            match result.get() {
                Ok(()) => done += 1,
                Err(TaskError::Terminated) => dropped += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(ran.load(Ordering::SeqCst), done);
        assert!(report.dropped <= dropped && report.finished <= done, "{report:?}");
        assert!(drain != Drain::All || dropped == 0, "{report:?}");
    }
}

// covers LIFE-16 SHUT-09
#[test]
fn requests_that_hold_permits_are_answered_by_a_drain() {
    // The order of a service: it takes no more requests, answers those that it has, ends the pool.
    let pool = bounded(2, 8);
    let gate = hold_up(&pool);
    let requests: Vec<_> = (0..8).map(|_| permit(&pool)).collect();
    let shutdown = pool.shutdown_async(Drain::Within(LONG));
    let answers: Vec<_> =
        requests.into_iter().map(|permit| permit.apply_async(|| "answer").unwrap()).collect();
    gate.open();
    let report = pollster::block_on(shutdown).unwrap();
    assert_eq!(counts(&report), (9, 0, 0));
    assert!(answers.into_iter().all(|answer| answer.get().unwrap() == "answer"));
}
