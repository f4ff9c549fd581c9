//! A pool with a limit on what is queued: who waits, who never does, and that everybody who waits goes on.

#![cfg(target_os = "linux")]

mod common;

use common::{Gate, hold_up};
use millpond::{BuildError, DropPolicy, Pool, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

fn bounded(workers: usize, max_queued: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).max_queued(max_queued).build().unwrap()
}

/// A pool of one worker, which is kept until the gate opens, with as much queued as it may.
fn full(max_queued: usize) -> (ThreadPool, Gate) {
    let pool = bounded(1, max_queued);
    let gate = hold_up(&pool);
    for _ in 0..max_queued {
        pool.spawn(|| ()).unwrap();
    }
    (pool, gate)
}

fn queued(pool: &PoolHandle) -> usize {
    let said = format!("{pool:?}");
    let (_, rest) = said.split_once("queued: ").expect("it says so");
    rest.split(',').next().expect("a number").parse().expect("a number")
}

/// A thread of which one can see whether it sleeps.
struct Sleeper<T> {
    thread: JoinHandle<T>,
    stat: PathBuf,
}

impl<T: Send + 'static> Sleeper<T> {
    fn start(main: impl FnOnce() -> T + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let me = std::fs::read_link("/proc/thread-self").expect("Linux knows its threads");
            tell.send(PathBuf::from("/proc").join(me).join("stat")).expect("somebody listens");
            main()
        });
        Self { thread, stat: told.recv().expect("it says who it is") }
    }

    /// Until it sleeps or is gone.
    fn until_asleep(&self) {
        while let Ok(stat) = std::fs::read_to_string(&self.stat) {
            let (_, state) = stat.rsplit_once(") ").expect("the name is in parentheses");
            if state.starts_with('S') {
                return;
            }
            thread::yield_now();
        }
    }

    fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

#[test]
fn nothing_may_be_queued() {
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
fn what_needs_no_worker_waits_for_none() {
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
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (SubmitErrorKind::Full, "Pool is full")
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
fn one_place_and_one_worker_for_four_submitters() {
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

// ---- the limit is exact ----

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

#[test]
fn time_09_no_more_than_the_limit_is_ever_queued() {
    let pool = bounded(2, 32);
    let most = most_queued(&pool, || {
        for _ in 0..400 {
            pool.spawn(|| thread::sleep(std::time::Duration::from_millis(1))).unwrap();
        }
    });
    assert!(most <= 32, "{most} were queued at one time");
    assert!(most > 16, "{most}: it was never full");
}

#[test]
fn time_09_no_more_than_the_limit_is_queued_by_any_verb() {
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

#[test]
fn time_09_eight_cancelled_tasks_free_eight_places_at_once() {
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

#[test]
fn time_09_a_cancelled_task_lets_a_waiting_one_in_at_once() {
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

#[test]
fn time_09_who_waits_is_let_in_in_the_order_of_coming() {
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

#[test]
fn time_09_a_cancelled_batch_and_a_dropped_stream_free_their_places_at_once() {
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

#[test]
fn time_09_a_batch_that_is_cancelled_while_it_runs_frees_its_places_at_once() {
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

#[test]
fn time_09_a_batch_that_is_done_holds_no_places() {
    let (pool, gate) = half_busy(2);
    // Its other token is queued when the one worker that is free concludes it.
    let (handle, (tell, told)) = (pool.handle(), mpsc::channel());
    let batch =
        pool.batch(|x: usize| x, 0..2).callback(move |_| tell.send(queued(&handle)).unwrap());
    batch.map_async().unwrap().get().unwrap();
    assert_eq!(told.recv().unwrap(), 0);
    gate.open();
}

#[test]
fn time_09_one_place_lets_a_batch_reach_every_worker() {
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

#[test]
fn time_09_what_stands_in_the_line_is_done_or_resolved_at_the_end() {
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

#[test]
fn time_09_a_handle_that_outlives_its_pool_frees_its_place() {
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
