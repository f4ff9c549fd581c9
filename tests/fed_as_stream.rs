//! The results of a fed stream as a `futures_core::Stream` (FED-15).
//!
//! `cargo test -p millpond --features futures --test fed_as_stream` runs them.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::hold_up;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use limited::Alarm;
use millpond::{Feeder, ResultStream, SendErrorKind, SubmitErrorKind, TaskError, ThreadPool};
use smol::stream::StreamExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn fed(pool: &ThreadPool, window: usize, ordered: bool) -> (Feeder<usize>, ResultStream<usize>) {
    let stream = pool.fed_stream(|x: usize| x).buffersize(window);
    let (feeder, results) = if ordered { stream.feed() } else { stream.feed_unordered() }.unwrap();
    (feeder, results.into_stream())
}

fn poll<S: Stream + Unpin>(stream: &mut S, alarm: &Arc<Alarm>) -> Poll<Option<S::Item>> {
    let waker = Waker::from(Arc::clone(alarm));
    Pin::new(stream).poll_next(&mut Context::from_waker(&waker))
}

// covers FED-15
#[test]
fn a_stream_yields_every_result_and_its_end() {
    const ITEMS: usize = 1000;
    for ordered in [true, false] {
        let pool = ThreadPool::new(2).unwrap();
        let (feeder, mut stream) = fed(&pool, 3, ordered);
        let feeding = async move {
            for x in 0..ITEMS {
                feeder.send_async(x).await.unwrap();
            }
        };
        let taking = (&mut stream).map(Result::unwrap).collect::<Vec<_>>();
        let ((), mut all) = smol::block_on(smol::future::zip(feeding, taking));
        if !ordered {
            all.sort_unstable();
        }
        assert!(all.into_iter().eq(0..ITEMS));
        assert!(stream.is_terminated() && smol::block_on(stream.next()).is_none());
    }
}

// covers FED-15
#[test]
fn a_stream_is_not_over_while_it_waits_and_its_results_go_back_to_a_thread() {
    let pool = ThreadPool::new(1).unwrap();
    let (feeder, mut stream) = fed(&pool, 2, true);
    let alarm = Alarm::new();
    assert!(poll(&mut stream, &alarm).is_pending() && !stream.is_terminated());
    feeder.send(1).unwrap();
    alarm.wait();
    assert!(matches!(poll(&mut stream, &alarm), Poll::Ready(Some(Ok(1)))));
    assert!(!stream.is_terminated());
    feeder.send(2).unwrap();
    drop(feeder);
    assert_eq!(stream.into_results().map(Result::unwrap).collect::<Vec<_>>(), [2]);
}

/// A waker that waits for the end of a pool's only worker. It keeps whether that has come.
struct WaitsForTheEnd {
    end: Mutex<Receiver<()>>,
    has_come: AtomicBool,
}

impl Wake for WaitsForTheEnd {
    fn wake(self: Arc<Self>) {
        let end = self.end.lock().unwrap().recv_timeout(Duration::from_secs(20));
        self.has_come.store(end.is_ok(), Ordering::Relaxed);
    }
}

// covers FED-15
#[test]
fn a_waker_that_waits_for_the_pools_end_does_not_hold_it_up() {
    for _ in 0..20 {
        let (ended, end) = mpsc::channel();
        let exit = move |_| ended.send(()).unwrap();
        let mut pool = ThreadPool::builder().workers(1).on_worker_exit(exit).build().unwrap();
        let (_feeder, mut stream) = fed(&pool, 2, true);
        let waker =
            Arc::new(WaitsForTheEnd { end: Mutex::new(end), has_come: AtomicBool::new(false) });
        let polled = Waker::from(Arc::clone(&waker));
        assert!(Pin::new(&mut stream).poll_next(&mut Context::from_waker(&polled)).is_pending());
        pool.close();
        pool.join().unwrap();
        assert!(waker.has_come.load(Ordering::Relaxed), "the worker leaves while the waker waits");
    }
}

// covers FED-15
#[test]
fn a_stream_that_waits_ends_with_its_pool() {
    for (ordered, dropped) in [(true, false), (false, false), (true, true), (false, true)] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let (feeder, mut stream) = fed(&pool, 2, ordered);
        feeder.send(1).unwrap();
        let alarm = Alarm::new();
        assert!(poll(&mut stream, &alarm).is_pending());
        if dropped {
            drop(pool);
        } else {
            pool.terminate();
        }
        alarm.wait();
        let error = poll(&mut stream, &alarm);
        assert!(matches!(error, Poll::Ready(Some(Err(TaskError::Terminated)))), "{error:?}");
        assert!(!stream.is_terminated());
        assert!(matches!(poll(&mut stream, &alarm), Poll::Ready(None)) && stream.is_terminated());
        let refused = feeder.try_send(2).unwrap_err().kind();
        assert_eq!(refused, SendErrorKind::Ended(SubmitErrorKind::NotRunning));
        gate.open();
    }
}

// covers FED-15
#[test]
fn the_drop_of_a_stream_ends_the_sends_that_wait() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let (feeder, stream) = fed(&pool, 1, true);
    feeder.send(1).unwrap();
    let (mut sending, alarm) = (Box::pin(feeder.send_async(2)), Alarm::new());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    assert!(sending.as_mut().poll(&mut context).is_pending());
    drop(stream);
    alarm.wait();
    let Poll::Ready(Err(refused)) = sending.as_mut().poll(&mut context) else { panic!("it waits") };
    assert_eq!((refused.kind(), refused.into_item()), (SendErrorKind::Closed, 2));
    gate.open();
}
