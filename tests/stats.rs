//! What a pool counts (NUM).

mod common;

use common::{Gate, hold_up};
use millpond::{AsyncResult, PoolStats, SubmitErrorKind, TaskError, ThreadPool};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

fn counting(workers: usize) -> ThreadPool {
    ThreadPool::builder().workers(workers).stats(true).build().unwrap()
}

/// Ends the pool: from then on it is at rest.
fn at_rest(pool: &ThreadPool) -> PoolStats {
    pool.close();
    pool.join().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.running, stats.oldest_queued), (0, 0, None), "{stats:?}");
    stats
}

/// Submitted, completed, failed, cancelled, terminated, expired, refused.
fn counts(stats: &PoolStats) -> [u64; 7] {
    let PoolStats { submitted, completed, failed, cancelled, terminated, expired, refused, .. } =
        *stats;
    [submitted, completed, failed, cancelled, terminated, expired, refused]
}

// covers NUM-01
#[test]
fn each_kind_of_submission_counts_as_one_and_ends_as_its_outcome_says() {
    let pool = counting(2);
    let count = || counts(&pool.stats());
    pool.apply(|| ()).unwrap();
    assert_eq!(count(), [1, 1, 0, 0, 0, 0, 0], "a call that was waited for");
    pool.apply_async(|| panic!("deliberate")).unwrap().get().unwrap_err();
    assert_eq!(count(), [2, 1, 1, 0, 0, 0, 0], "a panic");
    pool.try_apply(|| Err::<(), u8>(1)).unwrap_err();
    assert_eq!(count(), [3, 1, 2, 0, 0, 0, 0], "an error");
    pool.task(|| 1).callback(|_| panic!("deliberate")).apply_async().unwrap().get().unwrap_err();
    assert_eq!(count(), [4, 1, 3, 0, 0, 0, 0], "the panic of a callback");
    pool.map(|x: u32| x, 0..1_000).unwrap();
    pool.map(|x: u32| x, 0..0).unwrap();
    assert_eq!(count(), [6, 3, 3, 0, 0, 0, 0], "a batch, and one without items");
    pool.map_async(|x: u32| assert_ne!(x, 7), 0..10).unwrap().get().unwrap_err();
    assert_eq!(count(), [7, 3, 4, 0, 0, 0, 0], "a batch with an item that fails");
    assert_eq!(pool.imap(|x: u32| x, 0..1_000).unwrap().count(), 1_000);
    assert_eq!(count(), [8, 4, 4, 0, 0, 0, 0], "a stream");
    let mut stream = pool.imap(|x: u32| x, 0..).unwrap();
    stream.next().unwrap().unwrap();
    let open = pool.stats();
    assert_eq!((open.submitted, open.running), (9, 1), "an open stream runs");
    drop(stream);
    assert_eq!(count(), [9, 4, 4, 1, 0, 0, 0], "a stream that was dropped");
    pool.scope(|s| (0..3).for_each(|_| s.spawn(|| ()).unwrap()));
    assert_eq!(count(), [12, 7, 4, 1, 0, 0, 0], "each task of a scope");
    pool.apply(|| {
        let inner = millpond::PoolHandle::current().unwrap();
        inner.apply(|| ()).unwrap();
        inner.map(|x: u32| x, 0..3).unwrap();
        inner.scope(|s| s.spawn(|| ()).unwrap());
    })
    .unwrap();
    assert_eq!(count(), [16, 11, 4, 1, 0, 0, 0], "what a task runs itself");
    let stats = at_rest(&pool);
    assert!(stats.counted && stats.workers == 2 && stats.busy.len() == 2);
}

// covers NUM-01
#[test]
fn what_is_cancelled_terminated_or_refused_counts_as_that() {
    let builder = ThreadPool::builder().workers(1).stats(true).max_queued(3);
    let pool = builder.build().unwrap();
    let gate = hold_up(&pool);
    let [cancelled, terminated] = [(); 2].map(|()| pool.apply_async(|| ()).unwrap());
    let batch = pool.map_async(|x: u32| x, 0..10).unwrap();
    let queued = pool.stats();
    assert_eq!((queued.submitted, queued.queued, queued.running), (4, 3, 1));
    let full = pool.task(|| ()).nonblocking(true).apply_async().unwrap_err();
    assert_eq!(full.kind(), SubmitErrorKind::Full);
    assert!(cancelled.cancel() && batch.cancel());
    assert_eq!(counts(&pool.stats()), [4, 0, 0, 2, 0, 0, 1]);
    pool.terminate();
    assert!(matches!(terminated.get(), Err(TaskError::Terminated)));
    assert!(pool.spawn(|| ()).is_err() && pool.apply(|| ()).is_err());
    assert!(pool.map(|x: u32| x, 0..3).is_err() && pool.map_async(|x: u32| x, 0..3).is_err());
    assert!(pool.imap(|x: u32| x, 0..3).is_err());
    // The caller's own slip: the pool was not asked.
    assert!(pool.stream(|x: u32| x, 0..3).buffersize(0).imap().is_err());
    pool.scope(|s| assert!(s.spawn(|| ()).is_err()));
    gate.open();
    let stats = at_rest(&pool);
    assert_eq!(counts(&stats), [4, 1, 0, 2, 1, 0, 7]);
}

// covers NUM-01
#[test]
fn what_a_gate_keeps_from_running_counts_as_expired() {
    let pool = ThreadPool::builder().workers(1).timings(1).build().unwrap();
    let gate = hold_up(&pool);
    let overdue = pool.task(|| ()).start_by(Instant::now()).apply_async().unwrap();
    let unwanted = pool.task(|| ()).start_if(|_| false).apply_async().unwrap();
    assert!(matches!(overdue.get(), Err(TaskError::Expired)), "its waiter needs no worker");
    assert_eq!(counts(&pool.stats()), [3, 0, 0, 0, 0, 1, 0]);
    gate.open();
    assert!(matches!(unwanted.get(), Err(TaskError::Expired)));
    let stats = at_rest(&pool);
    assert_eq!(counts(&stats), [3, 1, 0, 0, 0, 2, 0]);
    assert_eq!(pool.timings().unwrap().ran.count(), 1, "only the task that ran was measured");
}

// covers NUM-01
#[test]
fn a_join_from_outside_is_one_call_and_its_halves_are_none() {
    let pool = counting(2);
    let (begun, done) = (Gate::new(), Gate::new());
    // Each half waits for the other, so a second worker has stolen the second half.
    let half = |mine: &Gate, other: &Gate| {
        mine.open();
        other.wait();
    };
    pool.fork_join(|| half(&begun, &done), || half(&done, &begun)).unwrap();
    assert_eq!(counts(&at_rest(&pool)), [1, 1, 0, 0, 0, 0, 0]);
}

/// What the submitters know themselves.
#[derive(Default)]
struct Known([AtomicU64; 7]);

impl Known {
    fn add(&self, at: usize, count: u64) {
        self.0[at].fetch_add(count, Ordering::Relaxed);
    }

    fn end<T, E>(&self, outcome: &Result<T, TaskError<E>>) {
        self.add(0, 1);
        self.add(
            match outcome {
                Ok(_) => 1,
                Err(TaskError::Cancelled) => 3,
                Err(TaskError::Terminated) => 4,
                Err(TaskError::NotSubmitted(_)) => {
                    // A blocking call that was refused.
                    self.0[0].fetch_sub(1, Ordering::Relaxed);
                    6
                }
                Err(_) => 2,
            },
            1,
        );
    }

    fn counts(&self) -> [u64; 7] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// One submitter's share: each verb in turn. `others` are results that other threads cancel.
fn submit(pool: &ThreadPool, rounds: u64, known: &Known, others: &Mutex<Vec<AsyncResult<u64>>>) {
    let mut mine = Vec::new();
    let keep = |result: Result<AsyncResult<u64>, _>, mine: &mut Vec<_>| match result {
        Ok(result) => mine.push(result),
        Err(_) => known.add(6, 1),
    };
    for round in 0..rounds {
        keep(pool.apply_async(move || round).map_err(drop), &mut mine);
        keep(pool.apply_async(|| panic!("deliberate")).map_err(drop), &mut mine);
        if round % 4 == 0 {
            match pool.apply_async(move || round) {
                Ok(result) => others.lock().unwrap().push(result),
                Err(_) => known.add(6, 1),
            }
        }
        if let Some(result) = others.lock().unwrap().pop() {
            result.cancel();
            mine.push(result);
        }
        if round % 8 == 0 {
            known.end(&pool.apply(|| ()));
            known.end(&pool.map(|x: u32| x, 0..20));
            pool.scope(|s| match s.apply_async(|| ()) {
                Ok(result) => known.end(&result.get()),
                Err(_) => known.add(6, 1),
            });
            match pool.imap(|x: u32| x, 0..100) {
                Ok(stream) => {
                    let whole = stream.filter(Result::is_ok).count() == 100;
                    known.add(0, 1);
                    known.add(if whole { 1 } else { 4 }, 1);
                }
                Err(_) => known.add(6, 1),
            }
        }
    }
    mine.into_iter().for_each(|result| known.end(&result.get()));
}

/// An observer that looks all the time: no sum ever comes out wrong, and no count goes back.
fn look(pool: &ThreadPool, over: &Gate, looked: &AtomicU64) {
    let (mut before, mut is_over) = (pool.stats(), false);
    while !is_over {
        is_over = over.is_open();
        let now = pool.stats();
        let [submitted, ends @ .., _] = counts(&now);
        // Batches may be counted out of step while they run; there are few.
        let ended: u64 = ends.iter().sum();
        assert!(now.queued + now.running + ended >= submitted, "{now:?}");
        for (before, now) in counts(&before)[1..].iter().zip(&counts(&now)[1..]) {
            assert!(before <= now, "a count went back");
        }
        assert!(before.busy.iter().zip(&now.busy).all(|(before, now)| before <= now));
        let _ = (pool.running(), format!("{pool:#?}"));
        before = now;
        looked.fetch_add(1, Ordering::Relaxed);
    }
}

fn load(terminates: bool) {
    const SUBMITTERS: u64 = 4;
    let pool = counting(3);
    let (known, over, looked) = (Known::default(), Gate::new(), AtomicU64::new(0));
    let others = Mutex::new(Vec::new());
    thread::scope(|s| {
        s.spawn(|| look(&pool, &over, &looked));
        let submitters: Vec<_> =
            (0..SUBMITTERS).map(|_| s.spawn(|| submit(&pool, 500, &known, &others))).collect();
        if terminates {
            while pool.stats().completed < 300 {
                thread::yield_now();
            }
            pool.terminate();
        }
        submitters.into_iter().for_each(|submitter| submitter.join().unwrap());
        over.open();
    });
    others.into_inner().unwrap().into_iter().for_each(|result| known.end(&result.get()));
    let stats = at_rest(&pool);
    assert_eq!(counts(&stats), known.counts(), "what was counted, and what the submitters know");
    assert!(stats.submitted >= 300 && looked.load(Ordering::Relaxed) > 0);
    if terminates {
        assert!(stats.refused > 0);
    } else {
        assert_eq!((stats.terminated, stats.refused), (0, 0));
        assert!(stats.failed >= 500 * SUBMITTERS);
    }
}

// covers NUM-02
#[test]
fn the_sums_hold_under_load() {
    load(false);
}

// covers NUM-02
#[test]
fn the_sums_hold_if_the_pool_is_terminated_under_load() {
    load(true);
}

// covers NUM-03
#[test]
fn a_worker_is_busy_as_long_as_it_has_work() {
    let pool = counting(1);
    let gate = hold_up(&pool);
    let first = pool.stats().busy[0];
    while pool.stats().busy[0] == first {
        // The task only waits, and still its worker is busy.
        thread::yield_now();
    }
    gate.open();
    at_rest(&pool);
    let rest = pool.stats().busy;
    assert!(rest[0] > first);
    assert_eq!(pool.stats().busy, rest, "a worker that has left is not busy");
}

// covers NUM-03
#[test]
fn an_idle_worker_is_not_busy() {
    let pool = counting(1);
    pool.apply(|| ()).unwrap();
    // The time of a busy worker is another one at each look.
    let mut rest = pool.stats().busy;
    loop {
        thread::yield_now();
        let now = pool.stats().busy;
        if now == rest {
            break;
        }
        rest = now;
    }
    (0..1_000).for_each(|_| assert_eq!(pool.stats().busy, rest));
}

// covers NUM-04
#[test]
fn the_oldest_queued_submission_ages_until_it_begins() {
    let pool = counting(1);
    assert_eq!(pool.stats().oldest_queued, None);
    let gate = hold_up(&pool);
    assert_eq!(pool.stats().oldest_queued, None, "what runs is not queued");
    let queued = pool.apply_async(|| ()).unwrap();
    let mut age = pool.stats().oldest_queued.unwrap();
    for _ in 0..3 {
        let before = age;
        while age == before {
            age = pool.stats().oldest_queued.unwrap();
        }
        assert!(age > before);
    }
    gate.open();
    queued.get().unwrap();
    assert_eq!(pool.stats().oldest_queued, None);
}

// covers NUM-05
#[test]
fn a_pool_that_does_not_count_says_so() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let queued = pool.apply_async(|| ()).unwrap();
    let stats = pool.stats();
    assert_eq!((stats.counted, stats.workers, stats.running, stats.queued), (false, 1, 1, 1));
    assert_eq!((counts(&stats), stats.busy.len()), ([0; 7], 0));
    assert!(pool.running().is_empty() && pool.timings().is_none());
    gate.open();
    queued.get().unwrap();
}
