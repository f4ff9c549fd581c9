//! Tasks with a time by which they must begin: the rows DUE of the catalogue. Tasks that ask a
//! function are in tests/start_if.rs.

mod common;
mod parity;

use common::hold_up;
use millpond::{AsyncResult, TaskError, ThreadPool, Timeout};
use parity::{Ledger, block_on};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

type Told = Receiver<(String, ThreadId)>;

/// A task that is overdue when it is submitted, and what its error callback hears.
fn overdue(pool: &ThreadPool) -> (AsyncResult<u32>, Told) {
    let (send, told) = channel();
    let task = pool.task(|| unreachable!("it is overdue")).callback(|_| unreachable!("no value"));
    let task = task.error_callback(move |error| {
        send.send((error.to_string(), thread::current().id())).unwrap();
    });
    (task.start_by(Instant::now()).apply_async().unwrap(), told)
}

const WORDS: &str = "the task had waited for too long before it ran";

// covers DUE-01
#[test]
fn an_overdue_task_is_not_called_and_its_error_callback_hears_of_it() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let (result, told) = overdue(&pool);
    assert_eq!(pool.queued(), 1);
    gate.open();
    // The worker reaches it. No thread waits for its handle.
    let worker = pool.apply(|| thread::current().id()).unwrap();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [(WORDS.to_owned(), worker)]);
    assert!(result.ready() && !result.cancelled() && result.successful() == Ok(false));
    assert_eq!(pool.queued(), 0);
    let error = result.get().unwrap_err();
    assert!(matches!(error, TaskError::Expired), "{error:?}");
    assert_eq!(error.into_boxed().to_string(), WORDS);
}

// covers DUE-02
#[test]
fn a_task_that_has_begun_in_time_goes_on_to_its_end() {
    let pool = ThreadPool::new(1).unwrap();
    let mut margin = Duration::from_millis(5);
    loop {
        let due = Instant::now() + margin;
        let task = move || {
            while Instant::now() <= due {
                thread::yield_now();
            }
            7
        };
        // The wait lasts beyond the due time, while the task runs.
        match pool.task(task).start_by(due).apply_async().unwrap().get() {
            Ok(value) => break assert_eq!(value, 7),
            Err(TaskError::Expired) => margin *= 2, // a busy machine
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(
        pool.task(|| 8).start_by(Instant::now() + HOUR).apply_async().unwrap().get().unwrap(),
        8
    );
    let fallible = pool.handle().try_task(|| "x".parse::<u8>()).start_by(Instant::now() + HOUR);
    assert!(matches!(fallible.apply_async().unwrap().get(), Err(TaskError::Failed { .. })));
}

// covers DUE-03
#[test]
fn a_thread_that_waits_beyond_the_due_time_needs_no_worker() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let waits: [fn(AsyncResult<u32>) -> Result<u32, TaskError>; 5] = [
        AsyncResult::get,
        |result| result.get_timeout(HOUR).unwrap(),
        |result| {
            assert!(result.wait());
            result.try_get().unwrap()
        },
        |result| {
            assert!(result.wait_timeout(HOUR));
            result.try_get().unwrap()
        },
        |result| {
            let both = thread::scope(|s| {
                [s.spawn(|| result.wait()), s.spawn(|| result.wait())].map(|w| w.join().unwrap())
            });
            assert_eq!(both, [true, true]);
            result.try_get().unwrap()
        },
    ];
    for wait in waits {
        let (result, told) = overdue(&pool);
        assert_eq!(pool.queued(), 1);
        assert!(matches!(wait(result), Err(TaskError::Expired)));
        assert_eq!(told.into_iter().count(), 1, "the error callback has returned");
        assert_eq!(pool.queued(), 0);
    }
    // The due time of a task with other gates round it.
    let (now, later) = (Instant::now(), Instant::now() + HOUR);
    let task = || pool.task(|| unreachable!("it is overdue"));
    let handles = [
        task().start_by(now).start_by(later).apply_async().unwrap(),
        task().start_by(later).start_by(now).apply_async().unwrap(),
        task().start_by(now).start_if(|_| unreachable!("overdue")).apply_async().unwrap(),
        task().start_if(|_| unreachable!("overdue")).start_by(now).apply_async().unwrap(),
    ];
    for handle in handles {
        assert!(matches!(handle.get(), Err::<(), _>(TaskError::Expired)));
    }
    // The due time comes during the wait.
    let due = Instant::now() + Duration::from_millis(20);
    let result = pool.task(|| ()).start_by(due).apply_async().unwrap();
    assert!(matches!(result.get(), Err(TaskError::Expired)));
    assert!(Instant::now() >= due, "and not before");
    gate.open();
}

// covers DUE-03
#[test]
fn a_thread_that_does_not_wait_beyond_the_due_time_resolves_nothing() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let (result, told) = overdue(&pool);
    assert!(!result.wait_timeout(Duration::ZERO) && !result.ready());
    let Err(Timeout(mut result)) = result.try_get() else { panic!("it is not done") };
    let mut context = Context::from_waker(Waker::noop());
    assert!(std::pin::Pin::new(&mut result).poll(&mut context).is_pending());
    let later = pool.task(|| 7).start_by(Instant::now() + HOUR).apply_async().unwrap();
    let Err(Timeout(later)) = later.get_timeout(Duration::from_millis(1)) else {
        panic!("it is not done")
    };
    assert_eq!((pool.queued(), told.try_iter().count()), (2, 0));
    gate.open();
    assert!(matches!(block_on(result), Err(TaskError::Expired)));
    assert_eq!(told.into_iter().count(), 1);
    assert_eq!(later.get().unwrap(), 7);
}

// covers DUE-03
#[test]
fn a_worker_that_waits_for_an_overdue_task_does_not_call_it() {
    let pool = ThreadPool::new(1).unwrap();
    let handle = pool.handle();
    let expired = pool.apply(move || {
        let overdue = || handle.task(|| 7).start_by(Instant::now()).apply_async().unwrap();
        let in_time = handle.task(|| 7).start_by(Instant::now() + HOUR).apply_async().unwrap();
        assert_eq!(in_time.get().unwrap(), 7);
        let timed = overdue().get_timeout(HOUR).unwrap();
        [timed, overdue().get()].map(|result| matches!(result, Err(TaskError::Expired)))
    });
    assert_eq!(expired.unwrap(), [true, true]);
}

// covers DUE-04
#[test]
fn the_place_of_an_expired_task_is_free() {
    let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
    let gate = hold_up(&pool);
    let refuses = || pool.task(|| ()).nonblocking(true).apply_async().is_err();
    for _ in 0..3 {
        // One more than the limit would wait here for ever, if the place were not free.
        let (result, _told) = overdue(&pool);
        assert!(refuses() && pool.queued() == 1, "it holds the place until it is resolved");
        assert!(result.wait());
        assert_eq!(pool.queued(), 0);
    }
    let handle = pool.handle();
    let (send, told) = channel();
    let task = pool.task(|| unreachable!("it is overdue")).start_by(Instant::now());
    // The place is free before the callback is called.
    let submit = move |_: &TaskError| {
        let submitted = handle.task(|| 7).nonblocking(true).apply_async();
        send.send(submitted.map(AsyncResult::detach).is_ok()).unwrap();
    };
    assert!(task.error_callback(submit).apply_async().unwrap().wait());
    assert_eq!(told.recv(), Ok(true));
    gate.open();
}

// covers DUE-05
#[test]
fn a_wait_for_a_task_that_is_not_due_ends_with_the_pool() {
    let ends: [fn(ThreadPool) -> Option<ThreadPool>; 2] = [
        |pool| {
            pool.terminate();
            Some(pool)
        },
        |pool| {
            drop(pool);
            None
        },
    ];
    for end in ends {
        let pool = ThreadPool::new(1).unwrap();
        let gate = hold_up(&pool);
        let submit = || pool.task(|| ()).start_by(Instant::now() + HOUR).apply_async().unwrap();
        let (got, timed, cancelled, gone) = (submit(), submit(), submit(), submit());
        assert!(cancelled.cancel());
        assert!(matches!(cancelled.get(), Err(TaskError::Cancelled)));
        drop(gone.cancel_on_drop());
        let got = thread::spawn(move || got.get());
        let timed = thread::spawn(move || timed.get_timeout(2 * HOUR).unwrap());
        let pool = end(pool);
        for waiter in [got, timed] {
            assert!(matches!(waiter.join().unwrap(), Err(TaskError::Terminated)));
        }
        gate.open();
        drop(pool);
    }
}

// covers DUE-05
#[test]
fn a_task_that_becomes_due_while_it_is_taken_cancelled_and_terminated_ends_once() {
    let mut ended = [0; 4];
    for round in 0..400_u32 {
        let pool = ThreadPool::new(2).unwrap();
        let ledger = Ledger::new();
        let tasks: Vec<_> = (0..8_u32)
            .map(|i| {
                let (runs, errors) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (count, told, captured) =
                    (Arc::clone(&runs), Arc::clone(&errors), ledger.value(false));
                let task = pool.task(move || {
                    drop(captured);
                    count.fetch_add(1, Ordering::Relaxed);
                });
                let soon = Duration::from_micros(u64::from(i * round % 64));
                let due = Instant::now() + if i % 2 == 0 { soon } else { HOUR };
                let task = task.error_callback(move |_| _ = told.fetch_add(1, Ordering::Relaxed));
                (task.start_by(due).apply_async().unwrap(), runs, errors)
            })
            .collect();
        let outcomes: Vec<_> = thread::scope(|s| {
            let waiters: Vec<_> =
                tasks.iter().map(|(result, ..)| s.spawn(|| result.wait())).collect();
            s.spawn(|| tasks.iter().skip(6).for_each(|(result, ..)| _ = result.cancel()));
            if round % 2 == 0 {
                pool.terminate();
            }
            waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect()
        });
        assert!(outcomes.iter().all(|done| *done));
        for (result, runs, errors) in tasks {
            let (way, ran) = match result.get() {
                Ok(()) => (0, true),
                Err(TaskError::Expired) => (1, false),
                Err(TaskError::Cancelled) => (2, false),
                Err(TaskError::Terminated) => (3, false),
                Err(error) => panic!("{error}"),
            };
            ended[way] += 1;
            assert_eq!(runs.load(Ordering::Relaxed), usize::from(ran), "round {round}");
            assert_eq!(errors.load(Ordering::Relaxed), usize::from(!ran), "round {round}");
        }
        ledger.settle("every closure");
        assert_eq!(pool.queued(), 0);
    }
    println!("ran, expired, cancelled, terminated: {ended:?}");
    // In every other round the pool is not terminated. Task 0 is overdue then, and task 1 is not.
    assert!(ended[0] > 0 && ended[1] > 0, "both occur: {ended:?}");
}

// covers DUE-09
#[test]
fn a_refused_task_keeps_its_due_time() {
    let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
    let gate = hold_up(&pool);
    pool.spawn(|| ()).unwrap();
    let task = pool.task(|| unreachable!("it is overdue")).start_by(Instant::now());
    let refused = task.nonblocking(true).apply_async().map(AsyncResult::<()>::detach).unwrap_err();
    gate.open();
    pool.apply(|| ()).unwrap();
    let result = refused.into_task().nonblocking(false).apply_async().unwrap();
    assert!(matches!(result.get(), Err(TaskError::Expired)));
}
