//! A stream that is fed: items from some threads, results on another, and the window between
//! them. How it ends is in tests/fed_ends.rs.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::{Gate, hold_up};
use limited::{Alarm, Sleeper};
use millpond::{Feeder, Results, SendErrorKind, SubmitErrorKind, TaskError, ThreadPool};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

type Ends = (Feeder<usize>, Results<usize>);

fn fed(pool: &ThreadPool, window: usize, ordered: bool) -> Ends {
    let stream = pool.fed_stream(|x: usize| x).buffersize(window);
    if ordered { stream.feed() } else { stream.feed_unordered() }.unwrap()
}

fn poll_once<F: Future + Unpin>(future: &mut F, alarm: &Arc<Alarm>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(alarm));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn poll_next<T>(results: &mut Results<T>, alarm: &Arc<Alarm>) -> Poll<Option<T>> {
    let waker = Waker::from(Arc::clone(alarm));
    results.poll_next(&mut Context::from_waker(&waker)).map(|next| next.map(Result::unwrap))
}

// covers FED-01
#[test]
fn every_item_comes_out_once_and_in_order_if_so_asked() {
    const ITEMS: usize = 3000;
    for (workers, window) in [(1, 1), (2, 1), (2, 3), (5, 64)] {
        for ordered in [true, false] {
            let pool = ThreadPool::new(workers).unwrap();
            let (feeder, results) = fed(&pool, window, ordered);
            let feeding = thread::spawn(move || (0..ITEMS).for_each(|x| feeder.send(x).unwrap()));
            let mut all: Vec<_> = results.map(Result::unwrap).collect();
            feeding.join().unwrap();
            if !ordered {
                all.sort_unstable();
            }
            assert!(all.into_iter().eq(0..ITEMS), "{workers} workers, a window of {window}");
        }
    }
}

// covers FED-02
#[test]
fn no_more_items_are_in_flight_than_the_window_has() {
    const WINDOW: usize = 4;
    for ordered in [true, false] {
        let pool = ThreadPool::new(3).unwrap();
        let (feeder, mut results) = fed(&pool, WINDOW, ordered);
        let (sent, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, takes) = (Arc::clone(&sent), Arc::clone(&taken));
        let feeding = thread::spawn(move || {
            for x in 0..2000 {
                feeder.send(x).unwrap();
                let sent = counts.fetch_add(1, Ordering::SeqCst) + 1;
                // The consumer counts a result before it takes it.
                assert!(sent <= takes.load(Ordering::SeqCst) + WINDOW);
            }
        });
        for _ in 0..2000 {
            taken.fetch_add(1, Ordering::SeqCst);
            results.next().unwrap().unwrap();
        }
        assert!(results.next().is_none());
        feeding.join().unwrap();
    }
}

// covers FED-02 FED-03
#[test]
fn a_full_window_gives_the_item_back_and_a_taken_result_makes_room() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(2).unwrap();
        let (feeder, mut results) = fed(&pool, 3, ordered);
        (0..3).for_each(|x| feeder.try_send(x).unwrap());
        let full = feeder.try_send(7).unwrap_err();
        assert_eq!(full.to_string(), "the stream's window is full");
        assert_eq!((full.kind(), full.into_item()), (SendErrorKind::Full, 7));
        let late = feeder.send_timeout(8, Duration::from_millis(2)).unwrap_err();
        assert_eq!((late.kind(), late.into_item()), (SendErrorKind::Full, 8));
        assert!(results.next().unwrap().is_ok());
        feeder.try_send(3).unwrap();
        assert_eq!(feeder.try_send(4).unwrap_err().kind(), SendErrorKind::Full);
        feeder.close();
        assert_eq!(results.count(), 3);
    }
}

// covers FED-04
#[test]
fn a_feeder_sleeps_until_a_result_is_taken() {
    let pool = ThreadPool::new(1).unwrap();
    let (feeder, mut results) = fed(&pool, 1, true);
    feeder.send(0).unwrap();
    let sleeper = Sleeper::start(move || feeder.send(1));
    sleeper.until_asleep();
    assert!(!sleeper.is_gone(), "the window is full");
    assert_eq!(results.next().unwrap().unwrap(), 0);
    sleeper.join().unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 1);
    assert!(results.next().is_none(), "the feeder is gone");
}

// covers FED-04
#[test]
fn a_consumer_sleeps_until_an_item_is_sent_and_has_run() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = Gate::new();
        let pass = gate.clone();
        let stream = pool.fed_stream(move |x: usize| {
            pass.wait();
            x
        });
        let (feeder, mut results) =
            if ordered { stream.feed() } else { stream.feed_unordered() }.unwrap();
        assert!(results.next_timeout(Duration::from_millis(1)).is_err(), "nothing was sent");
        let sleeper = Sleeper::start(move || (results.next().unwrap().unwrap(), results.next()));
        sleeper.until_asleep();
        feeder.send(5).unwrap();
        sleeper.until_asleep();
        assert!(!sleeper.is_gone(), "the item has not run");
        gate.open();
        feeder.close();
        let (first, end) = sleeper.join();
        assert!(first == 5 && end.is_none());
    }
}

// covers FED-05
#[test]
fn waiting_feeders_are_let_in_in_the_order_of_coming() {
    let pool = ThreadPool::new(1).unwrap();
    let (feeder, mut results) = fed(&pool, 1, true);
    feeder.send(0).unwrap();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    let mut first = feeder.send_async(1);
    assert!(poll_once(&mut first, &alarms[0]).is_pending());
    let other = feeder.clone();
    let second = Sleeper::start(move || other.send(2));
    second.until_asleep();
    let mut third = feeder.send_async(3);
    assert!(poll_once(&mut third, &alarms[2]).is_pending());
    assert_eq!(results.next().unwrap().unwrap(), 0);
    assert_eq!((alarms[0].rings(), alarms[2].rings()), (1, 0));
    assert_eq!(feeder.try_send(9).unwrap_err().kind(), SendErrorKind::Full, "the slot is granted");
    assert!(poll_once(&mut first, &alarms[0]).is_ready());
    assert_eq!(results.next().unwrap().unwrap(), 1);
    second.join().unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 2);
    assert!(poll_once(&mut third, &alarms[2]).is_ready());
    assert_eq!(results.next().unwrap().unwrap(), 3);
}

// covers FED-06
#[test]
fn a_send_that_is_dropped_drops_its_item_and_gives_its_turn_or_its_slot_on() {
    let pool = ThreadPool::new(1).unwrap();
    let each = |x: Arc<usize>| *x;
    let (feeder, mut results) = pool.fed_stream(each).buffersize(1).feed().unwrap();
    let alarms: [_; 3] = std::array::from_fn(|_| Alarm::new());
    feeder.send(Arc::new(0)).unwrap();
    let item = Arc::new(1);
    let mut waits = feeder.send_async(Arc::clone(&item));
    assert!(poll_once(&mut waits, &alarms[0]).is_pending());
    let mut granted = feeder.send_async(Arc::clone(&item));
    assert!(poll_once(&mut granted, &alarms[1]).is_pending());
    let mut last = feeder.send_async(Arc::new(2));
    assert!(poll_once(&mut last, &alarms[2]).is_pending());
    drop(waits);
    assert_eq!(results.next().unwrap().unwrap(), 0);
    alarms[1].wait();
    drop(granted);
    assert_eq!(Arc::strong_count(&item), 1, "both items are dropped");
    alarms[2].wait();
    assert!(poll_once(&mut last, &alarms[2]).is_ready());
    drop(last);
    feeder.close();
    assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [2], "neither has run");
    drop(feeder);
}

// covers FED-07
#[test]
fn results_are_polled_without_a_runtime() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(1).unwrap();
        let (feeder, mut results) = fed(&pool, 2, ordered);
        let (stale, alarm) = (Alarm::new(), Alarm::new());
        assert!(poll_next(&mut results, &stale).is_pending());
        assert!(poll_next(&mut results, &alarm).is_pending(), "the last waker counts");
        feeder.send(1).unwrap();
        alarm.wait();
        assert_eq!(poll_next(&mut results, &alarm), Poll::Ready(Some(1)));
        let closed = Alarm::new();
        assert!(poll_next(&mut results, &closed).is_pending());
        feeder.close();
        closed.wait();
        assert_eq!(poll_next(&mut results, &closed), Poll::Ready(None));
        assert_eq!(stale.rings(), 0);
    }
}

// covers FED-07
#[test]
fn both_ends_are_tasks_of_one_thread() {
    const ITEMS: usize = 500;
    let pool = ThreadPool::new(2).unwrap();
    let (feeder, mut results) = fed(&pool, 3, true);
    let executor = smol::LocalExecutor::new();
    let feeding = executor.spawn(async move {
        for x in 0..ITEMS {
            feeder.send_async(x).await.unwrap();
        }
    });
    pollster::block_on(executor.run(async {
        for x in 0..ITEMS {
            let next = poll_fn(|context| results.poll_next(context)).await;
            assert_eq!(next.unwrap().unwrap(), x);
        }
        assert!(poll_fn(|context| results.poll_next(context)).await.is_none());
        feeding.await;
    }));
}

// covers FED-08
#[test]
fn clones_feed_one_stream_and_the_last_one_closes_it() {
    const EACH: usize = 500;
    let pool = ThreadPool::new(2).unwrap();
    let (feeder, results) = fed(&pool, 4, false);
    let feeding = [0, 1, 2].map(|n| {
        let feeder = feeder.clone();
        thread::spawn(move || (0..EACH).for_each(|x| feeder.send(n * EACH + x).unwrap()))
    });
    drop(feeder);
    let mut all: Vec<_> = results.map(Result::unwrap).collect();
    feeding.into_iter().for_each(|feeding| feeding.join().unwrap());
    all.sort_unstable();
    assert!(all.into_iter().eq(0..3 * EACH));
}

// covers FED-09
#[test]
fn a_failure_is_the_outcome_of_its_item_alone() {
    let pool = ThreadPool::new(2).unwrap();
    let each = |x: usize| match x {
        2 => Err("refused"),
        4 => panic!("deliberate"),
        x => Ok(x),
    };
    let (feeder, results) = pool.try_fed_stream(each).feed().unwrap();
    (0..6).for_each(|x| feeder.send(x).unwrap());
    drop(feeder);
    for (x, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert!(value == x && x != 2 && x != 4),
            Err(TaskError::Failed { error, item }) => {
                assert_eq!((error, item, x), ("refused", Some(2), 2));
            }
            Err(other) => {
                assert!(matches!(other, TaskError::Panicked(_)), "{other}");
                assert_eq!((other.item(), x), (Some(4), 4));
            }
        }
    }
}

// covers FED-10
#[test]
fn a_task_of_the_pool_feeds_and_takes_without_a_deadlock() {
    let pool = ThreadPool::new(1).unwrap();
    let (feeder, results) = fed(&pool, 2, true);
    // The only worker: the items run when it waits for their results.
    let taken = pool.apply(move || {
        feeder.send(1).unwrap();
        feeder.send(2).unwrap();
        let full = feeder.send(3).unwrap_err();
        assert_eq!((full.kind(), full.into_item()), (SendErrorKind::WouldDeadlock, 3));
        let late = feeder.send_timeout(4, Duration::from_millis(1)).unwrap_err();
        assert_eq!(late.kind(), SendErrorKind::Full);
        let mut results = results;
        let mut taken: Vec<_> = results.by_ref().take(2).map(Result::unwrap).collect();
        feeder.send(5).unwrap();
        feeder.close();
        taken.extend(results.map(Result::unwrap));
        taken
    });
    assert_eq!(taken.unwrap(), [1, 2, 5]);
    let (feeder, mut results) = fed(&pool, 2, true);
    let last = pool.apply(move || (results.next(), results.next()));
    assert!(matches!(last, Ok((Some(Err(TaskError::WouldDeadlock)), None))), "{last:?}");
    assert_eq!(feeder.try_send(1).unwrap_err().kind(), SendErrorKind::Closed);
}

// covers FED-11
#[test]
fn a_stream_that_does_not_begin_comes_back() {
    let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
    let sizes = pool.fed_stream(|x: usize| x).buffersize(0).feed().unwrap_err();
    assert_eq!(sizes.kind(), SubmitErrorKind::InvalidBufferSize);
    let gate = hold_up(&pool);
    pool.spawn(|| ()).unwrap();
    let stream = pool.fed_stream(|x: usize| x + 1).when_full(millpond::WhenFull::Refuse);
    let full = stream.feed().unwrap_err();
    assert_eq!(full.kind(), SubmitErrorKind::Full);
    gate.open();
    let stream = full.into_task().when_full(millpond::WhenFull::Wait);
    let (feeder, mut results) = stream.feed().unwrap();
    feeder.send(1).unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 2);
}
