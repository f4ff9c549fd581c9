//! A pool with a limit on what is queued: who waits, who never does, and that everybody who waits
//! goes on. That the limit is exact is in tests/bounded_limit.rs.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::{Gate, hold_up};
use limited::{Sleeper, bounded, full, queued};
use millpond::{BuildError, DropPolicy, Pool, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

#[test]
fn a_limit_of_zero_is_refused() {
    let error = ThreadPool::builder().workers(1).max_queued(0).build().unwrap_err();
    assert!(matches!(error, BuildError::ZeroMaxQueued));
    assert_eq!(error.to_string(), "Number of queued submissions must be at least 1");
}

#[test]
fn every_verb_waits_for_space_and_goes_on() {
    type Verb = fn(&PoolHandle) -> usize;
    let verbs: [(&str, Verb); 10] = [
        ("apply", |pool| pool.apply(|| 1).unwrap()),
        ("apply_async", |pool| pool.apply_async(|| 1).unwrap().get().unwrap()),
        ("try_apply_async", |pool| pool.try_apply_async(|| Ok::<_, ()>(1)).unwrap().get().unwrap()),
        ("task", |pool| pool.task(|| 1).callback(|_| ()).apply_async().unwrap().get().unwrap()),
        ("spawn", |pool| {
            pool.spawn(|| ()).unwrap();
            1
        }),
        ("scope", |pool| pool.scope(|s| s.apply_async(|| 1).unwrap().get().unwrap())),
        ("map", |pool| pool.map(|x: usize| x, 0..2).unwrap()[1]),
        ("map_async", |pool| pool.map_async(|x: usize| x, 0..2).unwrap().get().unwrap()[1]),
        ("starmap", |pool| pool.starmap(|a, b| a * b, [(1, 1)]).unwrap()[0]),
        ("imap", |pool| pool.imap(|x: usize| x, 1..2).unwrap().next().unwrap().unwrap()),
    ];
    for (name, verb) in verbs {
        let (pool, gate) = full(2);
        let handle = pool.handle();
        let submitter = Sleeper::start(move || verb(&handle));
        submitter.until_asleep();
        assert!(!submitter.is_gone(), "{name}: it has not waited");
        assert_eq!(queued(&pool.handle()), 2, "{name}: it has not waited");
        gate.open();
        assert_eq!(submitter.join(), 1, "{name}");
        pool.close();
        pool.join().unwrap();
    }
}

#[test]
fn an_empty_batch_waits_for_no_place() {
    let (pool, gate) = full(1);
    assert_eq!(pool.map(|x: u8| x, []).unwrap(), []);
    assert_eq!(pool.map_async(|x: u8| x, []).unwrap().get().unwrap(), []);
    gate.open();
}

#[test]
fn a_nonblocking_task_is_refused_and_comes_back() {
    let (pool, gate) = full(1);
    let told = Arc::new(AtomicUsize::new(0));
    let tell = Arc::clone(&told);
    let task = pool
        .task(|| 7)
        .nonblocking(true)
        .callback(move |x| _ = tell.fetch_add(*x, Ordering::Relaxed));
    let refused = task.apply_async().unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::Full);
    assert_eq!(
        refused.to_string(),
        "Pool is full: millpond has 1 of 1 places used (0 by permits), 0 waiting, \
         1 of 1 workers running"
    );
    gate.open();
    let mut task = refused.into_task();
    let result = loop {
        match task.apply_async() {
            Ok(result) => break result,
            Err(refused) => {
                assert_eq!(refused.kind(), SubmitErrorKind::Full);
                task = refused.into_task();
                thread::yield_now();
            }
        }
    };
    assert_eq!((result.get().unwrap(), told.load(Ordering::Relaxed)), (7, 7));
    pool.close();
    let refused = pool.task(|| 7).nonblocking(true).apply_async().unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
}

#[test]
fn a_nonblocking_task_is_taken_where_there_is_no_limit() {
    let pool = ThreadPool::new(1).unwrap();
    let results: Vec<_> =
        (0..100).map(|i| pool.task(move || i).nonblocking(true).apply_async().unwrap()).collect();
    for (i, result) in results.into_iter().enumerate() {
        assert_eq!(result.get().unwrap(), i);
    }
}

// ---- who never waits ----

#[test]
fn a_worker_never_waits() {
    let pool = bounded(1, 1);
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let inside = pool
        .apply_async(move || {
            enter.open();
            pass.wait();
            let pool = PoolHandle::current().unwrap();
            let own: Vec<_> = (0..100).map(|i| pool.apply_async(move || i).unwrap()).collect();
            assert!(pool.task(|| ()).nonblocking(true).apply_async().is_ok());
            assert_eq!(pool.map(|x: usize| x, 0..100).unwrap().len(), 100);
            own.into_iter().map(|result| result.get().unwrap()).sum::<usize>()
        })
        .unwrap();
    entered.wait();
    pool.spawn(|| ()).unwrap();
    gate.open();
    assert_eq!(inside.get().unwrap(), 4_950);
}

#[test]
fn a_callback_on_a_worker_never_waits() {
    let pool = bounded(1, 1);
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let result = pool
        .task(|| ())
        .callback(move |&()| {
            enter.open();
            pass.wait();
            for _ in 0..10 {
                let count = Arc::clone(&count);
                let run = move || _ = count.fetch_add(1, Ordering::Relaxed);
                PoolHandle::current().unwrap().spawn(run).unwrap();
            }
        })
        .apply_async()
        .unwrap();
    entered.wait();
    pool.spawn(|| ()).unwrap();
    gate.open();
    result.get().unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 10);
}

#[test]
fn an_initializer_never_waits() {
    let (tell, told) = mpsc::channel::<PoolHandle>();
    let (told, ran) = (Mutex::new(told), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&ran);
    let pool = ThreadPool::builder()
        .workers(1)
        .max_queued(1)
        .initializer(move |_| {
            let handle = told.lock().unwrap().recv().unwrap();
            for _ in 0..10 {
                let count = Arc::clone(&count);
                handle.spawn(move || _ = count.fetch_add(1, Ordering::Relaxed)).unwrap();
            }
        })
        .build()
        .unwrap();
    tell.send(pool.handle()).unwrap();
    pool.apply(|| ()).unwrap();
    pool.close();
    pool.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 10);
}

// ---- the pool ends ----

/// Four submitters that wait, each for its own verb's error.
fn four_waiting(pool: &ThreadPool) -> Vec<Sleeper<(SubmitErrorKind, usize)>> {
    let submit = |i: usize| {
        let handle = pool.handle();
        let submitter = Sleeper::start(move || {
            if i % 2 == 0 {
                let refused = handle.apply_async(move || i).map(drop).unwrap_err();
                return (refused.kind(), refused.into_task()());
            }
            match handle.map(|x: usize| x, [i]) {
                Err(TaskError::NotSubmitted(kind)) => (kind, i),
                other => panic!("{other:?}"),
            }
        });
        submitter.until_asleep();
        assert!(!submitter.is_gone(), "it has not waited");
        submitter
    };
    (0..4).map(submit).collect()
}

fn all_refused(submitters: Vec<Sleeper<(SubmitErrorKind, usize)>>, why: SubmitErrorKind) {
    for (i, submitter) in submitters.into_iter().enumerate() {
        assert_eq!(submitter.join(), (why, i));
    }
}

#[test]
fn close_and_terminate_give_the_work_back() {
    for end in [Pool::close, Pool::terminate] {
        let (pool, gate) = full(3);
        let submitters = four_waiting(&pool);
        end(&pool);
        all_refused(submitters, SubmitErrorKind::NotRunning);
        gate.open();
        pool.join().unwrap();
    }
}

#[test]
fn dropping_the_pool_gives_the_work_back() {
    for policy in [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain] {
        let pool =
            ThreadPool::builder().workers(1).max_queued(1).drop_policy(policy).build().unwrap();
        let gate = hold_up(&pool);
        pool.spawn(|| ()).unwrap();
        let submitters = four_waiting(&pool);
        let dropper = thread::spawn(move || drop(pool));
        all_refused(submitters, SubmitErrorKind::NotRunning);
        gate.open();
        dropper.join().unwrap();
    }
}

#[test]
fn a_broken_pool_gives_the_work_back() {
    let gate = Gate::new();
    let pass = gate.clone();
    let pool = ThreadPool::builder()
        .workers(1)
        .max_queued(1)
        .initializer(move |_| {
            pass.wait();
            panic!("no database");
        })
        .build()
        .unwrap();
    let accepted = pool.apply_async(|| ()).unwrap();
    let submitters = four_waiting(&pool);
    gate.open();
    all_refused(submitters, SubmitErrorKind::Broken);
    assert!(
        matches!(accepted.get(), Err(TaskError::Broken(why)) if why.message() == Some("no database"))
    );
}

#[test]
fn every_submitter_returns_whenever_the_pool_ends() {
    for round in 0..300 {
        let (pool, accepted) = (bounded(2, 1 + round % 3), Arc::new(AtomicUsize::new(0)));
        let submitters: Vec<_> = (0..3)
            .map(|_| {
                let (handle, accepted) = (pool.handle(), Arc::clone(&accepted));
                thread::spawn(move || {
                    let mut results = Vec::new();
                    loop {
                        match handle.apply_async(|| ()) {
                            Ok(result) => results.push(result),
                            Err(refused) => {
                                break assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
                            }
                        }
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                    for result in results {
                        let outcome = result.get();
                        assert!(
                            matches!(outcome, Ok(()) | Err(TaskError::Terminated)),
                            "{outcome:?}"
                        );
                    }
                })
            })
            .collect();
        while accepted.load(Ordering::Relaxed) < round % 50 {
            thread::yield_now();
        }
        if round % 2 == 0 {
            pool.close()
        } else {
            pool.terminate()
        }
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        pool.join().unwrap();
    }
}

// ---- everything goes through ----

#[test]
fn one_place_and_one_worker_serve_four_submitters() {
    let (pool, ran) = (bounded(1, 1), Arc::new(AtomicUsize::new(0)));
    let submitters: Vec<_> = (0..4)
        .map(|_| {
            let (handle, ran) = (pool.handle(), Arc::clone(&ran));
            thread::spawn(move || {
                for _ in 0..1_000 {
                    let ran = Arc::clone(&ran);
                    handle.spawn(move || _ = ran.fetch_add(1, Ordering::Relaxed)).unwrap();
                }
            })
        })
        .collect();
    submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
    pool.close();
    pool.join().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 4_000);
}

#[test]
fn maps_and_streams_pass_through_one_place() {
    for workers in [1, 2, 4] {
        let pool = bounded(workers, 1);
        thread::scope(|s| {
            for _ in 0..3 {
                s.spawn(|| {
                    for _ in 0..20 {
                        let doubled = pool.map(|x: usize| 2 * x, 0..200).unwrap();
                        assert_eq!(doubled.iter().sum::<usize>(), 39_800);
                        let stream =
                            pool.stream(|x: usize| x, 0..200).buffersize(3).imap().unwrap();
                        assert_eq!(stream.map(Result::unwrap).sum::<usize>(), 19_900);
                        let stream = pool.imap_unordered(|x: usize| x, 0..200).unwrap();
                        assert_eq!(stream.map(Result::unwrap).sum::<usize>(), 19_900);
                    }
                });
            }
        });
    }
}

#[test]
fn nested_maps_complete() {
    for workers in [1, 2] {
        let pool = bounded(workers, 1);
        let sums = pool
            .map(
                |x: usize| {
                    let pool = PoolHandle::current().unwrap();
                    let inner = pool.map(|y: usize| x * y, 0..10).unwrap();
                    let stream = pool.imap(|y: usize| y, inner).unwrap();
                    stream.map(Result::unwrap).sum::<usize>()
                },
                0..50,
            )
            .unwrap();
        assert_eq!(sums.iter().sum::<usize>(), 45 * 1_225);
    }
}

#[test]
fn a_chain_of_bounded_pools_completes() {
    let (first, second) = (bounded(1, 1), Arc::new(bounded(1, 1)));
    let results: Vec<_> = (0..100)
        .map(|i| {
            let second = Arc::clone(&second);
            first.apply_async(move || second.apply(move || i).unwrap()).unwrap()
        })
        .collect();
    for (i, result) in results.into_iter().enumerate() {
        assert_eq!(result.get().unwrap(), i);
    }
}
