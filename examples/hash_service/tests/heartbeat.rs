//! A full pool does not hold up the runtime that its callers run on.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::limit;
use hash_service::engine::{Engine, Job, Kind, Options};
use hash_service::work;
use tokio::runtime::{Builder, Handle, Runtime};

const HANDLERS: usize = 50;
const BEATS: u64 = 200;

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One worker and one place, and a queue of handlers that wait for it.
fn full_pool() -> Arc<Engine> {
    let options = Options { kind: Kind::MillpondDeadline, workers: 1, max_queued: 1, wait: true };
    Arc::new(Engine::new(options).unwrap())
}

fn job<F: FnOnce() -> u64>(work: F) -> Job<F> {
    let arrived = Instant::now();
    Job { arrived, start_by: arrived + Duration::from_secs(3600), work }
}

#[test]
fn the_heartbeat_goes_on_while_fifty_handlers_wait_for_a_place() {
    limit();
    let (pool, beats) = (full_pool(), Arc::new(AtomicU64::new(0)));
    let runtime = two_threads();
    let handlers: Vec<_> = (0..HANDLERS)
        .map(|_| {
            let (pool, beats) = (Arc::clone(&pool), Arc::clone(&beats));
            runtime.spawn(async move {
                let mut served = 0;
                while served == 0 || beats.load(Ordering::Relaxed) < BEATS {
                    pool.run(job(|| work::hash(b"beat", 1_000_000))).await.unwrap();
                    served += 1;
                }
                served
            })
        })
        .collect();
    let heart = runtime.spawn(async move {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        while beats.load(Ordering::Relaxed) < BEATS {
            tokio::time::sleep(Duration::from_millis(5)).await;
            longest = longest.max(last.elapsed());
            last = Instant::now();
            beats.fetch_add(1, Ordering::Relaxed);
        }
        longest
    });
    let longest = runtime.block_on(heart).unwrap();
    let served: u64 = handlers.into_iter().map(|it| runtime.block_on(it).unwrap()).sum();
    assert!(served >= HANDLERS as u64);
    // The beat is due each 5 ms. No time is asserted: the machine may be busy with other things.
    println!("{BEATS} beats, {served} requests; the longest gap was {longest:?}");
}

#[test]
fn tasks_that_need_the_runtime_end_although_the_pool_is_full() {
    limit();
    let (pool, runtime) = (full_pool(), two_threads());
    let handlers: Vec<_> = (0..HANDLERS as u64)
        .map(|number| {
            let pool = Arc::clone(&pool);
            runtime.spawn(async move {
                let runtime = Handle::current();
                // The task waits for another task of the runtime.
                let work = move || runtime.block_on(runtime.spawn(async move { number })).unwrap();
                pool.run(job(work)).await.unwrap()
            })
        })
        .collect();
    for (number, handler) in (0..).zip(handlers) {
        assert_eq!(runtime.block_on(handler).unwrap(), number);
    }
}
