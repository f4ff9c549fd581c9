//! Forks beside what a service needs (F-17, LIFE-17): the child asks a pool of its parent for its
//! numbers, feeds and takes from a fed stream, and waits for a shutdown. It gets an answer or an
//! error, it never hangs, and the parent goes on.

#![cfg(target_os = "linux")]

mod common;
mod forks;
mod limited;

use common::{Gate, hold_up};
use forks::{assert_left, fork};
use limited::{Alarm, Sleeper};
use millpond::{
    Drain, Feeder, JoinError, Results, SendErrorKind, SubmitErrorKind, TaskError, ThreadPool,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Runs `body` in a forked child, which must end by itself and well.
#[track_caller]
fn in_child(body: impl FnOnce()) {
    let Some(child) = fork() else {
        // A panic must not unwind into what the child has of the test harness.
        let passed = catch_unwind(AssertUnwindSafe(body)).is_ok();
        // SAFETY: it ends the child, without the destructors that belong to the parent.
        unsafe { libc::_exit(i32::from(!passed)) }
    };
    assert_left(child);
}

fn counting(workers: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).stats(true).timings(1).build().unwrap()
}

const FORKED: SendErrorKind = SendErrorKind::Ended(SubmitErrorKind::Forked);

fn is_forked<T>(next: &Option<Result<T, TaskError>>) -> bool {
    matches!(next, Some(Err(TaskError::NotSubmitted(SubmitErrorKind::Forked))))
}

// covers F-17
#[test]
fn a_forked_child_sees_the_numbers_of_the_fork() {
    common::alone("a_forked_child_sees_the_numbers_of_the_fork", || {
        let pool = counting(1);
        pool.map(|x: u32| x, 0..3).unwrap();
        let gate = hold_up(&pool);
        let queued = pool.apply_async(|| 1).unwrap();
        in_child(|| {
            let stats = pool.stats();
            assert_eq!((stats.submitted, stats.running, stats.queued), (3, 1, 1));
            assert_eq!((stats.completed, stats.refused), (1, 0));
            assert!(stats.oldest_queued.is_some());
            assert_eq!(pool.running().len(), 1);
            assert!(format!("{pool:#?}").contains("hold_up"));
            assert!(pool.timings().is_some());
            pool.spawn(|| ()).unwrap_err();
            // Its handle counts nothing more, wherever it ends.
            drop(queued);
            drop(pool.handle());
        });
        gate.open();
        pool.close();
        pool.join().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.submitted, stats.completed, stats.refused), (3, 3, 0));
    });
}

// covers F-17
#[test]
fn a_forked_child_waits_for_no_observer_and_no_other_pool_of_its_parent() {
    common::alone("a_forked_child_waits_for_no_observer_and_no_other_pool_of_its_parent", || {
        let pool = Arc::new(counting(1));
        let over = Arc::new(AtomicBool::new(false));
        let until_over = |act: fn(&ThreadPool)| {
            let (pool, over, begun) = (Arc::clone(&pool), Arc::clone(&over), Gate::new());
            let begins = begun.clone();
            let thread = thread::spawn(move || {
                begins.open();
                while !over.load(Ordering::Relaxed) {
                    act(&pool);
                }
            });
            begun.wait();
            thread
        };
        let gate = hold_up(&pool);
        // Some of these are in their locks when the fork comes. None starts a thread: the standard
        // library has a lock of its own there, which a child may find held.
        let others = [
            until_over(|pool| _ = pool.apply_async(|| ()).unwrap().cancel()),
            until_over(|pool| drop(pool.stats())),
            until_over(|pool| drop(pool.running())),
        ];
        for _ in 0..200 {
            in_child(|| {
                let _ = (pool.stats(), pool.running());
                let own = counting(1);
                assert_eq!(own.apply(|| 5).unwrap(), 5);
                assert_eq!(own.stats().completed, 1);
                own.close();
                own.join().unwrap();
            });
        }
        over.store(true, Ordering::Relaxed);
        others.into_iter().for_each(|other| other.join().unwrap());
        gate.open();
        assert_eq!(pool.apply(|| 1).unwrap(), 1);
    });
}

fn fed(pool: &ThreadPool, window: usize, ordered: bool) -> (Feeder<usize>, Results<usize>) {
    let stream = pool.fed_stream(|x: usize| x).buffersize(window);
    if ordered { stream.feed() } else { stream.feed_unordered() }.unwrap()
}

// covers F-17 LIFE-17
#[test]
fn a_forked_child_neither_feeds_nor_takes_and_the_parents_stream_goes_on() {
    common::alone("a_forked_child_neither_feeds_nor_takes_and_the_parents_stream_goes_on", || {
        for (ordered, items) in [(true, 0), (false, 0), (true, 2), (false, 2)] {
            let pool = ThreadPool::new(1).unwrap();
            let gate = hold_up(&pool);
            let (feeder, results) = fed(&pool, 2, ordered);
            let mut results = Some(results);
            (0..items).for_each(|x| feeder.send(x).unwrap());
            in_child(|| {
                let back = feeder.send(7).unwrap_err();
                assert_eq!((back.kind(), back.into_item()), (FORKED, 7));
                let kind = |sent: Result<(), millpond::SendError<usize>>| sent.unwrap_err().kind();
                assert_eq!(kind(feeder.try_send(7)), FORKED);
                assert_eq!(kind(feeder.send_timeout(7, Duration::MAX)), FORKED);
                assert_eq!(kind(pollster::block_on(feeder.send_async(7))), FORKED);
                let mut taken = results.take().unwrap();
                assert!(is_forked(&taken.next()) && taken.next().is_none());
                feeder.close();
                drop((feeder.clone(), taken));
                assert!(matches!(
                    pool.fed_stream(|x: usize| x).feed(),
                    Err(error) if error.kind() == SubmitErrorKind::Forked
                ));
            });
            gate.open();
            // What the child did is not seen here.
            let mut results = results.unwrap();
            assert!(results.by_ref().take(items).map(Result::unwrap).eq(0..items));
            feeder.send(9).unwrap();
            assert_eq!(results.next().unwrap().unwrap(), 9);
            drop(feeder);
            assert!(results.next().is_none());
        }
    });
}

// covers F-17
#[test]
fn ends_that_wait_when_the_fork_comes_end_in_the_child_and_go_on_in_the_parent() {
    common::alone(
        "ends_that_wait_when_the_fork_comes_end_in_the_child_and_go_on_in_the_parent",
        || {
            let pool = ThreadPool::new(1).unwrap();
            let (feeder, mut results) = fed(&pool, 1, true);
            let (idle, mut nothing) = fed(&pool, 1, true);
            feeder.send(0).unwrap();
            let other = feeder.clone();
            let sleeper = Sleeper::start(move || other.send(1));
            sleeper.until_asleep();
            let alarms = [Alarm::new(), Alarm::new(), Alarm::new()];
            let wakers = alarms.each_ref().map(|alarm| Waker::from(Arc::clone(alarm)));
            let [mut first, mut second, mut third] = wakers.each_ref().map(Context::from_waker);
            let mut waits = Box::pin(feeder.send_async(2));
            let mut dropped = Some(Box::pin(feeder.send_async(3)));
            assert!(waits.as_mut().poll(&mut first).is_pending());
            assert!(dropped.as_mut().unwrap().as_mut().poll(&mut second).is_pending());
            assert!(nothing.poll_next(&mut third).is_pending());
            let mut both = Some((idle, nothing));
            in_child(|| {
                let Poll::Ready(Err(back)) = waits.as_mut().poll(&mut first) else { panic!() };
                assert_eq!((back.kind(), back.into_item()), (FORKED, 2));
                drop(dropped.take());
                let (idle, mut nothing) = both.take().unwrap();
                let Poll::Ready(next) = nothing.poll_next(&mut third) else { panic!() };
                assert!(is_forked(&next));
                drop((idle, nothing));
            });
            assert!(alarms.iter().all(|alarm| alarm.rings() == 0));
            assert_eq!(results.next().unwrap().unwrap(), 0);
            sleeper.join().unwrap();
            assert_eq!(results.next().unwrap().unwrap(), 1);
            alarms[0].wait();
            assert!(matches!(waits.as_mut().poll(&mut first), Poll::Ready(Ok(()))));
            drop((waits, dropped));
            let (idle, mut nothing) = both.unwrap();
            idle.send(4).unwrap();
            alarms[2].wait();
            let Poll::Ready(next) = nothing.poll_next(&mut third) else { panic!("it was woken") };
            assert_eq!(next.unwrap().unwrap(), 4);
            drop(feeder);
            assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [2]);
        },
    );
}

// covers F-17 LIFE-17
#[test]
fn an_item_that_forks_is_the_last_one_that_the_child_runs() {
    common::alone("an_item_that_forks_is_the_last_one_that_the_child_runs", || {
        for ordered in [true, false] {
            let (log, reader) = forks::Log::new();
            let pool = forks::pool(&log);
            let notes = log.clone();
            let each = move |x: usize| {
                let child = if x == 0 { fork() } else { None };
                notes.note("item");
                child
            };
            let stream = pool.fed_stream(each).buffersize(8);
            let ends = if ordered { stream.feed() } else { stream.feed_unordered() };
            let (feeder, results) = ends.unwrap();
            (0..8).for_each(|x| feeder.send(x).unwrap());
            drop(feeder);
            let children: Vec<_> = results.filter_map(Result::unwrap).collect();
            assert_eq!(children.len(), 1);
            assert_left(children[0]);
            let (child, parent) = forks::end(pool, log, reader);
            assert_eq!(child, ["item"], "and no exit hook");
            assert_eq!(forks::times(&parent, "item"), 8);
        }
    });
}

// covers F-17 LIFE-17
#[test]
fn a_fork_during_a_shutdown_leaves_it_to_the_parent() {
    common::alone("a_fork_during_a_shutdown_leaves_it_to_the_parent", || {
        for drain in [Drain::All, Drain::Within(Duration::from_secs(3600)), Drain::Now] {
            let pool = Arc::new(ThreadPool::new(1).unwrap());
            let gate = hold_up(&pool);
            let queued = pool.apply_async(|| 5).unwrap();
            let own = Arc::clone(&pool);
            let blocked = Sleeper::start(move || own.shutdown(drain).unwrap());
            blocked.until_asleep();
            let (alarm, mut waits) = (Alarm::new(), Some(pool.shutdown_async(drain)));
            let waker = Waker::from(Arc::clone(&alarm));
            let mut context = Context::from_waker(&waker);
            assert!(pin!(waits.as_mut().unwrap()).poll(&mut context).is_pending());
            in_child(|| {
                let mut waits = waits.take().unwrap();
                let Poll::Ready(ended) = pin!(&mut waits).poll(&mut context) else { panic!() };
                assert_eq!(ended, Err(JoinError::Forked));
                drop(waits);
                for drain in [Drain::All, Drain::Within(Duration::MAX), Drain::Now] {
                    assert_eq!(pool.shutdown(drain), Err(JoinError::Forked));
                    let future = pool.shutdown_async(drain);
                    assert_eq!(pollster::block_on(future), Err(JoinError::Forked));
                }
                pool.terminate();
            });
            gate.open();
            let report = blocked.join();
            assert_eq!(pollster::block_on(waits.unwrap()), Ok(report.clone()));
            let now = drain == Drain::Now;
            assert_eq!((report.dropped, report.still_running), (usize::from(now), 0));
            match queued.get() {
                Ok(value) => assert!(value == 5 && !now),
                Err(error) => assert!(matches!(error, TaskError::Terminated) && now, "{error}"),
            }
        }
    });
}

// covers F-17 LIFE-17
#[test]
fn a_task_that_forks_during_a_shutdown_ends_in_both_processes() {
    common::alone("a_task_that_forks_during_a_shutdown_ends_in_both_processes", || {
        let (log, reader) = forks::Log::new();
        let pool = Arc::new(forks::pool(&log));
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass, notes) = (entered.clone(), gate.clone(), log.clone());
        let forks = pool.apply_async(move || {
            enter.open();
            pass.wait();
            let child = fork();
            notes.note("task");
            child
        });
        entered.wait();
        let own = Arc::clone(&pool);
        let shutdown = Sleeper::start(move || own.shutdown(Drain::All).unwrap());
        shutdown.until_asleep();
        gate.open();
        assert_left(forks.unwrap().get().unwrap().expect("this is the parent"));
        assert_eq!(shutdown.join().finished, 1);
        let pool = Arc::into_inner(pool).unwrap();
        let (child, parent) = forks::end(pool, log, reader);
        assert_eq!(child, ["task"]);
        assert_eq!(parent, ["task", "exit hook", "dropped"]);
    });
}
