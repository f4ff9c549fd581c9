//! The bounds of tasks in the table "When does a submitted task start?" (src/sched/README.md), held
//! by counting, over programs drawn by chance: tasks from outside and from inside, maps, streams,
//! cancels and terminations, on one to eight workers. Those of items are in tests/item_promises.rs.
//!
//! `MILLPOND_MIX_SEED=n cargo test --test promises` runs one program; a failure names its seed.

mod common;

use common::Gate;
use millpond::{PoolHandle, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A small generator: the programs must be the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

/// Runs `program` for each of so many seeds, or for the one that the environment names.
fn for_seeds(count: u64, program: impl Fn(&mut Dice)) {
    let only = std::env::var("MILLPOND_MIX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let ran =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| program(&mut Dice(seed))));
        if let Err(panic) = ran {
            eprintln!("the program with MILLPOND_MIX_SEED={seed} failed");
            std::panic::resume_unwind(panic);
        }
    }
}

/// How many entries are queued and alive, as `Debug` says.
fn queued(pool: &PoolHandle) -> usize {
    let shown = format!("{pool:?}");
    let number = shown.split("queued: ").nth(1).and_then(|rest| rest.split(',').next());
    number.and_then(|number| number.parse().ok()).expect("Debug says how much is queued")
}

/// A pool whose workers are all held at a gate until everything is queued.
fn held(workers: usize) -> (ThreadPool, Gate) {
    let (pool, gate, inside) =
        (ThreadPool::new(workers).unwrap(), Gate::new(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..workers {
        let (pass, inside) = (gate.clone(), Arc::clone(&inside));
        pool.spawn(move || {
            inside.fetch_add(1, Ordering::SeqCst);
            pass.wait();
        })
        .unwrap();
    }
    while inside.load(Ordering::SeqCst) < workers {
        std::thread::yield_now();
    }
    (pool, gate)
}

/// What has begun, in order: each task's number, under one lock with the look at which earlier ones have not.
#[derive(Clone, Default)]
struct Starts(Arc<Mutex<Vec<bool>>>);

impl Starts {
    fn add(&self) -> usize {
        let mut begun = self.0.lock().unwrap();
        begun.push(false);
        begun.len() - 1
    }

    /// The task begins; says how many that were submitted before it have not.
    fn begin(&self, number: usize) -> usize {
        let mut begun = self.0.lock().unwrap();
        begun[number] = true;
        begun[..number].iter().filter(|begun| !**begun).count()
    }

    /// A cancelled task counts as begun: nothing waits for it.
    fn leave_out(&self, number: usize) {
        self.0.lock().unwrap()[number] = true;
    }
}

// covers TIME-01 APP-06
#[test]
fn tasks_from_outside_begin_in_order() {
    for_seeds(150, |dice| {
        let workers = 1 + dice.roll(8);
        let (pool, gate) = held(workers);
        let (starts, worst) = (Starts::default(), Arc::new(AtomicUsize::new(0)));
        let mut results = Vec::new();
        for _ in 0..60 + dice.roll(200) {
            let number = starts.add();
            let (mine, most) = (starts.clone(), Arc::clone(&worst));
            let (spins, inner) = (dice.roll(4), dice.roll(6) == 0);
            let task = move || {
                most.fetch_max(mine.begin(number), Ordering::SeqCst);
                if inner {
                    // What a task submits lies in its worker's deque, and goes first.
                    PoolHandle::current().unwrap().spawn(std::thread::yield_now).unwrap();
                }
                (0..spins).for_each(|_| std::thread::yield_now());
            };
            if dice.roll(8) == 0 {
                drop(pool.map_async(|x: usize| x, 0..dice.roll(300)).unwrap());
            }
            let result = pool.apply_async(task).unwrap();
            if dice.roll(7) == 0 {
                if result.cancel() {
                    starts.leave_out(number);
                }
            } else {
                results.push(result);
            }
        }
        gate.open();
        results.into_iter().for_each(|result| result.get().unwrap());
        let worst = worst.load(Ordering::SeqCst);
        assert!(worst < workers, "with {workers} workers a task began before {worst} earlier ones");
    });
}

// covers TIME-01 LIFE-06
#[test]
fn no_task_begins_in_front_of_one_that_terminate_drops() {
    for_seeds(500, |dice| {
        let workers = 1 + dice.roll(3);
        let pool = ThreadPool::new(workers).unwrap();
        let before = pool.apply_async(|| ()).unwrap();
        if dice.roll(2) == 0 {
            before.get().unwrap();
        }
        let begun = Arc::new(AtomicUsize::new(0));
        let submit = |_| {
            let begun = Arc::clone(&begun);
            pool.apply_async(move || begun.fetch_add(1, Ordering::SeqCst)).unwrap()
        };
        let handles: Vec<_> = (0..1 + dice.roll(20)).map(submit).collect();
        pool.terminate();
        let ran: Vec<_> = handles.into_iter().map(|handle| handle.get().is_ok()).collect();
        assert!(ran.is_sorted_by(|one, next| one >= next), "{workers} workers: {ran:?}");
        assert_eq!(begun.load(Ordering::SeqCst), ran.iter().filter(|ran| **ran).count());
    });
}

// covers TIME-02
#[test]
fn a_task_that_waits_for_the_one_before_it_ends() {
    for_seeds(60, |dice| {
        let (pool, gate) = held(1 + dice.roll(8));
        let mut before: Option<std::sync::mpsc::Receiver<()>> = None;
        let results: Vec<_> = (0..100 + dice.roll(300))
            .map(|_| {
                let (done, after) = std::sync::mpsc::channel();
                let before = before.replace(after);
                pool.apply_async(move || {
                    if let Some(before) = before {
                        before.recv().unwrap();
                    }
                    let _ = done.send(());
                })
                .unwrap()
            })
            .collect();
        gate.open();
        results.into_iter().for_each(|result| result.get().unwrap());
    });
}

/// One worker stays in a task and submits a child; the other has much to do, of the kind that `flood` makes. How many of that kind
/// begin after the child was submitted and before it begins.
fn overtaking(flood: impl FnOnce(&ThreadPool, Arc<dyn Fn() + Send + Sync>)) -> usize {
    let pool = ThreadPool::new(2).unwrap();
    let (count, handle) = (Arc::new(AtomicUsize::new(0)), pool.handle());
    // The other is held in the last of these, until the child is submitted.
    const FIRST: usize = 100;
    let (held, submitted) = (Gate::new(), Gate::new());
    let (is_held, submits, begun) = (held.clone(), submitted.clone(), Arc::clone(&count));
    let (entered, inside) = std::sync::mpsc::channel();
    let parent = pool
        .apply_async(move || {
            entered.send(()).unwrap();
            is_held.wait();
            let (tell, told) = std::sync::mpsc::channel();
            handle.spawn(move || tell.send(begun.load(Ordering::SeqCst)).unwrap()).unwrap();
            submits.open();
            told.recv().unwrap() - FIRST
        })
        .unwrap();
    inside.recv().unwrap();
    flood(
        &pool,
        Arc::new(move || {
            if count.fetch_add(1, Ordering::SeqCst) + 1 == FIRST {
                held.open();
                submitted.wait();
            }
        }),
    );
    let overtaken = parent.get().unwrap();
    pool.terminate();
    overtaken
}

/// A task that lasts for longer than a turn of a batch.
fn longer_than_a_turn(
    count: &Arc<dyn Fn() + Send + Sync>,
) -> impl Fn(usize) + Send + Sync + 'static {
    let count = Arc::clone(count);
    move |_| {
        count();
        std::thread::sleep(std::time::Duration::from_micros(150));
    }
}

// covers TIME-03
#[test]
fn a_child_of_a_task_that_stays_begins_among_sixty_four() {
    let overtaken = overtaking(|pool, count| {
        for number in 0..3_000 {
            let item = longer_than_a_turn(&count);
            pool.spawn(move || item(number)).unwrap();
        }
    });
    assert!(overtaken <= 64, "{overtaken} calls began first");
}

// covers TIME-03
#[test]
fn a_batch_gives_way_after_its_turn() {
    for chunksize in [None, Some(1)] {
        for quick in [0, 5_000] {
            let overtaken = overtaking(|pool, count| {
                let slow = longer_than_a_turn(&count);
                // Quick items first: a runner's pace does not outlast them.
                let item = move |number: usize| {
                    if number >= quick {
                        slow(number)
                    }
                };
                let batch = pool.batch(item, 0..quick + 3_000);
                let batch = match chunksize {
                    Some(items) => batch.chunksize(items),
                    None => batch,
                };
                batch.map_async().unwrap().detach();
            });
            // The item that runs, and those that are begun before its runner has looked up.
            assert!(
                overtaken <= 3,
                "{overtaken} items began first ({chunksize:?}, {quick} quick ones)"
            );
        }
    }
}

// covers TIME-03
#[test]
fn a_stream_gives_way_after_its_turn() {
    let overtaken = overtaking(|pool, count| {
        let results = pool.imap(longer_than_a_turn(&count), 0..3_000).unwrap();
        std::thread::spawn(move || results.for_each(drop));
    });
    assert!(overtaken <= 3, "{overtaken} items began first");
}

// covers TIME-04
#[test]
fn only_living_entries_count_as_queued() {
    for_seeds(40, |dice| {
        let workers = 1 + dice.roll(4);
        let (pool, gate) = held(workers);
        // From outside, behind busy workers: cancelled tasks and batches leave nothing.
        for _ in 0..300 {
            match dice.roll(3) {
                0 => assert!(pool.apply_async(|| ()).unwrap().cancel()),
                1 => assert!(pool.map_async(|x: usize| x, 0..8).unwrap().cancel()),
                _ => drop(pool.imap(|x: usize| x, 0..8).unwrap()),
            }
        }
        assert_eq!(queued(&pool.handle()), 0, "after cancels from outside");
        gate.open();
        // From inside: a task that stays, and uses its own pool again and again.
        let (turns, way) = (200 + dice.roll(200), dice.roll(5));
        let left = pool
            .apply(|| {
                let handle = PoolHandle::current().unwrap();
                for _ in 0..turns {
                    match way {
                        0 => drop(handle.map(|x: usize| x, 0..16).unwrap()),
                        1 => handle.scope(|s| (0..3).for_each(|_| s.spawn(|| ()).unwrap())),
                        2 => handle.imap(|x: usize| x, 0..16).unwrap().for_each(drop),
                        3 => assert!(handle.apply_async(|| 1).unwrap().cancel() || workers > 1),
                        _ => {
                            let pair = [
                                handle.apply_async(|| 1).unwrap(),
                                handle.apply_async(|| 2).unwrap(),
                            ];
                            pair.into_iter().for_each(|result| _ = result.get().unwrap());
                        }
                    }
                }
                queued(&handle)
            })
            .unwrap();
        // With several workers a thief may have an entry in its hands.
        assert!(
            left <= workers,
            "{left} queued after {turns} turns of way {way}, {workers} workers"
        );
    });
}

// covers TIME-03
#[test]
fn every_task_resolves_when_a_deque_is_swept_beside_terminate() {
    for_seeds(60, |dice| {
        let pool = ThreadPool::new(1 + dice.roll(2)).unwrap();
        let (handle, after) = (pool.handle(), dice.roll(3_000));
        let (send, results) = std::sync::mpsc::channel();
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        pool.spawn(move || {
            while let Ok(result) = handle.apply_async(|| ()) {
                count.fetch_add(1, Ordering::SeqCst);
                send.send(result).unwrap();
            }
        })
        .unwrap();
        while begun.load(Ordering::SeqCst) < after {
            std::hint::spin_loop();
        }
        pool.terminate();
        // Every accepted task resolves, though the pool is still there.
        for result in results {
            let _ = result.get();
        }
    });
}
