//! Streams: `imap` and `imap_unordered`.

use crate::harness::check;
use crate::items::Item;
use millpond_shuttle::{PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use shuttle::thread;
use std::time::Duration;

const ITEMS: u32 = 5;

/// What a consumer has seen: the values, and the error that came after them.
struct Seen {
    values: Vec<u32>,
    last: Option<TaskError>,
}

/// Consumes up to `limit` results of a stream that is two items ahead at most, then drops it.
fn consume(pool: &PoolHandle, ordered: bool, limit: usize) -> Option<Seen> {
    let stream = pool.stream(|item: Item| Item::new(item.value), (0..ITEMS).map(Item::new));
    let stream = stream.chunksize(1).buffersize(2);
    let begun = if ordered { stream.imap() } else { stream.imap_unordered() };
    let mut seen = Seen { values: Vec::new(), last: None };
    for result in begun.ok()?.take(limit) {
        assert!(seen.last.is_none(), "a stream's own end comes last");
        match result {
            Ok(item) => seen.values.push(item.value),
            Err(error) => seen.last = Some(error),
        }
        // A slow consumer: the runners find the window full.
        thread::yield_now();
    }
    if ordered {
        assert!(seen.values.iter().copied().eq(0..seen.values.len() as u32), "{:?}", seen.values);
    } else {
        let mut sorted = seen.values.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), seen.values.len(), "each item once");
    }
    Some(seen)
}

fn consumer(pool: &ThreadPool, ordered: bool, limit: usize) -> thread::JoinHandle<Option<Seen>> {
    let pool = pool.handle();
    thread::spawn(move || consume(&pool, ordered, limit))
}

#[test]
fn two_streams_beside_each_other() {
    check("imap ‖ imap_unordered, slow consumers", 3_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let consumers = [consumer(&pool, true, usize::MAX), consumer(&pool, false, usize::MAX)];
        for consumer in consumers {
            let seen = consumer.join().unwrap().expect("the pool runs");
            assert!(seen.last.is_none());
            assert_eq!(seen.values.len(), ITEMS as usize);
        }
        pool.close();
        pool.join().unwrap();
    });
}

/// An item may come at the very moment at which a call gives up: then the next call has it.
#[test]
fn streams_that_are_asked_for_a_short_time_again_and_again() {
    check("imap with a limit ‖ imap_unordered with a limit", 2_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let consumers = [true, false].map(|ordered| {
            let stream = pool.stream(|item: Item| Item::new(item.value), (0..ITEMS).map(Item::new));
            let stream = stream.chunksize(1).buffersize(2);
            let mut begun = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
            thread::spawn(move || {
                let mut values = Vec::new();
                loop {
                    match begun.next_timeout(Duration::from_millis(1)) {
                        Ok(Some(item)) => values.push(item.unwrap().value),
                        Ok(None) => return values,
                        Err(_) => thread::yield_now(),
                    }
                }
            })
        });
        for consumer in consumers {
            let mut values = consumer.join().unwrap();
            values.sort_unstable();
            assert!(values.iter().copied().eq(0..ITEMS), "each item once: {values:?}");
        }
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn streams_dropped_midway() {
    check("imap dropped midway ‖ imap_unordered dropped midway", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let consumers = [consumer(&pool, true, 2), consumer(&pool, false, 1)];
        pool.close();
        for consumer in consumers {
            drop(consumer.join().unwrap());
        }
        pool.join().unwrap();
    });
}

#[test]
fn streams_beside_close_and_join() {
    check("imap ‖ imap_unordered ‖ close, join", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let consumers = [consumer(&pool, true, usize::MAX), consumer(&pool, false, usize::MAX)];
        pool.close();
        pool.join().unwrap();
        for consumer in consumers {
            let Some(seen) = consumer.join().unwrap() else { continue };
            match seen.last {
                None => assert_eq!(seen.values.len(), ITEMS as usize),
                Some(TaskError::NotSubmitted(SubmitErrorKind::NotRunning)) => {}
                Some(other) => panic!("it ended with {other:?}"),
            }
        }
    });
}

#[test]
fn streams_beside_terminate() {
    check("imap ‖ imap_unordered ‖ terminate", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let consumers = [consumer(&pool, true, usize::MAX), consumer(&pool, false, usize::MAX)];
        pool.terminate();
        for consumer in consumers {
            let Some(seen) = consumer.join().unwrap() else { continue };
            match seen.last {
                None => assert_eq!(seen.values.len(), ITEMS as usize),
                Some(
                    TaskError::Terminated | TaskError::NotSubmitted(SubmitErrorKind::NotRunning),
                ) => {}
                Some(other) => panic!("it ended with {other:?}"),
            }
        }
        pool.join().unwrap();
    });
}

#[test]
fn a_worker_consumes_a_stream_of_its_own_pool() {
    check("imap consumed by a worker ‖ map", 2_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let inside = pool.apply_async(|| {
            let pool = PoolHandle::current().expect("this is a worker");
            consume(&pool, false, usize::MAX).map(|seen| (seen.values.len(), seen.last.is_none()))
        });
        let mapping = pool.handle();
        let outside = thread::spawn(move || mapping.map(|value| Item::new(value).value, 0..3));
        assert_eq!(inside.unwrap().get().unwrap(), Some((ITEMS as usize, true)));
        assert_eq!(outside.join().unwrap().unwrap(), [0, 1, 2]);
        pool.close();
        pool.join().unwrap();
    });
}
