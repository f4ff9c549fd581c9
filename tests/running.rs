//! What the workers of a pool are doing, and how long tasks take (NUM).

mod common;

use common::{Gate, hold_up};
use hdrhistogram::Histogram as Reference;
use millpond::{Histogram, Running, ThreadPool};
use std::thread;
use std::time::Duration;

fn counting(workers: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).stats(true).build().unwrap()
}

/// A function with a name of its own.
fn stuck_in_the_database(entered: Gate, gate: Gate) -> thread::ThreadId {
    entered.open();
    gate.wait();
    thread::current().id()
}

fn only(pool: &ThreadPool) -> Running {
    let running = pool.running();
    assert_eq!(running.len(), 1, "{running:?}");
    running[0]
}

// covers NUM-06
#[test]
fn a_stuck_worker_tells_what_it_is_in() {
    let pool = counting(2);
    assert!(pool.running().is_empty());
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let stuck = pool.apply_async(|| stuck_in_the_database(enter, pass)).unwrap();
    entered.wait();
    let first = only(&pool);
    assert!(first.type_name.contains("a_stuck_worker_tells_what_it_is_in"), "{}", first.type_name);
    assert!(first.exact, "the worker had no task before");
    let mut later = only(&pool);
    while later.at_least == first.at_least {
        later = only(&pool);
    }
    assert!(later.at_least > first.at_least && later.worker < 2);
    let printed = format!("{pool:#?}");
    assert!(printed.contains("a_stuck_worker_tells_what_it_is_in"), "{printed}");
    assert!(!format!("{pool:?}").contains("a_stuck_worker"), "one line has no room for it");
    gate.open();
    assert_eq!(stuck.get().unwrap(), first.thread);
    assert!(at_rest(&pool), "nothing runs");
}

fn at_rest(pool: &ThreadPool) -> bool {
    pool.close();
    pool.join().unwrap();
    pool.running().is_empty()
}

// covers NUM-06
#[test]
fn a_task_that_follows_another_is_as_old_as_the_first_look_at_it() {
    let pool = counting(1);
    let gate = hold_up(&pool);
    let (entered, pass) = (Gate::new(), Gate::new());
    let (enter, passes) = (entered.clone(), pass.clone());
    let second = pool.apply_async(move || stuck_in_the_database(enter, passes)).unwrap();
    gate.open();
    entered.wait();
    let first = only(&pool);
    assert!(!first.exact && first.at_least.is_zero(), "{first:?}");
    while only(&pool).at_least.is_zero() {
        thread::yield_now();
    }
    pass.open();
    second.get().unwrap();
}

// covers NUM-06
#[test]
fn a_measured_task_knows_when_it_began() {
    let pool = ThreadPool::builder().workers(1).timings(1).build().unwrap();
    let gate = hold_up(&pool);
    let (entered, pass) = (Gate::new(), Gate::new());
    let (enter, passes) = (entered.clone(), pass.clone());
    let second = pool.apply_async(move || stuck_in_the_database(enter, passes)).unwrap();
    gate.open();
    entered.wait();
    assert!(only(&pool).exact);
    pass.open();
    second.get().unwrap();
}

// covers NUM-06
#[test]
fn batches_streams_and_inner_tasks_are_shown() {
    let pool = counting(1);
    let handle = pool.handle();
    let name = || only(&pool).type_name;
    let held = |entered: &Gate, pass: &Gate| {
        let (entered, pass) = (entered.clone(), pass.clone());
        move |_: u32| {
            entered.open();
            pass.wait();
        }
    };
    fn name_of<F>(_: &F) -> &'static str {
        std::any::type_name::<F>()
    }
    let (entered, pass) = (Gate::new(), Gate::new());
    let item = held(&entered, &pass);
    let expected = name_of(&item);
    let batch = pool.map_async(item, 0..2).unwrap();
    entered.wait();
    assert_eq!(name(), expected, "a batch");
    pass.open();
    batch.get().unwrap();

    let (entered, pass) = (Gate::new(), Gate::new());
    let stream = pool.imap(held(&entered, &pass), 0..2).unwrap();
    entered.wait();
    assert_eq!(name(), expected, "a stream");
    pass.open();
    assert_eq!(stream.count(), 2);

    let (entered, pass) = (Gate::new(), Gate::new());
    let (inner_entered, inner_pass, back) = (Gate::new(), Gate::new(), Gate::new());
    let inner = held(&inner_entered, &inner_pass);
    let (after, end) = (back.clone(), pass.clone());
    let outer = move || {
        handle.apply(move || inner(0)).unwrap();
        after.open();
        end.wait();
        entered.open();
    };
    let outer_name = name_of(&outer);
    let outer = pool.apply_async(outer).unwrap();
    inner_entered.wait();
    assert_ne!(name(), outer_name, "the task that another one waits for");
    inner_pass.open();
    back.wait();
    assert_eq!(name(), outer_name, "the outer task again");
    pass.open();
    outer.get().unwrap();
    assert!(at_rest(&pool));
}

/// A closure whose type has another name than those of the test.
fn half_in_the_database(entered: Gate, gate: Gate) -> impl FnOnce() -> thread::ThreadId {
    || stuck_in_the_database(entered, gate)
}

// covers NUM-06
#[test]
fn a_half_that_another_worker_runs_is_shown_there() {
    fn name_of<F>(_: &F) -> &'static str {
        std::any::type_name::<F>()
    }
    let pool = counting(2);
    let handle = pool.handle();
    let (entered, pass) = (Gate::new(), Gate::new());
    let (looked, first_pass) = (Gate::new(), Gate::new());
    let (begun, after, end) = (entered.clone(), looked.clone(), first_pass.clone());
    let half = half_in_the_database(entered, pass.clone());
    let half_name = name_of(&half);
    let outer = move || {
        // The first half stays until the second has been taken and has ended.
        let first = || {
            after.wait();
            end.wait();
            thread::current().id()
        };
        handle.fork_join(first, half).unwrap()
    };
    let outer_name = name_of(&outer);
    let outer = pool.apply_async(outer).unwrap();
    begun.wait();
    let running = pool.running();
    assert_eq!(running.len(), 2, "{running:?}");
    let of = |name: &str| running.iter().find(|shown| shown.type_name == name).unwrap();
    let (owner, thief) = (of(outer_name).thread, of(half_name).thread);
    pass.open();
    looked.open();
    while pool.running().len() == 2 {
        thread::yield_now();
    }
    assert_eq!(only(&pool).type_name, outer_name, "the half is shown no more");
    first_pass.open();
    assert_eq!(outer.get().unwrap(), (owner, thief));
    assert!(at_rest(&pool));
}

// covers NUM-07
#[test]
fn one_in_so_many_tasks_is_measured() {
    for one_in in [1, 2, 10, 100] {
        let pool = ThreadPool::builder().workers(2).timings(one_in).build().unwrap();
        (0..10_000).for_each(|_| pool.spawn(|| ()).unwrap());
        pool.map(|x: u32| x, 0..10).unwrap();
        pool.close();
        pool.join().unwrap();
        let timings = pool.timings().unwrap();
        let (count, expected) = (timings.queued.count(), u64::from(10_000 / one_in));
        assert_eq!((timings.one_in, timings.ran.count()), (one_in, count));
        assert!(count.abs_diff(expected) <= 2, "one in {one_in}: {count}");
        assert_eq!(pool.stats().submitted, 10_001);
    }
}

// covers NUM-07
#[test]
fn queue_time_and_run_time_are_told_apart() {
    let pool = ThreadPool::builder().workers(1).timings(1).build().unwrap();
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let long = pool.apply_async(|| stuck_in_the_database(enter, pass)).unwrap();
    entered.wait();
    let short = pool.apply_async(|| ()).unwrap();
    let before = only(&pool).at_least;
    while only(&pool).at_least < before + Duration::from_millis(5) {
        thread::yield_now();
    }
    gate.open();
    long.get().unwrap();
    short.get().unwrap();
    pool.close();
    pool.join().unwrap();
    let timings = pool.timings().unwrap();
    let five = Duration::from_millis(5);
    assert!(timings.ran.max().unwrap() >= five && timings.queued.max().unwrap() >= five);
    assert!(timings.ran.quantile(0.5).unwrap() < timings.ran.max().unwrap());
    assert_eq!(timings.queued.count(), 2);
}

/// Numbers like those of a service: most are short, some are a thousand times as long.
fn durations() -> impl Iterator<Item = u64> {
    let mut seed = 7_u64;
    (0..100_000).map(move |_| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let tail = 1 << (seed % 20);
        1_000 + (seed >> 20) % (1_000 * tail)
    })
}

// covers NUM-08
#[test]
fn a_histogram_agrees_with_hdrhistogram() {
    let mut reference = Reference::<u64>::new_with_max(u64::MAX / 2, 5).unwrap();
    let (mut whole, mut parts) = (Histogram::new(), [Histogram::new(), Histogram::new()]);
    for (at, nanoseconds) in durations().enumerate() {
        reference.record(nanoseconds).unwrap();
        whole.record(Duration::from_nanos(nanoseconds));
        parts[at % 2].record(Duration::from_nanos(nanoseconds));
    }
    for part in [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0] {
        let theirs = reference.value_at_quantile(part) as f64;
        let ours = whole.quantile(part).unwrap().as_nanos() as f64;
        // Theirs is exact to five digits.
        assert!(ours >= theirs * 0.9999 && ours <= theirs * 1.0323, "{part}: {ours} {theirs}");
    }
    let mean = whole.mean().unwrap().as_nanos() as f64;
    assert!((mean / reference.mean() - 1.0).abs() < 0.0001, "{mean} {}", reference.mean());
    assert_eq!(whole.count(), reference.len());
    let max = whole.max().unwrap().as_nanos() as f64;
    assert!((max / reference.max() as f64 - 1.0).abs() < 0.0001);
    let [mut merged, other] = parts;
    merged.merge(&other);
    assert_eq!(merged, whole, "two halves, merged, are the whole");
}

// covers NUM-08
#[test]
fn a_histogram_takes_every_duration_and_every_part() {
    let mut histogram = Histogram::new();
    assert_eq!((histogram.quantile(0.5), histogram.max(), histogram.mean()), (None, None, None));
    histogram.record(Duration::ZERO);
    histogram.record(Duration::MAX);
    let longest = Some(Duration::from_nanos(u64::MAX));
    assert_eq!((histogram.count(), histogram.max()), (2, longest));
    assert_eq!(histogram.quantile(f64::NAN), None);
    assert_eq!(histogram.quantile(-1.0), Some(Duration::ZERO));
    assert_eq!(histogram.quantile(f64::INFINITY), longest);
}
