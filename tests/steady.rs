//! A constant number of calls in flight: after the warm-up no call asks the allocator for its memory, and the memory of calls
//! goes round between the threads that submit them and those that free them.

mod common;

use common::{Gate, alone, watches};
use millpond::{AsyncResult, PoolHandle, ThreadPool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

struct Counting;

/// All allocations.
static ALL: AtomicUsize = AtomicUsize::new(0);
/// Bytes allocated and not given back.
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !watches() {
            ALL.fetch_add(1, Ordering::Relaxed);
            LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !watches() {
            LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const IN_FLIGHT: usize = 16;
/// The tasks of `spawn` that are in flight.
static SPAWNED: AtomicUsize = AtomicUsize::new(0);

fn wait_for_fewer_spawned(than: usize) {
    while SPAWNED.load(Ordering::Relaxed) >= than {
        thread::yield_now();
    }
}

fn spawned(pool: &PoolHandle, value: u64) {
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    let task = move || {
        assert!(value < u64::MAX);
        SPAWNED.fetch_sub(1, Ordering::Relaxed);
    };
    pool.spawn(task).unwrap();
}

/// Submits so many calls of all kinds, `IN_FLIGHT` of them at a time: `apply_async` with little and with more captured, `apply`,
/// `spawn`, and tasks that submit to their own pool.
fn mixed_calls(pool: &ThreadPool, calls: u64, flying: &mut VecDeque<AsyncResult<u64>>) {
    for call in 0..calls {
        if flying.len() == IN_FLIGHT {
            flying.pop_front().unwrap().get().unwrap();
        }
        wait_for_fewer_spawned(IN_FLIGHT);
        let (handle, more) = (pool.handle(), [call; 7]);
        match call % 6 {
            0 => flying.push_back(pool.apply_async(move || call).unwrap()),
            1 => flying.push_back(pool.apply_async(move || more.iter().sum()).unwrap()),
            2 => assert_eq!(pool.apply(|| call + 1).unwrap(), call + 1),
            3 => spawned(&handle, call),
            4 => {
                let nested = move || handle.apply_async(move || call).unwrap().get().unwrap();
                flying.push_back(pool.apply_async(nested).unwrap());
            }
            _ => {
                let nested = move || {
                    (0..3).for_each(|value| spawned(&handle, value));
                    call
                };
                flying.push_back(pool.apply_async(nested).unwrap());
            }
        }
    }
    flying.drain(..).for_each(|result| _ = result.get().unwrap());
}

// covers F-46
#[test]
fn in_steady_state_no_call_asks_the_allocator_for_its_memory() {
    /// A build without optimisation takes a second for these.
    const ROUNDS: usize = 10;
    const CALLS: u64 = 12_000;
    alone("in_steady_state_no_call_asks_the_allocator_for_its_memory", || {
        for submitters in [1, 3] {
            let pool = ThreadPool::new(2).unwrap();
            let turn = Barrier::new(submitters + 1);
            let rounds = thread::scope(|threads| {
                for _ in 0..submitters {
                    threads.spawn(|| {
                        let mut flying = VecDeque::with_capacity(IN_FLIGHT);
                        for _ in 0..ROUNDS {
                            turn.wait();
                            mixed_calls(&pool, CALLS, &mut flying);
                            turn.wait();
                        }
                    });
                }
                let round = |_| {
                    let before = ALL.load(Ordering::Relaxed);
                    turn.wait();
                    turn.wait();
                    ALL.load(Ordering::Relaxed) - before
                };
                (0..ROUNDS).map(round).collect::<Vec<_>>()
            });
            pool.close();
            pool.join().unwrap();
            // The first round warms up. After it, a slab is wanted only if more slabs hold calls at once than ever before.
            let later = &rounds[1..];
            let all: usize = later.iter().sum();
            assert!(later.contains(&0), "{submitters}: {rounds:?}");
            // Without the emptied slabs there would be one for each thirty-one calls, some three thousand. Without the emptied
            // segments of the injector there would be one for 63 submissions.
            assert!(all <= 2 * IN_FLIGHT * submitters, "{submitters}: {rounds:?}");
        }
    });
}

// covers F-46
#[test]
fn the_memory_of_calls_that_one_thread_submits_and_others_free_goes_round() {
    alone("the_memory_of_calls_that_one_thread_submits_and_others_free_goes_round", || {
        let live = || LIVE.load(Ordering::Relaxed);
        let bursts = |pool: &ThreadPool, bursts: usize| {
            for _ in 0..bursts {
                let gate = Gate::new();
                for _ in 0..pool.workers() {
                    let pass = gate.clone();
                    pool.spawn(move || pass.wait()).unwrap();
                }
                (0..3_100).for_each(|call| spawned(&pool.handle(), call));
                // Whatever their submitter does: the workers free these calls.
                gate.open();
                wait_for_fewer_spawned(1);
            }
        };
        let before = live();
        let pool = ThreadPool::new(2).unwrap();
        bursts(&pool, 5);
        let warm = live();
        bursts(&pool, 100);
        let more = live().saturating_sub(warm);
        assert!(more < 64 * 1024, "{more} bytes more after 100 bursts");
        pool.close();
        pool.join().unwrap();
        drop(pool);
        // With the last pool the empty slabs go. This thread keeps the slabs that it has open.
        let left = live().saturating_sub(before);
        assert!(left < 32 * 1024, "{left} bytes left after the pool");
    });
}
