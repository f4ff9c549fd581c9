//! The limit on what is queued is exact (TIME-09): never more are queued, a place is free at once
//! when its work is claimed, cancelled or dropped, and who waits for one gets it in turn.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::{Gate, hold_up};
use limited::{Sleeper, bounded, full, queued};
use millpond::{Pool, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// The most that was queued at one time while `work` ran.
fn most_queued(pool: &ThreadPool, work: impl FnOnce()) -> usize {
    let (handle, (stop, stopped)) = (pool.handle(), mpsc::channel::<()>());
    let watch = thread::spawn(move || {
        let mut most = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            most = most.max(queued(&handle));
        }
        most
    });
    work();
    drop(stop);
    watch.join().unwrap()
}

/// A pool whose workers are all kept until the gate opens, with nothing queued.
fn busy(workers: usize, max_queued: usize) -> (ThreadPool, Gate) {
    let (pool, gate) = (bounded(workers, max_queued), Gate::new());
    for _ in 0..workers {
        let (entered, pass) = (Gate::new(), gate.clone());
        let enter = entered.clone();
        pool.spawn(move || {
            enter.open();
            pass.wait();
        })
        .unwrap();
        entered.wait();
    }
    assert_eq!(queued(&pool.handle()), 0, "a place is free when its task has begun");
    (pool, gate)
}

fn try_submit(pool: &ThreadPool) -> Result<(), SubmitErrorKind> {
    pool.task(|| ()).nonblocking(true).apply_async().map(drop).map_err(|refused| refused.kind())
}

// covers TIME-09
#[test]
fn no_more_than_the_limit_is_ever_queued() {
    let pool = bounded(2, 32);
    let most = most_queued(&pool, || {
        for _ in 0..400 {
            pool.spawn(|| thread::sleep(std::time::Duration::from_millis(1))).unwrap();
        }
    });
    assert!(most <= 32, "{most} were queued at one time");
    assert!(most > 16, "{most}: it was never full");
}

// covers TIME-09
#[test]
fn no_verb_queues_more_than_the_limit() {
    type Verb = fn(&PoolHandle);
    const LIMIT: usize = 2;
    let verbs: [(&str, Verb); 7] = [
        ("spawn", |pool| pool.spawn(|| ()).unwrap()),
        ("apply", |pool| assert_eq!(pool.apply(|| 1).unwrap(), 1)),
        ("apply_async", |pool| pool.apply_async(|| 1).unwrap().detach()),
        ("scope", |pool| pool.scope(|s| (0..3).for_each(|_| s.spawn(|| ()).unwrap()))),
        ("map", |pool| assert_eq!(pool.map(|x: usize| x, 0..20).unwrap().len(), 20)),
        ("map_async", |pool| pool.map_async(|x: usize| x, 0..20).unwrap().detach()),
        ("imap", |pool| assert_eq!(pool.imap(|x: usize| x, 0..200).unwrap().count(), 200)),
    ];
    let (pool, most) = (bounded(2, LIMIT), AtomicUsize::new(0));
    for (name, verb) in verbs {
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50 {
                        verb(&pool.handle());
                        most.fetch_max(queued(&pool.handle()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert!(most.load(Ordering::Relaxed) <= LIMIT, "{name}: {most:?} were queued at one time");
    }
    pool.close();
    pool.join().unwrap();
    assert_eq!(
        (most.into_inner(), queued(&pool.handle())),
        (LIMIT, 0),
        "full, and every place free again"
    );
}

// covers TIME-09
#[test]
fn eight_cancelled_tasks_free_eight_places_at_once() {
    let (pool, gate) = busy(1, 8);
    let results: Vec<_> = (0..8).map(|_| pool.apply_async(|| ()).unwrap()).collect();
    assert_eq!((queued(&pool.handle()), try_submit(&pool)), (8, Err(SubmitErrorKind::Full)));
    results.iter().for_each(|result| assert!(result.cancel()));
    assert_eq!(queued(&pool.handle()), 0);
    for i in 0..8 {
        assert_eq!(try_submit(&pool), Ok(()), "place {i} is free");
    }
    assert_eq!(try_submit(&pool), Err(SubmitErrorKind::Full));
    gate.open();
}

// covers TIME-09
#[test]
fn a_cancelled_task_lets_a_waiting_submitter_in_at_once() {
    let (pool, gate) = busy(1, 2);
    let queued = [1, 2].map(|_| pool.apply_async(|| ()).unwrap());
    let handle = pool.handle();
    let submitter = Sleeper::start(move || handle.apply_async(|| 3).unwrap());
    submitter.until_asleep();
    assert!(!submitter.is_gone(), "it has not waited");
    assert!(queued[1].cancel());
    let third = submitter.join();
    gate.open();
    assert_eq!(third.get().unwrap(), 3);
}

// covers TIME-09
#[test]
fn waiting_submitters_are_let_in_in_the_order_of_coming() {
    let (pool, gate) = full(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let submitters: Vec<_> = (0..8)
        .map(|i| {
            let (handle, order) = (pool.handle(), Arc::clone(&order));
            let submitter = Sleeper::start(move || {
                handle.spawn(move || order.lock().unwrap().push(i)).unwrap()
            });
            submitter.until_asleep();
            assert!(!submitter.is_gone(), "it has not waited");
            submitter
        })
        .collect();
    assert_eq!(try_submit(&pool), Err(SubmitErrorKind::Full));
    gate.open();
    submitters.into_iter().for_each(Sleeper::join);
    pool.close();
    pool.join().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
}

// covers TIME-09
#[test]
fn a_cancelled_batch_and_a_dropped_stream_free_their_places_at_once() {
    let (pool, gate) = busy(2, 2);
    let batch = pool.map_async(|x: usize| x, 0..10).unwrap();
    assert_eq!((queued(&pool.handle()), try_submit(&pool)), (2, Err(SubmitErrorKind::Full)));
    assert!(batch.cancel());
    assert_eq!(queued(&pool.handle()), 0);
    let streams = [0, 1].map(|_| pool.imap(|x: usize| x, 0..10).unwrap());
    assert_eq!((queued(&pool.handle()), try_submit(&pool)), (2, Err(SubmitErrorKind::Full)));
    drop(streams);
    assert_eq!(queued(&pool.handle()), 0);
    assert_eq!([try_submit(&pool), try_submit(&pool)], [Ok(()), Ok(())]);
    gate.open();
}

/// A pool of two workers, of which one is kept until the gate opens.
fn half_busy(max_queued: usize) -> (ThreadPool, Gate) {
    let pool = bounded(2, max_queued);
    let gate = hold_up(&pool);
    (pool, gate)
}

// covers TIME-09
#[test]
fn a_batch_that_is_cancelled_while_it_runs_frees_its_places_at_once() {
    let (pool, gate) = half_busy(2);
    let (entered, release) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), release.clone());
    let each = move |_: usize| {
        enter.open();
        pass.wait();
    };
    let batch = pool.map_async(each, 0..2).unwrap();
    entered.wait();
    assert_eq!(queued(&pool.handle()), 1, "for the worker that is kept");
    assert!(batch.cancel());
    assert!(!batch.ready());
    assert_eq!(queued(&pool.handle()), 0);
    release.open();
    gate.open();
    assert!(matches!(batch.get(), Err(TaskError::Cancelled)));
}

// covers TIME-09
#[test]
fn a_batch_that_is_done_holds_no_places() {
    let (pool, gate) = half_busy(2);
    // Its other token is queued when the one worker that is free concludes it.
    let (handle, (tell, told)) = (pool.handle(), mpsc::channel());
    let batch =
        pool.batch(|x: usize| x, 0..2).callback(move |_| tell.send(queued(&handle)).unwrap());
    batch.map_async().unwrap().get().unwrap();
    assert_eq!(told.recv().unwrap(), 0);
    gate.open();
}

// covers TIME-09
#[test]
fn one_place_lets_a_batch_reach_every_worker() {
    const WORKERS: usize = 8;
    let pool = bounded(WORKERS, 1);
    let together = std::sync::Barrier::new(WORKERS);
    pool.map(|_: usize| _ = together.wait(), 0..WORKERS).unwrap();
    let together = Arc::new(std::sync::Barrier::new(WORKERS));
    let meet = Arc::clone(&together);
    let result = pool.map_async(move |_: usize| _ = meet.wait(), 0..WORKERS).unwrap();
    assert_eq!(result.get().unwrap().len(), WORKERS);
    let stream = pool.imap(move |_: usize| _ = together.wait(), 0..WORKERS).unwrap();
    assert_eq!(stream.count(), WORKERS);
}

// covers TIME-09
#[test]
fn waiting_streams_resolve_and_waiting_submitters_are_refused_at_the_end() {
    for end in [Pool::close, Pool::terminate] {
        let pool = bounded(1, 1);
        let mut stream = pool.stream(|x: usize| x, 0..5).buffersize(1).imap().unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), 0);
        let gate = hold_up(&pool);
        let last = pool.apply_async(|| ()).unwrap();
        // The stream's next token finds no place, and it has no other.
        let consumer = Sleeper::start(move || stream.map(Result::ok).collect::<Vec<_>>());
        consumer.until_asleep();
        let handle = pool.handle();
        let submitter = Sleeper::start(move || handle.spawn(|| ()).is_ok());
        submitter.until_asleep();
        assert!(!submitter.is_gone(), "it has not waited");
        end(&pool);
        assert!(!submitter.join(), "who waits is sent away");
        if last.ready() {
            assert_eq!(consumer.join(), [None], "terminated");
            gate.open();
        } else {
            gate.open();
            assert_eq!(consumer.join(), [1, 2, 3, 4].map(Some));
        }
        pool.join().unwrap();
        assert_eq!(queued(&pool.handle()), 0, "every place is free again");
    }
}

// covers TIME-09
#[test]
fn a_handle_that_outlives_its_pool_frees_its_place() {
    for _ in 0..200 {
        let (pool, gate) = busy(1, 2);
        let results = [1, 2].map(|_| pool.apply_async(|| ()).unwrap());
        gate.open();
        let canceller =
            thread::spawn(move || results.iter().filter(|result| result.cancel()).count());
        drop(pool);
        canceller.join().unwrap();
    }
}
