//! What a pool costs while it has nothing to do.

#![cfg(target_os = "linux")]

mod common;

use common::{Gate, alone};
use millpond::{PoolHandle, Profile, ThreadPool};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Duration;

/// The processor time of each worker so far, in nanoseconds, and how often it was given a
/// processor.
fn used_by_workers() -> BTreeMap<PathBuf, String> {
    let mut used = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").expect("Linux lists its threads") {
        let path = task.expect("readable").path();
        // Other threads may end meanwhile.
        let Ok(name) = std::fs::read_to_string(path.join("comm")) else { continue };
        if name.starts_with("millpond-") {
            let stat = std::fs::read_to_string(path.join("schedstat"));
            used.insert(path, stat.expect("Linux counts what its threads use"));
        }
    }
    used
}

/// Waits until so many workers are there and none of them has run for so long. A worker that spins,
/// or that wakes again and again, never lets it return, and the test's time limit says so.
fn until_asleep(workers: usize, length: Duration) {
    let mut before = used_by_workers();
    loop {
        // How long the look is, not a choreography.
        std::thread::sleep(length);
        let now = used_by_workers();
        // A thread that has not begun has no name yet.
        if now == before && now.len() == workers {
            return;
        }
        before = now;
    }
}

// covers F-48
#[test]
fn one_long_task_lets_the_other_workers_sleep() {
    alone("one_long_task_lets_the_other_workers_sleep", || {
        let pool = ThreadPool::new(8).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        // Its deque has been used and emptied by thieves, so its bit is up while it is in the long task.
        let long = pool
            .apply_async(move || {
                let pool = millpond::PoolHandle::current().unwrap();
                let own: Vec<_> = (0..100).map(|i| pool.apply_async(move || i).unwrap()).collect();
                own.into_iter()
                    .for_each(|result| assert!(result.wait_timeout(Duration::from_secs(60))));
                enter.open();
                pass.wait();
            })
            .unwrap();
        entered.wait();
        until_asleep(8, Duration::from_secs(5));
        gate.open();
        long.get().unwrap();
        pool.close();
        pool.join().unwrap();
    });
}

/// Lets this process run on one processor only, as `taskset -c` does.
fn stay_on_one_processor() {
    // SAFETY: all zeros is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a place for a set of this size, and 0 is the calling thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(failed, 0);
    let is_ours = |processor: &usize| {
        // SAFETY: `set` has room for so many processors.
        unsafe { libc::CPU_ISSET(*processor, &set) }
    };
    let limit = usize::try_from(libc::CPU_SETSIZE).unwrap();
    let one = (0..limit).find(is_ours).expect("it runs on some processor");
    // SAFETY: as above.
    set = unsafe { std::mem::zeroed() };
    // SAFETY: `one` was found in such a set.
    unsafe { libc::CPU_SET(one, &mut set) };
    // SAFETY: as for the question.
    let failed = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(failed, 0);
}

// covers F-48
#[test]
fn sixty_four_workers_make_progress_on_one_processor() {
    alone("sixty_four_workers_make_progress_on_one_processor", || {
        const WORKERS: usize = 64;
        // Threads inherit it.
        stay_on_one_processor();
        assert_eq!(std::thread::available_parallelism().unwrap().get(), 1);
        let pool = ThreadPool::new(WORKERS).unwrap();
        // All at once, each waiting for every other.
        let barrier = Barrier::new(WORKERS);
        pool.scope(|s| {
            for _ in 0..WORKERS {
                s.spawn(|| _ = barrier.wait()).unwrap();
            }
        });
        // Waits of workers, and a caller that submits one by one.
        let nested = |x: u64| {
            PoolHandle::current().unwrap().map(|y: u64| x * y, 0..10).unwrap().iter().sum::<u64>()
        };
        assert_eq!(pool.map(nested, 0..100).unwrap().into_iter().sum::<u64>(), 4950 * 45);
        for x in 0..1_000 {
            assert_eq!(pool.apply(|| x).unwrap(), x);
        }
        assert_eq!(
            pool.imap(|x: u64| x, 0..1_000).unwrap().map(Result::unwrap).sum::<u64>(),
            499_500
        );
        until_asleep(WORKERS, Duration::from_secs(2));
        assert_eq!(pool.apply(|| 1).unwrap(), 1, "and they wake again");
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn with_every_profile_a_pool_sleeps_when_idle_and_wakes_for_work() {
    alone("with_every_profile_a_pool_sleeps_when_idle_and_wakes_for_work", || {
        for profile in [Profile::Balanced, Profile::Latency, Profile::Frugal] {
            let pool = ThreadPool::builder().workers(2).profile(profile).build().unwrap();
            for round in 0..1000 {
                assert_eq!(pool.apply(move || round).unwrap(), round);
            }
            assert_eq!(pool.map(|x: u32| x + 1, 0..100).unwrap()[99], 100);
            until_asleep(2, Duration::from_secs(1));
            assert_eq!(pool.apply_async(|| 1).unwrap().get().unwrap(), 1);
            pool.close();
            pool.join().unwrap();
        }
    });
}
