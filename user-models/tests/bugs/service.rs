//! A service that gives up on a request after a time limit, and counts the requests in flight.

use crate::millpond::model::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::millpond::{PoolHandle, ThreadPool, model};
use std::sync::Arc;
use std::time::Duration;

struct Service {
    pool: PoolHandle,
    in_flight: Arc<AtomicU32>,
}

impl Service {
    fn new(pool: &ThreadPool) -> Self {
        let in_flight = Arc::new(AtomicU32::new(0).named("in_flight"));
        Self { pool: pool.handle(), in_flight }
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
        let (count, counted) =
            (Arc::clone(&self.in_flight), Arc::new(AtomicBool::new(true).named("counted")));
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

fn run(ask: fn(&Service) -> Option<u32>) {
    let pool = ThreadPool::new(1).unwrap();
    let service = Service::new(&pool);
    let clock = model::thread::spawn(model::expire);
    assert!(matches!(ask(&service), None | Some(42)));
    clock.join().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(service.in_flight.load(Ordering::Relaxed), 0, "no request is in flight");
}

pub(crate) const WHY: &str = "no request is in flight";

pub(crate) fn broken() {
    run(Service::ask_and_count_twice);
}

pub(crate) fn mended() {
    run(Service::ask);
}

/// Both ends of the wait are there: the answer in time, and the limit first.
pub(crate) fn in_time_or_not() {
    let pool = ThreadPool::new(1).unwrap();
    let clock = model::thread::spawn(model::expire);
    let task = pool.apply_async(|| 42).unwrap();
    model::outcome(task.get_timeout(Duration::from_secs(1)).ok().map(Result::unwrap));
    clock.join().unwrap();
}
