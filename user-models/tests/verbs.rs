//! Every verb in a model: it ends in all orders, and orders what it promises.

use millpond_spec as millpond;

mod common;

use common::passes;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, Ordering};
use millpond_spec::{Drain, ReturnWhen, ThreadPool, WhenFull, model};
use std::sync::Arc;
use std::time::Duration;

/// A number that loom watches. Two uses without an order between them fail the model, unless
/// both only read.
#[derive(Debug)]
struct Watched(UnsafeCell<u32>);

// SAFETY: loom fails the model if two threads use the number at once.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn get(&self) -> u32 {
        self.0.with(|number| {
            // SAFETY: see `Sync`.
            unsafe { *number }
        })
    }

    fn set(&self, value: u32) {
        self.0.with_mut(|number| {
            // SAFETY: see `Sync`.
            unsafe { *number = value };
        });
    }
}

fn pool() -> ThreadPool {
    ThreadPool::new(2).unwrap()
}

#[test]
fn a_call_that_waits_borrows() {
    passes(|| {
        let (pool, watched) = (pool(), Watched::new());
        watched.set(1);
        pool.apply(|| watched.set(watched.get() + 1)).unwrap();
        assert_eq!(watched.get(), 2);
    });
}

#[test]
fn items_of_a_batch_see_its_submitter_and_are_seen() {
    passes(|| {
        let (pool, seen) = (pool(), [Watched::new(), Watched::new()]);
        let squares = pool.map(|at: usize| (seen[at].set(at as u32), at * at).1, 0..2);
        assert_eq!(squares.unwrap(), [0, 1]);
        assert_eq!(seen.each_ref().map(|number| number.get()), [0, 1]);
    });
}

#[test]
fn a_batch_with_a_handle_is_cancelled_or_done() {
    passes(|| {
        let pool = pool();
        let batch = pool.map_async(|x: u32| x, 0..2).unwrap();
        let cancelled = batch.cancel();
        match batch.get() {
            Ok(values) => assert!(!cancelled && values == [0, 1]),
            Err(error) => assert!(cancelled || error.to_string().contains("cancel"), "{error}"),
        }
    });
}

#[test]
fn a_stream_yields_in_order() {
    passes(|| {
        let pool = ThreadPool::new(1).unwrap();
        let seen = Watched::new();
        let theirs = Arc::clone(&seen);
        let mut stream = pool.imap(move |x: u32| (theirs.set(x), x).1, 1..=2).unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), 1);
        assert_eq!(stream.next().unwrap().unwrap(), 2);
        assert!(stream.next().is_none());
        assert_eq!(seen.get(), 2);
    });
}

#[test]
fn a_fed_stream_yields_what_it_was_sent() {
    passes(|| {
        let pool = ThreadPool::new(1).unwrap();
        let stream = pool.fed_stream(|number: Arc<Watched>| {
            number.set(number.get() + 1);
            number
        });
        let (feeder, mut results) = stream.feed().unwrap();
        let sender = loom::thread::spawn(move || {
            let number = Watched::new();
            number.set(6);
            feeder.send(number).unwrap();
        });
        assert_eq!(results.next().unwrap().unwrap().get(), 7);
        assert!(results.next().is_none());
        sender.join().unwrap();
    });
}

#[test]
fn a_handle_is_awaited() {
    passes(|| {
        let (pool, seen) = (pool(), Watched::new());
        let theirs = Arc::clone(&seen);
        let task = pool.apply_async(move || theirs.set(7)).unwrap();
        loom::future::block_on(task).unwrap();
        assert_eq!(seen.get(), 7);
    });
}

#[test]
fn a_scope_sees_its_tasks() {
    passes(|| {
        let (pool, seen) = (pool(), [Watched::new(), Watched::new()]);
        pool.scope(|scope| {
            for number in &seen {
                scope.spawn(|| number.set(7)).unwrap();
            }
        });
        assert_eq!(seen.each_ref().map(|number| number.get()), [7, 7]);
    });
}

/// A task of the scope submits another one, so the worker finds that entry on top of its deque,
/// and runs the scope's oldest task by it: the one that the frame has submitted.
#[test]
fn a_scoped_task_sees_its_submitter_whoever_submitted_the_entry() {
    passes(|| {
        let pool = ThreadPool::new(1).unwrap();
        let number = Watched::new();
        pool.scope(|scope| {
            scope.spawn(|| scope.spawn(|| ()).unwrap()).unwrap();
            number.set(7);
            scope.spawn(|| assert_eq!(number.get(), 7)).unwrap();
        });
    });
}

/// The worker that takes the first task pushes the second entry of the batch. The items still see
/// their submitter.
#[test]
fn items_see_their_submitter_though_their_entry_stood_in_line() {
    passes(|| {
        let pool = ThreadPool::builder().workers(2).max_queued(2).build().unwrap();
        let number = Watched::new();
        let seen = Arc::clone(&number);
        pool.spawn(|| ()).unwrap();
        number.set(7);
        let batch = pool.batch(move |_| assert_eq!(seen.get(), 7), [1, 2]).chunksize(1).map_async();
        batch.unwrap().get().unwrap();
    });
}

#[test]
fn both_halves_of_a_join_are_seen() {
    passes(|| {
        let pool = pool();
        let handle = pool.handle();
        let task = pool.apply_async(move || {
            let (first, second) = (Watched::new(), Watched::new());
            handle.fork_join(|| first.set(1), || second.set(2)).unwrap();
            first.get() + second.get()
        });
        assert_eq!(task.unwrap().get().unwrap(), 3);
    });
}

/// The second half may run on either worker.
#[test]
fn a_half_is_taken_by_the_other_worker_too() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let threads = Arc::clone(&seen);
    passes(move || {
        let pool = pool();
        let handle = pool.handle();
        let this = || format!("{:?}", loom::thread::current().id());
        let task = pool.apply_async(move || handle.fork_join(this, this).unwrap());
        let (first, second) = task.unwrap().get().unwrap();
        threads.lock().unwrap().insert(first == second);
    });
    assert_eq!(seen.lock().unwrap().len(), 2);
}

/// A task that a task submits and awaits runs on either worker.
#[test]
fn a_nested_task_runs_on_either_worker() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let threads = Arc::clone(&seen);
    passes(move || {
        let pool = pool();
        let handle = pool.handle();
        let this = || format!("{:?}", loom::thread::current().id());
        let task = pool.apply_async(move || (this(), handle.apply_async(this).unwrap().get()));
        let (outer, inner) = task.unwrap().get().unwrap();
        threads.lock().unwrap().insert(outer == inner.unwrap());
    });
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn the_first_of_two_handles_is_seen_with_its_effects() {
    passes(|| {
        let (pool, seen) = (pool(), [Watched::new(), Watched::new()]);
        let tasks = seen.clone().map(|number| pool.apply_async(move || number.set(7)).unwrap());
        let waited = millpond_spec::wait(tasks, ReturnWhen::FirstCompleted, None);
        let (done, _) = waited.done.first().expect("one is done");
        assert_eq!(seen[*done].get(), 7);
    });
}

#[test]
fn a_full_pool_lets_its_submitters_wait() {
    passes(|| {
        let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
        let done = Arc::new(AtomicU32::new(0));
        for _ in 0..2 {
            let done = Arc::clone(&done);
            pool.apply_async(move || done.fetch_add(1, Ordering::Relaxed)).unwrap().detach();
        }
        pool.close();
        pool.join().unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_full_pool_refuses() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let answers = Arc::clone(&seen);
    passes(move || {
        let builder = ThreadPool::builder().workers(1).max_queued(1);
        let pool = builder.when_full(WhenFull::Refuse).build().unwrap();
        let submitted = [(); 2].map(|()| pool.spawn(|| ()).is_ok());
        answers.lock().unwrap().insert(submitted);
    });
    let seen: Vec<_> = seen.lock().unwrap().iter().copied().collect();
    assert_eq!(seen, [[true, false], [true, true]]);
}

#[test]
fn a_shutdown_ends_by_its_limit_or_before() {
    passes(|| {
        let pool = ThreadPool::new(1).unwrap();
        let task = pool.apply_async(|| 7).unwrap();
        let clock = loom::thread::spawn(|| model::expire());
        let report = pool.shutdown(Drain::Within(Duration::from_secs(1)));
        clock.join().unwrap();
        drop((report, task.get()));
    });
}

/// A panic that the model wants does not fail it, and reaches the handle.
#[test]
fn a_deliberate_panic_is_an_outcome() {
    passes(|| {
        let pool = pool();
        let task = pool.apply_async(|| -> u32 { model::panic_deliberately() }).unwrap();
        assert!(task.get().is_err());
    });
}

#[test]
fn a_panic_in_a_task_fails_the_model_though_the_pool_catches_it() {
    common::found(
        || {
            let pool = pool();
            pool.spawn(|| panic!("no handle hears of this")).unwrap();
            pool.close();
            pool.join().unwrap();
        },
        "no handle hears of this",
        "tests/verbs.rs",
    );
}

#[test]
fn a_fifth_worker_is_refused_in_words() {
    let report = model::Model::new().explore(|| drop(ThreadPool::new(5)));
    let example = report.failure.unwrap();
    assert!(example.contains("at most 4 workers"), "{example}");
}

#[test]
fn a_limit_makes_the_report_incomplete() {
    let two_tasks = || {
        let pool = pool();
        let tasks = [(); 2].map(|()| pool.apply_async(|| ()).unwrap());
        tasks.into_iter().for_each(|task| task.get().unwrap());
    };
    let report = model::Model::new().max_executions(10).explore(two_tasks);
    assert_eq!((report.executions, report.complete), (10, false));
    assert!(report.to_string().contains("INCOMPLETE"), "{report}");
    let report = model::Model::new().max_time(Duration::ZERO).explore(two_tasks);
    assert!(!report.complete, "{report}");
}
