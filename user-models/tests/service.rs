//! A service that gives up on a request after a time limit, and counts the requests in flight.

mod common;

use common::{found, passes};
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use millpond_spec::{PoolHandle, ThreadPool, model};
use std::sync::Arc;
use std::time::Duration;

struct Service {
    pool: PoolHandle,
    in_flight: Arc<AtomicU32>,
}

impl Service {
    fn new(pool: &ThreadPool) -> Self {
        Self { pool: pool.handle(), in_flight: Arc::new(AtomicU32::new(0)) }
    }

    /// The bug: a request that has timed out is taken off here and, when it ends, there.
    fn ask_and_count_twice(&self) -> Option<u32> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let count = Arc::clone(&self.in_flight);
        let task = move || {
            count.fetch_sub(1, Ordering::Relaxed);
            42
        };
        let answer = self.pool.apply_async(task).unwrap().get_timeout(Duration::from_secs(1));
        match answer {
            Ok(answer) => Some(answer.unwrap()),
            Err(_late) => {
                self.in_flight.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn ask(&self) -> Option<u32> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let (count, counted) = (Arc::clone(&self.in_flight), Arc::new(AtomicBool::new(true)));
        let ours = Arc::clone(&counted);
        let take_off = move |count: &AtomicU32, counted: &AtomicBool| {
            if counted.swap(false, Ordering::Relaxed) {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let task = move || {
            take_off(&count, &counted);
            42
        };
        let answer = self.pool.apply_async(task).unwrap().get_timeout(Duration::from_secs(1));
        match answer {
            Ok(answer) => Some(answer.unwrap()),
            Err(_late) => {
                take_off(&self.in_flight, &ours);
                None
            }
        }
    }
}

fn model(ask: fn(&Service) -> Option<u32>) {
    let pool = ThreadPool::new(1).unwrap();
    let service = Service::new(&pool);
    let clock = loom::thread::spawn(model::expire);
    assert!(matches!(ask(&service), None | Some(42)));
    clock.join().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(service.in_flight.load(Ordering::Relaxed), 0, "no request is in flight");
}

#[test]
fn a_late_request_that_is_counted_twice_is_found() {
    found(|| model(Service::ask_and_count_twice), "no request is in flight");
}

#[test]
fn a_request_that_is_taken_off_once_passes() {
    passes(|| model(Service::ask));
}

/// Both ends of the wait are explored: the answer in time, and the limit first.
#[test]
fn an_answer_comes_in_time_or_does_not() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let answers = Arc::clone(&seen);
    passes(move || {
        let pool = ThreadPool::new(1).unwrap();
        let clock = loom::thread::spawn(model::expire);
        let task = pool.apply_async(|| 42).unwrap();
        let answer = task.get_timeout(Duration::from_secs(1)).ok().map(Result::unwrap);
        answers.lock().unwrap().insert(answer);
        clock.join().unwrap();
    });
    assert_eq!(seen.lock().unwrap().iter().copied().collect::<Vec<_>>(), [None, Some(42)]);
}
