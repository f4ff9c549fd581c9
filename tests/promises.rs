//! The bounds of the table "When does a submitted task start?" (src/sched/README.md), held by counting, over programs drawn by chance:
//! tasks from outside and from inside, maps, streams, cancels and terminations, on one to eight workers.
//!
//! `MILLPOND_MIX_SEED=n cargo test --test promises` runs one program; a failure names its seed.

mod common;

use common::Gate;
use millpond::{PoolHandle, ThreadPool};
use std::cell::Cell;
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

#[test]
fn time_01_app_06_tasks_from_outside_begin_in_order() {
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

#[test]
fn time_02_a_task_that_waits_for_the_one_before_it_ends() {
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
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let (count, handle) = (Arc::new(AtomicUsize::new(0)), pool.handle());
    let begun = Arc::clone(&count);
    let (entered, inside) = std::sync::mpsc::channel();
    let parent = pool
        .apply_async(move || {
            entered.send(()).unwrap();
            gone.recv().unwrap();
            let (tell, told) = std::sync::mpsc::channel();
            let counted = Arc::clone(&begun);
            let before = begun.load(Ordering::SeqCst);
            handle.spawn(move || tell.send(counted.load(Ordering::SeqCst)).unwrap()).unwrap();
            told.recv().unwrap() - before
        })
        .unwrap();
    inside.recv().unwrap();
    let counter = Arc::clone(&count);
    flood(&pool, Arc::new(move || _ = counter.fetch_add(1, Ordering::SeqCst)));
    while count.load(Ordering::SeqCst) < 100 {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
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

#[test]
fn time_03_a_child_of_a_task_that_stays_begins_among_sixty_four() {
    let overtaken = overtaking(|pool, count| {
        for number in 0..3_000 {
            let item = longer_than_a_turn(&count);
            pool.spawn(move || item(number)).unwrap();
        }
    });
    assert!(overtaken <= 64, "{overtaken} calls began first");
}

#[test]
fn time_03_a_batch_gives_way_after_its_turn() {
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

#[test]
fn time_03_a_stream_gives_way_after_its_turn() {
    let overtaken = overtaking(|pool, count| {
        let results = pool.imap(longer_than_a_turn(&count), 0..3_000).unwrap();
        std::thread::spawn(move || results.for_each(drop));
    });
    assert!(overtaken <= 3, "{overtaken} items began first");
}

#[test]
fn time_04_what_is_queued_is_what_is_alive() {
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

/// Quick items, and then `slow` others, of which the first stops the batch in some way. How many more begin.
fn begun_after(
    stop: impl Fn(&ThreadPool, &millpond::AsyncResult<Vec<()>>),
    fail_fast: bool,
    (workers, slow): (usize, usize),
) -> usize {
    const QUICK: usize = 70_000;
    let pool = ThreadPool::new(workers).unwrap();
    let (stopped, late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (entered, release) = (Gate::new(), Gate::new());
    let (see, count, enter, pass) =
        (Arc::clone(&stopped), Arc::clone(&late), entered.clone(), release.clone());
    let result = pool
        .batch(
            move |number: usize| {
                if number >= QUICK {
                    if see.load(Ordering::SeqCst) == 1 {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    enter.open();
                    pass.wait();
                    std::thread::yield_now();
                    if fail_fast && see.swap(1, Ordering::SeqCst) == 0 {
                        std::panic::resume_unwind(Box::new("deliberate"));
                    }
                }
            },
            0..QUICK + slow,
        )
        .fail_fast(fail_fast)
        .map_async()
        .unwrap();
    entered.wait();
    stop(&pool, &result);
    if !fail_fast {
        stopped.store(1, Ordering::SeqCst);
    }
    release.open();
    result.wait();
    late.load(Ordering::SeqCst)
}

#[test]
fn time_05_nothing_begins_after_the_end() {
    // Of a few slow items most lie in the hands of one worker, and nothing is left to take.
    for (workers, slow) in
        [1, 2, 4].into_iter().flat_map(|workers| [(workers, 1_000), (workers, 6)])
    {
        let late = begun_after(|pool, _| pool.terminate(), false, (workers, slow));
        assert_eq!(late, 0, "after terminate, {workers} workers, {slow} items");
        let late = begun_after(|_, result| _ = result.cancel(), false, (workers, slow));
        assert_eq!(late, 0, "after cancel, {workers} workers, {slow} items");
    }
    let late = begun_after(|_, _| (), true, (1, 1_000));
    assert_eq!(late, 0, "after a failure");
}

#[test]
fn time_05_nothing_begins_after_a_failure_on_another_worker() {
    for workers in [2, 4, 8] {
        let pool = ThreadPool::new(workers).unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (count, release) = (Arc::clone(&begun), Gate::new());
        let pass = release.clone();
        let each = move |_: usize| {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                pass.wait();
                return Ok(());
            }
            while count.load(Ordering::SeqCst) < workers {
                std::thread::yield_now();
            }
            Err(())
        };
        let result = pool.try_batch(each, 0..1_000).fail_fast(true).map_async().unwrap();
        // Every worker is in an item, and the failing one has done with its own, or begins another.
        while result.progress().done == 0 && begun.load(Ordering::SeqCst) <= workers {
            std::thread::yield_now();
        }
        release.open();
        result.wait();
        assert_eq!(begun.load(Ordering::SeqCst), workers);
    }
}

#[test]
fn time_05_a_cancel_reaches_what_a_runner_has_taken_along() {
    const ITEMS: usize = 100_000;
    thread_local! { static HOLDS: Cell<bool> = const { Cell::new(false) } }
    for turn in 0..30 {
        let pool = ThreadPool::new(2).unwrap();
        let slow = ITEMS / 8 + turn * 97;
        let (entered, release) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), release.clone());
        let [held, other, stopped, late] = [(); 4].map(|()| Arc::new(AtomicUsize::new(0)));
        let (see, count) = (Arc::clone(&stopped), Arc::clone(&late));
        let each = move |number: usize| {
            if see.load(Ordering::SeqCst) == 1 {
                count.fetch_add(1, Ordering::SeqCst);
            }
            if number == slow {
                HOLDS.set(true);
                held.store(1, Ordering::SeqCst);
                // The other worker takes all that this one has not taken along.
                while other.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                enter.open();
                pass.wait();
            } else if held.load(Ordering::SeqCst) == 1 && !HOLDS.get() {
                other.store(1, Ordering::SeqCst);
            }
        };
        let result = pool.map_async(each, 0..ITEMS).unwrap();
        entered.wait();
        while active(&pool.handle()) > 1 {
            std::thread::yield_now();
        }
        let _ = result.cancel();
        stopped.store(1, Ordering::SeqCst);
        release.open();
        result.wait();
        assert_eq!(late.load(Ordering::SeqCst), 0);
    }
}

/// How many workers are in a task, as `Debug` says.
fn active(pool: &PoolHandle) -> usize {
    let shown = format!("{pool:?}");
    let number = shown.split("active: ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).expect("Debug says how many are active")
}

#[test]
fn time_05_slow_items_behind_quick_ones_are_shared() {
    // Far more quick items between two slow ones than a runner takes along.
    const APART: usize = 20_000;
    for fails in [false, true] {
        for workers in [2, 8] {
            let pool = ThreadPool::new(workers).unwrap();
            let (handle, barrier) = (pool.handle(), Arc::new(std::sync::Barrier::new(workers)));
            let slow = AtomicUsize::new(0);
            // One slow item more than there are workers. The first to begin ends when the other workers are in slow items too, or have
            // nothing left to do; the others wait until as many have begun as there are workers.
            let item = move |number: usize| {
                if number % APART > 0 {
                    return if fails { Err(()) } else { Ok(()) };
                }
                if slow.fetch_add(1, Ordering::SeqCst) > 0 {
                    barrier.wait();
                    return Ok(());
                }
                while active(&handle) > slow.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                Ok(())
            };
            let result = pool.try_map_async(item, 0..=APART * workers).unwrap().get();
            assert_eq!(result.is_err(), fails);
        }
    }
}

#[test]
fn time_03_a_worker_s_deque_is_swept_beside_terminate() {
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

#[test]
fn time_06_an_item_begins_before_the_input_is_asked_again() {
    for unordered in [false, true] {
        let pool = ThreadPool::new(2).unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let (seen, count) = (Arc::clone(&begun), Arc::clone(&begun));
        // Each answer comes only after the item before has begun.
        let input = (0..200).inspect(move |number| {
            while seen.load(Ordering::SeqCst) < *number {
                std::thread::yield_now();
            }
        });
        let item = move |number: usize| {
            count.fetch_add(1, Ordering::SeqCst);
            number
        };
        let results =
            if unordered { pool.imap_unordered(item, input) } else { pool.imap(item, input) };
        assert_eq!(results.unwrap().map(Result::unwrap).sum::<usize>(), 199 * 200 / 2);
    }
}

#[test]
fn time_06_what_is_ready_is_yielded_before_the_input_is_asked() {
    let pool = ThreadPool::new(1).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let input = (0..10_usize).inspect(move |_| _ = count.fetch_add(1, Ordering::SeqCst));
    let mut results = pool.stream(|x: usize| x, input).buffersize(4).imap().unwrap();
    // Four are pulled at the call; all of them are done once the worker has done something that came after them.
    pool.apply(|| ()).unwrap();
    let pulled = asked.load(Ordering::SeqCst);
    for number in 0..pulled {
        assert_eq!(results.next().unwrap().unwrap(), number);
        assert_eq!(
            asked.load(Ordering::SeqCst),
            pulled,
            "the input was asked though a result was ready"
        );
    }
}

#[test]
fn time_07_a_window_keeps_as_many_running() {
    for unordered in [false, true] {
        let (workers, window) = (8, 8);
        let pool = ThreadPool::new(workers).unwrap();
        let barrier = Arc::new(std::sync::Barrier::new(window));
        let meet = Arc::clone(&barrier);
        // Each group of eight meets: it takes eight at once.
        let stream =
            pool.stream(move |_: usize| _ = meet.wait(), 0..20 * window).buffersize(window);
        let results = if unordered { stream.imap_unordered() } else { stream.imap() };
        assert_eq!(results.unwrap().filter(Result::is_ok).count(), 20 * window);
    }
}

#[test]
fn time_07_a_published_item_and_an_idle_worker_find_each_other() {
    for (waits_for, unordered) in
        [(1, false), (64, false), (65, false), (300, false), (1, true), (500, true)]
    {
        let pool = ThreadPool::new(2).unwrap();
        let gate = Gate::new();
        let meet = gate.clone();
        let item = move |number: usize| match number {
            0 => meet.wait(),
            number if number == waits_for => meet.open(),
            _ => {}
        };
        let results = if unordered {
            pool.imap_unordered(item, 0..=waits_for)
        } else {
            pool.imap(item, 0..=waits_for)
        };
        assert_eq!(results.unwrap().filter(Result::is_ok).count(), waits_for + 1);
    }
}

#[test]
fn time_08_what_a_function_captured_is_gone_with_the_end() {
    let pool = ThreadPool::new(2).unwrap();
    for round in 0..2_000 {
        let (token, inside) = {
            let token = Arc::new(());
            (Arc::clone(&token), token)
        };
        let f = move |x: usize| {
            let _ = &inside;
            x
        };
        let mut results =
            if round % 2 == 0 { pool.imap(f, 0..4) } else { pool.imap_unordered(f, 0..4) }.unwrap();
        while results.next().is_some() {}
        assert_eq!(Arc::strong_count(&token), 1, "round {round}");
    }
}
