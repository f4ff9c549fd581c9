//! How a fed stream ends: when either end is dropped or closed, and when its pool is closed,
//! joined, terminated or dropped. Nothing is lost, and no end sleeps for ever.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::hold_up;
use limited::{Alarm, Sleeper, bounded};
use millpond::{Feeder, Results, SendErrorKind, SubmitErrorKind, TaskError, ThreadPool};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

type Ends = (Feeder<Arc<()>>, Results<()>);

/// A stream through a window of `window`, with an item that tells how often it is alive.
fn fed(pool: &ThreadPool, window: usize, ordered: bool) -> (Ends, Arc<()>) {
    let stream = pool.fed_stream(|_: Arc<()>| ()).buffersize(window);
    (if ordered { stream.feed() } else { stream.feed_unordered() }.unwrap(), Arc::new(()))
}

/// A thread that sleeps in `send` until the stream ends. It returns why its item came back.
fn sleeping(feeder: &Feeder<Arc<()>>, item: &Arc<()>) -> Sleeper<SendErrorKind> {
    let (feeder, item) = (feeder.clone(), Arc::clone(item));
    let sleeper = Sleeper::start(move || feeder.send(item).unwrap_err().kind());
    sleeper.until_asleep();
    assert!(!sleeper.is_gone(), "the window is full");
    sleeper
}

/// Polls a send once that does not get in, ends the stream by `end`, and says why the item came
/// back.
fn polled(feeder: &Feeder<Arc<()>>, item: &Arc<()>, end: impl FnOnce()) -> SendErrorKind {
    let (mut sending, alarm) = (pin!(feeder.send_async(Arc::clone(item))), Alarm::new());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    assert!(sending.as_mut().poll(&mut context).is_pending());
    end();
    alarm.wait();
    match sending.as_mut().poll(&mut context) {
        Poll::Ready(Err(refused)) => refused.kind(),
        other => panic!("{other:?}"),
    }
}

fn ended(kind: SendErrorKind) -> bool {
    kind == SendErrorKind::Ended(SubmitErrorKind::NotRunning)
}

// covers FED-12
#[test]
fn the_drop_of_the_results_gives_waiting_feeders_their_items_back() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let ((feeder, results), item) = fed(&pool, 1, ordered);
        feeder.send(Arc::clone(&item)).unwrap();
        let sleeper = sleeping(&feeder, &item);
        assert_eq!(polled(&feeder, &item, || drop(results)), SendErrorKind::Closed);
        assert_eq!(sleeper.join(), SendErrorKind::Closed);
        assert_eq!(feeder.try_send(Arc::clone(&item)).unwrap_err().kind(), SendErrorKind::Closed);
        assert_eq!(Arc::strong_count(&item), 1, "no item is kept");
        gate.open();
        pool.close();
        pool.join().unwrap();
    }
}

// covers FED-12
#[test]
fn a_close_ends_the_sends_that_wait_and_the_results_come_to_their_end() {
    let pool = ThreadPool::new(1).unwrap();
    let ((feeder, mut results), item) = fed(&pool, 1, true);
    feeder.send(Arc::clone(&item)).unwrap();
    let sleeper = sleeping(&feeder, &item);
    feeder.close();
    assert_eq!(sleeper.join(), SendErrorKind::Closed);
    assert!(results.next().unwrap().is_ok());
    assert!(results.next().is_none() && results.next().is_none());
    assert_eq!(Arc::strong_count(&item), 1);
}

// covers FED-12
#[test]
fn the_drop_of_the_last_feeder_ends_a_sleeping_consumer() {
    let pool = ThreadPool::new(1).unwrap();
    for ordered in [true, false] {
        let ((feeder, mut results), _) = fed(&pool, 1, ordered);
        let sleeper = Sleeper::start(move || results.next().is_none());
        sleeper.until_asleep();
        assert!(!sleeper.is_gone());
        drop(feeder.clone());
        drop(feeder);
        assert!(sleeper.join());
    }
}

// covers FED-13
#[test]
fn terminate_ends_feeders_that_sleep_though_no_result_is_taken() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let ((feeder, mut results), item) = fed(&pool, 1, ordered);
        feeder.send(Arc::clone(&item)).unwrap();
        // The item has run, and its result waits.
        pool.apply(|| ()).unwrap();
        let sleeper = sleeping(&feeder, &item);
        assert!(ended(polled(&feeder, &item, || pool.terminate())));
        assert!(ended(sleeper.join()));
        assert!(ended(feeder.try_send(Arc::clone(&item)).unwrap_err().kind()));
        assert!(results.next().unwrap().is_ok(), "what has run is not lost");
        assert!(matches!(results.next(), Some(Err(TaskError::Terminated))));
        assert!(results.next().is_none());
        assert_eq!(Arc::strong_count(&item), 1);
    }
}

// covers FED-13
#[test]
fn terminate_ends_a_consumer_that_sleeps() {
    for (ordered, items) in [(true, 0), (false, 0), (true, 3), (false, 3)] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let ((feeder, mut results), item) = fed(&pool, 4, ordered);
        (0..items).for_each(|_| feeder.send(Arc::clone(&item)).unwrap());
        let sleeper = Sleeper::start(move || (results.next(), results.next()));
        sleeper.until_asleep();
        assert!(!sleeper.is_gone());
        pool.terminate();
        let (error, end) = sleeper.join();
        assert!(matches!(error, Some(Err(TaskError::Terminated))), "{error:?}");
        assert!(end.is_none());
        assert_eq!(Arc::strong_count(&item), 1, "what has not run is dropped");
        gate.open();
    }
}

// covers FED-13
#[test]
fn the_drop_of_the_pool_ends_both_ends() {
    let pool = ThreadPool::new(2).unwrap();
    let ((full, kept), item) = fed(&pool, 1, true);
    full.send(Arc::clone(&item)).unwrap();
    let sleeper = sleeping(&full, &item);
    let ((idle, mut results), _) = fed(&pool, 1, true);
    let consumer = Sleeper::start(move || results.by_ref().count());
    consumer.until_asleep();
    drop(pool);
    assert!(ended(sleeper.join()));
    assert_eq!(consumer.join(), 1, "the error, and the end");
    assert!(ended(idle.try_send(item).unwrap_err().kind()));
    drop(kept);
}

// covers FED-14
#[test]
fn a_stream_goes_on_after_close_and_a_join_ends_it() {
    let pool = ThreadPool::new(1).unwrap();
    let ((feeder, mut results), item) = fed(&pool, 1, true);
    pool.close();
    for _ in 0..10 {
        feeder.send(Arc::clone(&item)).unwrap();
        assert!(results.next().unwrap().is_ok());
    }
    feeder.send(Arc::clone(&item)).unwrap();
    let sleeper = sleeping(&feeder, &item);
    pool.join().unwrap();
    assert!(ended(sleeper.join()));
    assert!(results.next().unwrap().is_ok(), "it was in");
    let last = results.next();
    assert!(matches!(last, Some(Err(TaskError::NotSubmitted(SubmitErrorKind::NotRunning)))));
    assert!(results.next().is_none());
}

// covers FED-14
#[test]
fn a_join_waits_for_the_close_of_no_feeder_and_a_closed_stream_ends_without_an_error() {
    let pool = ThreadPool::new(1).unwrap();
    let ((feeder, results), item) = fed(&pool, 4, false);
    (0..4).for_each(|_| feeder.send(Arc::clone(&item)).unwrap());
    feeder.close();
    pool.close();
    assert!(pool.join_timeout(Duration::MAX).is_ok(), "the closed stream holds nothing up");
    assert_eq!(results.map(Result::unwrap).count(), 4);
}

// covers FED-13
#[test]
fn ends_that_are_dropped_while_items_run_leave_nothing_behind() {
    for round in 0..400 {
        let pool = if round % 2 == 0 { ThreadPool::new(2).unwrap() } else { bounded(2, 1) };
        let ((feeder, mut results), item) = fed(&pool, 2, round % 4 < 2);
        let theirs = Arc::clone(&item);
        let feeding = std::thread::spawn(move || {
            (0..20).take_while(|_| feeder.send(Arc::clone(&theirs)).is_ok()).count()
        });
        for _ in 0..round % 12 {
            assert!(results.next().unwrap().is_ok());
        }
        match round % 3 {
            0 => drop(results),
            1 => {
                pool.terminate();
                let _ = results.count();
            }
            _ => assert!(results.all(|result| result.is_ok())),
        }
        feeding.join().unwrap();
        // An item that was running then is dropped by its worker.
        pool.terminate();
        pool.join().unwrap();
        assert_eq!(Arc::strong_count(&item), 1, "round {round}");
    }
}
