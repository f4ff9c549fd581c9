//! A callback submits follow-up tasks: a first round of tasks, and for each promising result one more.
//!
//! A callback runs on a worker, before the result of its task is there for anybody. What it submits to is a handle of the pool,
//! which owns no thread; `PoolHandle::current()` would give it one too.

use millpond::ThreadPool;
use std::thread::sleep;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = ThreadPool::new(4)?;
    let handle = pool.handle();
    let first_round = pool
        .batch(estimate, 0..10)
        .callback(move |estimates: &Vec<(u32, u32)>| {
            println!("the first round is done");
            for &(id, estimate) in estimates.iter().filter(|(_, estimate)| *estimate > 50) {
                // Nobody waits for these but `join`.
                handle.spawn(move || refine(id, estimate)).expect("the pool is not terminated");
            }
        })
        .map_async()?;
    // When this returns so has the callback: all follow-ups are submitted, and the pool may be closed.
    first_round.wait();
    pool.close();
    pool.join()?;
    println!("all done");
    Ok(())
}

fn estimate(id: u32) -> (u32, u32) {
    // Stands for work.
    sleep(Duration::from_millis(u64::from(id % 4)));
    let estimate = id * 37 % 100;
    println!("> {id}: about {estimate}");
    (id, estimate)
}

fn refine(id: u32, estimate: u32) {
    sleep(Duration::from_millis(1));
    println!(">> {id}: {:.1} to be exact", f64::from(estimate) * 1.01);
}
