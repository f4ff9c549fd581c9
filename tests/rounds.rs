//! Ten thousand pools that end at a random moment: every handle resolves, and no thread is left behind.

mod common;

use common::{alone, threads, until_threads};
use millpond::{DropPolicy, JoinError, TaskError, ThreadPool, is_cancelled};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A small generator with a fixed seed, so that a failing round can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // The constants are Knuth's for a linear congruential generator.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

// covers F-20 F-21 F-31
#[test]
fn every_handle_resolves_however_the_pool_ends() {
    alone("every_handle_resolves_however_the_pool_ends", || {
        let before = threads();
        let (mut accepted, mut refused, mut terminated) = (0, 0, 0);
        for round in 0..10_000 {
            let (a, r, t) = one_round(&mut Random(round));
            accepted += a;
            refused += r;
            terminated += t;
        }
        println!("{accepted} accepted, of these {terminated} terminated; {refused} refused");
        assert!(
            accepted > 0 && refused > 0 && terminated > 0,
            "the rounds must meet every way to end"
        );
        // The detached ones of pools that were dropped without join are on their way out.
        until_threads(before);
    });
}

/// Returns how many tasks were accepted, refused and terminated.
fn one_round(random: &mut Random) -> (usize, usize, usize) {
    let workers = 1 + random.below(3) as usize;
    let policy =
        [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain][random.below(3) as usize];
    let pool = ThreadPool::builder()
        .workers(workers)
        .stack_size(64 * 1024)
        .drop_policy(policy)
        .build()
        .unwrap();
    let (moment, end) = (random.below(16) as usize, random.below(3));
    // In some rounds no worker is free before the pool is terminated, so that tasks are left then.
    let is_terminated = end == 1 || end == 2 && policy != DropPolicy::Drain;
    if is_terminated && random.below(4) == 0 {
        for _ in 0..workers {
            pool.spawn(|| {
                while !is_cancelled() {
                    std::thread::yield_now();
                }
            })
            .unwrap();
        }
    }
    let ran = AtomicUsize::new(0);
    let submitted = AtomicUsize::new(0);
    let mut handles = Vec::new();
    let mut refused = 0;
    std::thread::scope(|scope| {
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (pool, submitted) = (pool.handle(), &submitted);
                scope.spawn(move || {
                    let (mut handles, mut refused) = (Vec::new(), 0);
                    for i in 0..8 {
                        match pool.apply_async(move || i) {
                            Ok(handle) => handles.push((i, handle)),
                            Err(back) => {
                                assert_eq!(back.into_task()(), i);
                                refused += 1;
                            }
                        }
                        submitted.fetch_add(1, Ordering::Relaxed);
                    }
                    (handles, refused)
                })
            })
            .collect();
        while submitted.load(Ordering::Relaxed) < moment {
            std::thread::yield_now();
        }
        match end {
            0 => {
                pool.close();
                pool.join().unwrap();
            }
            1 => {
                pool.terminate();
                pool.join().unwrap();
            }
            _ => {
                assert_eq!(pool.join(), Err(JoinError::StillRunning));
                drop(pool);
            }
        }
        for submitter in submitters {
            let (more, back) = submitter.join().unwrap();
            handles.extend(more);
            refused += back;
        }
    });
    let accepted = handles.len();
    assert_eq!(accepted + refused, 16);
    let mut terminated = 0;
    for (i, handle) in handles {
        match handle.get() {
            Ok(value) => {
                assert_eq!(value, i);
                ran.fetch_add(1, Ordering::Relaxed);
            }
            Err(TaskError::Terminated) => {
                assert!(end != 0, "a closed pool finishes what it has accepted");
                terminated += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(ran.into_inner() + terminated, accepted);
    (accepted, refused, terminated)
}
