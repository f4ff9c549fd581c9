//! Waits with a time limit, where many threads wait at once and where the process forks.
//!
//! Linux, Android and Windows have such a wait. Elsewhere a table in the room `sync` does the work;
//! `.ci/platforms table` runs these tests on that table. `MILLPOND_FORKS` sets how many children
//! are made.

#![cfg(unix)]

mod common;
mod forks;

use common::alone;
use millpond::ThreadPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// A task lasts longer than its waiter's patience, so that the waiter waits again and again.
const TASK: Duration = Duration::from_micros(60);
const PATIENCE: Duration = Duration::from_micros(20);
/// How long a child may take before its hang is a failure.
const HANGS_AFTER: u32 = 30;

/// What the child does: eight pools, and a wait for each of their tasks.
fn make_pools() {
    for _ in 0..8 {
        let own = ThreadPool::new(2).unwrap();
        let results: Vec<_> =
            (0..4).map(|_| own.apply_async(|| thread::sleep(TASK)).unwrap()).collect();
        for result in results {
            assert!(result.wait_timeout(HOUR));
        }
        std::mem::forget(own);
    }
}

/// Forks, and says how the child ended.
fn child_ends_with() -> i32 {
    match forks::fork() {
        None => {
            // SAFETY: it sets a timer, which ends the child if it hangs.
            unsafe { libc::alarm(HANGS_AFTER) };
            make_pools();
            // SAFETY: it ends the child, without the destructors that belong to the parent.
            unsafe { libc::_exit(0) }
        }
        Some(child) => forks::status_of(child),
    }
}

// covers PLAT-01
#[test]
fn a_child_of_a_parent_with_timed_waiters_makes_pools_of_its_own() {
    alone("a_child_of_a_parent_with_timed_waiters_makes_pools_of_its_own", || {
        let children = std::env::var("MILLPOND_FORKS").map_or(300, |text| text.parse().unwrap());
        let (pool, stop) = (ThreadPool::new(4).unwrap(), Arc::new(AtomicBool::new(false)));
        let waiters: Vec<_> = (0..6)
            .map(|_| {
                let (pool, stop) = (pool.handle(), Arc::clone(&stop));
                thread::spawn(move || {
                    let mut calls = 0_u64;
                    while !stop.load(Ordering::Relaxed) {
                        let result = pool.apply_async(|| thread::sleep(TASK)).unwrap();
                        while !result.wait_timeout(PATIENCE) {}
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        let (mut made, mut failed) = (0, 0);
        // A few hangs are enough to fail.
        while made < children && failed < 3 {
            made += 1;
            let status = child_ends_with();
            if status != 0 {
                failed += 1;
                println!("child {made}: status {status}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        let calls: u64 = waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum();
        println!("{made} children, {failed} failed or hung, {calls} calls of the parent");
        assert_eq!(failed, 0);
    });
}

/// How often each thread of this process whose name begins with `w-` went to sleep so far, all
/// together.
#[cfg(target_os = "linux")]
fn sleeps_of_waiters() -> u64 {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("Linux lists its threads") {
        let status = std::fs::read_to_string(task.expect("readable").path().join("status"));
        let status = status.expect("no thread ends meanwhile");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.expect("Linux knows it").trim_start_matches(':').trim().to_owned()
        };
        if field("Name").starts_with("w-") {
            sum += field("voluntary_ctxt_switches").parse::<u64>().expect("a number");
        }
    }
    sum
}

/// How often all threads of this process went to sleep so far.
#[cfg(target_os = "linux")]
fn sleeps_of_all() -> libc::c_long {
    // SAFETY: an all-zero `rusage` is valid: it has nothing but numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a place for the answer.
    let refused = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(refused, 0);
    usage.ru_nvcsw
}

// covers PLAT-02
#[test]
#[cfg(target_os = "linux")]
fn a_call_wakes_no_waiter_of_another_call() {
    const WAITERS: usize = 1_000;
    const CALLS: u64 = 4_000;
    alone("a_call_wakes_no_waiter_of_another_call", || {
        let calls_cost = |pool: &ThreadPool| {
            let (all, waiters) = (sleeps_of_all(), sleeps_of_waiters());
            for _ in 0..CALLS {
                assert!(pool.apply_async(|| ()).unwrap().wait_timeout(HOUR));
            }
            (sleeps_of_all() - all, sleeps_of_waiters() - waiters)
        };
        let (busy, pool) = (ThreadPool::new(1).unwrap(), ThreadPool::new(1).unwrap());
        let (before, _) = calls_cost(&pool);
        let gate = common::hold_up(&busy);
        let waiters: Vec<_> = (0..WAITERS)
            .map(|number| {
                let result = busy.apply_async(|| ()).unwrap();
                let name = format!("w-{number}");
                let waiter = thread::Builder::new().name(name).stack_size(64 << 10);
                waiter.spawn(move || assert!(result.wait_timeout(HOUR))).unwrap()
            })
            .collect();
        // The waiters go to sleep meanwhile.
        calls_cost(&pool);
        let (after, by_waiters) = calls_cost(&pool);
        println!(
            "{CALLS} calls: {before} sleeps alone, {after} beside {WAITERS} timed waiters, \
             {by_waiters} of them by the waiters"
        );
        assert!(by_waiters < CALLS / 10, "calls woke waiters {by_waiters} times");
        gate.open();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}
