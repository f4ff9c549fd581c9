//! A runtime on a full pool: handlers that wait for a place hold up no thread of the runtime.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::hold_up;
use limited::{bounded, free, queued};
use millpond::{PoolHandle, SubmitErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use tokio::runtime::{Builder, Handle, Runtime};

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// A task of the pool that ends only if the runtime runs a task of its own meanwhile.
fn needs(runtime: &Handle) -> usize {
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move { tell.send(1).unwrap() });
    told.recv().unwrap()
}

async fn handle(pool: PoolHandle, runtime: Handle) -> usize {
    let permit = pool.reserve().await.unwrap();
    permit.apply_async(move || needs(&runtime)).unwrap().await.unwrap()
}

// covers LIMIT-08
#[test]
fn a_runtime_goes_on_while_fifty_handlers_wait_for_a_full_pool_that_needs_it() {
    let (pool, runtime) = (bounded(2, 2), two_threads());
    let (beats, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, stopped) = (Arc::clone(&beats), Arc::clone(&stop));
    let heart = runtime.spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let gates = [hold_up(&pool), hold_up(&pool)];
    let handlers: Vec<_> =
        (0..50).map(|_| runtime.spawn(handle(pool.handle(), runtime.handle().clone()))).collect();
    // Until two have places, and all the others wait.
    while pool
        .task(|| ())
        .nonblocking(true)
        .apply_async()
        .map_err(|refused| refused.full().map_or(0, |full| full.waiting))
        .map_or_else(|waiting| waiting, |_| 0)
        < 48
    {
        std::thread::yield_now();
    }
    let before = beats.load(Ordering::Relaxed);
    while beats.load(Ordering::Relaxed) < before + 100 {
        std::thread::yield_now();
    }
    gates.iter().for_each(|gate| gate.open());
    let served: usize =
        handlers.into_iter().map(|handler| runtime.block_on(handler).unwrap()).sum();
    assert_eq!(served, 50);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(heart).unwrap();
    assert_eq!(queued(&pool.handle()), 0);
}

// covers LIMIT-04 LIMIT-08
#[test]
fn handlers_that_give_up_lose_no_place() {
    const LIMIT: usize = 2;
    let (pool, runtime) = (bounded(2, LIMIT), two_threads());
    let served = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let handlers: Vec<_> = (0..50)
            .map(|i| {
                let (pool, served) = (pool.handle(), Arc::clone(&served));
                let patience = i % 4;
                runtime.spawn(async move {
                    let gives_up = async {
                        for _ in 0..patience {
                            tokio::task::yield_now().await;
                        }
                    };
                    tokio::select! {
                        permit = pool.reserve() => {
                            let served = move || _ = served.fetch_add(1, Ordering::Relaxed);
                            permit.unwrap().apply_async(served).unwrap().await.unwrap();
                            true
                        }
                        () = gives_up => false,
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> =
            handlers.into_iter().map(|handler| runtime.block_on(handler).unwrap()).collect();
        assert!(outcomes.contains(&true), "all gave up");
    }
    assert_eq!(free(&pool), LIMIT);
}

// covers LIMIT-06 LIMIT-08
#[test]
fn an_aborted_handler_and_the_end_of_the_pool_leave_no_handler_behind() {
    let (pool, runtime) = (bounded(1, 1), two_threads());
    let gate = hold_up(&pool);
    let kept = runtime.block_on(pool.reserve()).unwrap();
    let handlers: Vec<_> = (0..20)
        .map(|_| {
            let pool = pool.handle();
            runtime.spawn(async move { pool.reserve().await.map(drop) })
        })
        .collect();
    let (aborted, ended) = handlers.split_at(10);
    aborted.iter().for_each(|handler| handler.abort());
    pool.terminate();
    let _ = ended;
    for (i, handler) in handlers.into_iter().enumerate() {
        match runtime.block_on(handler) {
            Ok(reserved) => assert_eq!(reserved, Err(SubmitErrorKind::NotRunning)),
            Err(gone) => assert!(i < 10 && gone.is_cancelled()),
        }
    }
    drop(kept);
    gate.open();
}
