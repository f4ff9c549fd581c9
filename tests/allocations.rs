//! How often each verb allocates, as the documentation of each says; and that it gives everything back.
//!
//! Calls are cut from slabs of thirty-one, one slab for each size that a thread submits. Empty slabs are used again
//! (`steady.rs`), and so are the segments of the injector, one for 63 submissions from outside; they are told by their size and
//! counted apart. The deques' memory reclamation allocates now and then, on whatever thread: so of a single call the least of several measurements counts, and of a hundred slabs a few
//! more are let pass.

mod common;

use common::{Gate, alone, watches};
use millpond::{PoolHandle, ThreadPool};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

/// Of the injector: 63 slots of two words, a link and a count. No other allocation here has this size.
const SEGMENT: usize = 64 * 2 * size_of::<usize>();
/// Of the deques' memory reclamation, about.
const RECLAMATION_BAG: usize = 2_000;

static SMALL: AtomicUsize = AtomicUsize::new(0);
static SMALL_BYTES: AtomicUsize = AtomicUsize::new(0);
static LARGE: AtomicUsize = AtomicUsize::new(0);
/// Bytes allocated and not given back.
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if watches() {
            // SAFETY: the caller's contract is the system allocator's.
            return unsafe { System.alloc(layout) };
        }
        if layout.size() == SEGMENT || layout.size() >= RECLAMATION_BAG {
            LARGE.fetch_add(1, Ordering::Relaxed);
        } else {
            SMALL.fetch_add(1, Ordering::Relaxed);
            SMALL_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        }
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
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

/// How often `f` allocates little, how much that is together, and how often it allocates much.
fn allocations<T>(f: impl FnOnce() -> T) -> (usize, usize, usize) {
    let read = || [&SMALL, &SMALL_BYTES, &LARGE].map(|counter| counter.load(Ordering::Relaxed));
    let before = read();
    let kept = f();
    let after = read();
    drop(kept);
    (after[0] - before[0], after[1] - before[1], after[2] - before[2])
}

/// The least of several measurements.
fn least<T>(mut f: impl FnMut() -> T) -> usize {
    (0..20).map(|_| allocations(&mut f).0).min().expect("twenty of them")
}

// covers F-46
#[test]
fn each_verb_allocates_as_often_as_its_documentation_says() {
    alone("each_verb_allocates_as_often_as_its_documentation_says", || {
        let pool = ThreadPool::new(2).unwrap();
        // Threads allocate on their first steps; each worker must have made them.
        let barrier = Barrier::new(2);
        pool.scope(|s| {
            for _ in 0..2 {
                s.spawn(|| _ = barrier.wait()).unwrap();
            }
        });

        let captured = [1_u64, 2, 3];
        let mut handles = Vec::with_capacity(3_100);
        let (slabs, bytes, blocks) = allocations(|| {
            for _ in 0..3_100 {
                handles.push(pool.apply_async(move || captured.iter().sum::<u64>()).unwrap());
            }
            handles.drain(..).for_each(|handle| assert_eq!(handle.get().unwrap(), 6));
        });
        // A few slabs may be there from before.
        assert!(
            (95..=120).contains(&slabs),
            "apply_async: a slab for thirty-one, but {slabs} for 3,100"
        );
        assert!(bytes <= 58 * 3_100, "apply_async: {bytes} bytes for 3,100 calls");
        // The injector's, of which the first may have been begun; and a few of the memory reclamation's bags, of 2 KiB each.
        assert!(blocks <= 3_100 / 63 + 2 + 8, "{blocks} large blocks for 3,100 submissions");

        let bounded = ThreadPool::builder().workers(1).max_queued(2).build().unwrap();
        bounded.apply(|| ()).unwrap();
        let (slabs, bytes, _) = allocations(|| {
            for _ in 0..3_100 {
                bounded.spawn(move || assert_eq!(captured.len(), 3)).unwrap();
            }
        });
        // Up to eight are in use at once: the first is allocated alone, and the others four at a time.
        assert!(slabs <= 9, "a full pool: the same slabs again and again, but {slabs} for 3,100");
        // A call that holds a place has eight bytes more: whose it is.
        assert!(bytes <= 66 * 31 * slabs, "a full pool: {bytes} bytes for {slabs} slabs");

        let large = [7_u8; 500];
        let alone = least(|| pool.apply_async(move || large.len()).unwrap().get().unwrap());
        assert_eq!(alone, 1, "a call that is larger than a cell lies alone");

        let calls = least(|| pool.apply(|| captured.len()).unwrap());
        assert_eq!(calls, 0, "apply: the same cell again and again");

        let calls = least(|| pool.map(|x: u64| x + 1, 0..60).unwrap());
        assert_eq!(calls, 2, "map: the items, in whose place the values lie, and the block");
        let calls = least(|| pool.map(|x: u64| (x, x), 0..60).unwrap());
        assert_eq!(calls, 3, "map to something larger: the items, the values, the block");
        let mut vectors = vec![vec![1_u64; 60]; 20];
        let calls = least(|| pool.map(|x: u64| x + 1, vectors.pop().unwrap()).unwrap());
        assert_eq!(calls, 1, "map of a vector: the block");
        let calls = least(|| pool.map_slice(|x| x + 1, &[1_u64; 60]).unwrap());
        assert_eq!(calls, 2, "map_slice: the values and the block");

        for (verb, ordered) in [("imap", true), ("imap_unordered", false)] {
            let blocks: Vec<usize> = (0..10)
                .map(|_| {
                    let (calls, _, blocks) = allocations(|| {
                        let stream = pool.stream(|x: u64| x, 0..100_000);
                        let results = if ordered { stream.imap() } else { stream.imap_unordered() };
                        results.unwrap().map(Result::unwrap).sum::<u64>()
                    });
                    assert!(calls <= 16, "{verb}: the stream and its window, but {calls}");
                    blocks
                })
                .collect();
            // A worker that runs dry leaves, and the next item sends an entry: one for each item at
            // the very most. 63 entries share a segment of the injector. How often the workers run
            // dry is the system's affair. On one processor, where consumer and worker take turns,
            // it was every fifteenth item.
            assert!(blocks.iter().all(|blocks| *blocks <= 100_000 / 63 + 2 + 8), "{blocks:?}");
            assert!(blocks.iter().any(|blocks| *blocks < 500), "{verb}: an entry for every third");
        }

        let (here, nested) = pool
            .apply(|| {
                let pool = PoolHandle::current().unwrap();
                let here = least(|| pool.apply(|| captured.len()).unwrap());
                let nested =
                    least(|| pool.apply_async(move || captured.len()).unwrap().get().unwrap());
                (here, nested)
            })
            .unwrap();
        assert_eq!(
            (here, nested),
            (0, 0),
            "inside a worker: apply none, apply_async the same cell again and again"
        );
    });
}

/// Waits until the pool has nothing left to do: no entry lies in a queue, and no worker has one in
/// hand. A worker that is held in a task of this function has nothing else in hand. While all
/// workers are held, the queues stay as they are.
fn settle(pool: &ThreadPool) {
    let workers = pool.workers();
    let mut is_empty = false;
    while !is_empty {
        let (held, released) = (Barrier::new(workers + 1), Barrier::new(workers + 1));
        pool.scope(|s| {
            for _ in 0..workers {
                s.spawn(|| {
                    held.wait();
                    released.wait();
                })
                .unwrap();
            }
            held.wait();
            is_empty = format!("{pool:?}").contains("queued: 0,");
            released.wait();
        });
    }
}

/// How many bytes two thousand of these leave behind, once the pool is done with them.
fn kept<T>(pool: &ThreadPool, mut f: impl FnMut() -> T) -> usize {
    let mut live_after = |times| {
        (0..times).for_each(|_| drop(f()));
        settle(pool);
        LIVE.load(Ordering::Relaxed)
    };
    let before = live_after(50);
    live_after(2_000).saturating_sub(before)
}

#[test]
fn each_verb_gives_back_what_it_has_allocated() {
    alone("each_verb_gives_back_what_it_has_allocated", || {
        let pool = ThreadPool::new(2).unwrap();
        let fails = |x: u64| if x % 2 == 0 { Ok(x) } else { Err(x) };
        let two = || [1, 2].map(|x| pool.apply_async(move || x).unwrap());
        let one_unordered = || pool.imap_unordered(|x| x, 0..).unwrap().next();
        let all = millpond::ReturnWhen::AllCompleted;
        let left = [
            ("apply", kept(&pool, || pool.apply(|| 1))),
            ("apply_async", kept(&pool, || pool.apply_async(|| 1).unwrap().get())),
            ("spawn", kept(&pool, || (pool.spawn(|| ()), pool.apply(|| ())))),
            ("map", kept(&pool, || pool.map(|x| x, 0..10))),
            ("try_map", kept(&pool, || pool.try_map(fails, 0..10))),
            ("map_slice", kept(&pool, || pool.map_slice(|x| x + 1, &[1; 10]))),
            ("map_results", kept(&pool, || pool.map_results(|x| x, 0..10))),
            ("imap", kept(&pool, || pool.imap(|x| x, 0..10).unwrap().count())),
            ("imap_unordered", kept(&pool, || pool.imap_unordered(|x| x, 0..10).unwrap().count())),
            ("try_imap", kept(&pool, || pool.try_imap(fails, 0..10).unwrap().count())),
            ("imap, left early", kept(&pool, || pool.imap(|x| x, 0..).unwrap().next())),
            ("imap_unordered, left early", kept(&pool, one_unordered)),
            ("scope", kept(&pool, || pool.scope(|s| s.spawn(|| ())))),
            ("wait", kept(&pool, || millpond::wait(two(), all, None))),
        ];
        // The queues' and the memory reclamation's blocks come and go.
        assert!(
            left.iter().all(|(_, bytes)| *bytes < 64 * 1024),
            "bytes left by 2,000 of each: {left:?}"
        );
    });
}

/// What a task does in a turn, again and again, with its own pool, whose other workers are busy.
type Turn = fn(&PoolHandle);

// covers TIME-04
#[test]
fn a_task_that_stays_holds_no_more_memory_with_each_turn() {
    const TURNS: usize = 5_000;
    let ways: [(&str, Turn); 6] = [
        ("map", |pool| drop(pool.map(|x: u64| x, 0..16).unwrap())),
        ("scope", |pool| pool.scope(|s| (0..3).for_each(|_| s.spawn(|| ()).unwrap()))),
        ("scope, each awaited", |pool| {
            pool.scope(|s| (0..3).for_each(|_| s.apply_async(|| ()).unwrap().get().unwrap()));
        }),
        ("imap", |pool| pool.imap(|x: u64| x, 0..16).unwrap().for_each(drop)),
        ("two calls, got in order", |pool| {
            let pair = [pool.apply_async(|| 1).unwrap(), pool.apply_async(|| 2).unwrap()];
            pair.into_iter().for_each(|result| _ = result.get().unwrap());
        }),
        ("submit and cancel", |pool| assert!(pool.apply_async(|| 1).unwrap().cancel())),
    ];
    alone("a_task_that_stays_holds_no_more_memory_with_each_turn", || {
        for workers in [1, 2, 8] {
            for (way, turn) in ways {
                let (pool, gate, entered) =
                    (ThreadPool::new(workers).unwrap(), Gate::new(), Barrier::new(workers));
                let handle = pool.handle();
                let grown = pool
                    .scope(|s| {
                        for _ in 1..workers {
                            s.spawn(|| {
                                entered.wait();
                                gate.wait();
                            })
                            .unwrap();
                        }
                        let grown = s
                            .apply_async(|| {
                                entered.wait();
                                (0..500).for_each(|_| turn(&handle));
                                let before = LIVE.load(Ordering::Relaxed);
                                (0..TURNS).for_each(|_| turn(&handle));
                                LIVE.load(Ordering::Relaxed).saturating_sub(before)
                            })
                            .unwrap();
                        let grown = grown.get();
                        gate.open();
                        grown
                    })
                    .unwrap();
                assert!(
                    grown < 64 * 1024,
                    "{way}, {workers} workers: {grown} bytes after {TURNS} turns"
                );
            }
        }
        // One scope that stays.
        let pool = ThreadPool::new(1).unwrap();
        let handle = pool.handle();
        let grown = pool.apply(|| {
            handle.scope(|s| {
                let turn = || s.apply_async(|| ()).unwrap().get().unwrap();
                (0..500).for_each(|_| turn());
                let before = LIVE.load(Ordering::Relaxed);
                (0..TURNS).for_each(|_| turn());
                LIVE.load(Ordering::Relaxed).saturating_sub(before)
            })
        });
        let grown = grown.unwrap();
        assert!(grown < 64 * 1024, "one scope, each awaited: {grown} bytes after {TURNS} tasks");
        // From outside, behind a busy worker.
        let (pool, gate) = (ThreadPool::new(1).unwrap(), Gate::new());
        let pass = gate.clone();
        pool.spawn(move || pass.wait()).unwrap();
        let kept = pool.apply_async(|| 7).unwrap();
        let before = LIVE.load(Ordering::Relaxed);
        for _ in 0..TURNS {
            assert!(pool.apply_async(|| 1).unwrap().cancel());
            assert!(pool.map_async(|x: u64| x, 0..8).unwrap().cancel());
        }
        let grown = LIVE.load(Ordering::Relaxed).saturating_sub(before);
        assert!(grown < 64 * 1024, "cancelled from outside: {grown} bytes after {TURNS} turns");
        gate.open();
        assert_eq!(kept.get().unwrap(), 7);
    });
}

// covers HALF-08
#[test]
fn a_join_allocates_nothing() {
    alone("a_join_allocates_nothing", || {
        fn tree(pool: &millpond::Pool, depth: u32) {
            if depth > 0 {
                pool.fork_join(|| tree(pool, depth - 1), || tree(pool, depth - 1)).unwrap();
            }
        }
        let pool = ThreadPool::new(1).unwrap();
        let (_, counts) = pool
            .apply(|| {
                tree(&pool, 10);
                ((), allocations(|| tree(&pool, 10)))
            })
            .unwrap();
        assert_eq!(counts, (0, 0, 0));
    });
}
