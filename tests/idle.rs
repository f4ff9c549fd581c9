//! What a pool costs while it has nothing to do.

#![cfg(target_os = "linux")]

mod common;

use common::{Gate, alone};
use millpond::ThreadPool;
use std::time::{Duration, Instant};

/// Processor time of this process so far.
fn cpu() -> Duration {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("Linux lists its threads") {
        let path = task.expect("readable").path().join("schedstat");
        if let Ok(stat) = std::fs::read_to_string(path) {
            let nanoseconds = stat.split(' ').next().expect("three numbers");
            sum += nanoseconds.parse::<u64>().expect("a number");
        }
    }
    Duration::from_nanos(sum)
}

#[test]
fn f48_one_long_task_lets_the_other_workers_sleep() {
    alone("f48_one_long_task_lets_the_other_workers_sleep", || {
        let pool = ThreadPool::new(8).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        // Its deque has been used and emptied by thieves, so its bit is up while it is in the long task.
        let long = pool
            .apply_async(move || {
                let pool = millpond::PoolHandle::current().unwrap();
                let own: Vec<_> = (0..100).map(|i| pool.apply_async(move || i).unwrap()).collect();
                own.into_iter().for_each(|result| assert!(result.wait_timeout(Duration::from_secs(60))));
                enter.open();
                pass.wait();
            })
            .unwrap();
        entered.wait();
        let (used, began) = (cpu(), Instant::now());
        // The length of the measurement, not a choreography: the longer, the smaller the share of the spins at its start.
        std::thread::sleep(Duration::from_secs(5));
        let (used, took) = (cpu() - used, began.elapsed());
        println!("{used:?} of processor time in {took:?}");
        assert!(used < took / 200, "idle workers used {used:?} in {took:?}");
        gate.open();
        long.get().unwrap();
        pool.close();
        pool.join().unwrap();
    });
}
