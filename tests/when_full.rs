//! What each verb does while the pool is full: it waits, or it is refused, as the pool's builder or
//! the work itself says.

#![cfg(target_os = "linux")]

mod common;
mod limited;

use common::{Gate, hold_up};
use limited::{Sleeper, queued};
use millpond::{PoolHandle, SubmitError, SubmitErrorKind, TaskError, ThreadPool, WhenFull};
use std::iter;

/// A pool of one worker, which is kept until the gate opens, with one task queued: it is full.
fn refusing() -> (ThreadPool, Gate) {
    let pool = ThreadPool::builder()
        .workers(1)
        .thread_name_prefix("resize")
        .max_queued(1)
        .when_full(WhenFull::Refuse)
        .build()
        .unwrap();
    let gate = hold_up(&pool);
    pool.spawn(|| ()).unwrap();
    (pool, gate)
}

const FULL: &str = "Pool is full: resize has 1 of 1 places used (0 by permits), 0 waiting, \
                    1 of 1 workers running";

fn is_full<W>(refused: &SubmitError<W>) {
    assert_eq!((refused.kind(), refused.to_string().as_str()), (SubmitErrorKind::Full, FULL));
    let full = refused.full().expect("it says how full");
    assert_eq!((full.pool.as_str(), full.limit, full.used), ("resize", 1, 1));
    assert_eq!((full.reserved, full.waiting, full.running, full.workers), (0, 0, 1, 1));
}

/// An input that may not be read.
fn unread() -> impl Iterator<Item = usize> {
    iter::from_fn(|| panic!("it was read"))
}

// covers LIMIT-01 LIMIT-02
#[test]
fn a_refusing_pool_refuses_each_verb_and_gives_the_work_back() {
    let (pool, gate) = refusing();
    let seven = || 7;
    let back = |refused: SubmitError<fn() -> i32>| {
        is_full(&refused);
        assert_eq!(refused.into_task()(), 7);
    };
    back(pool.apply_async(seven as fn() -> i32).map(drop).unwrap_err());
    pool.scope(|s| back(s.apply_async(seven as fn() -> i32).map(drop).unwrap_err()));
    let refused = pool.try_apply_async(|| Err::<(), _>("no")).unwrap_err();
    is_full(&refused);
    assert_eq!(refused.into_task()(), Err("no"));
    is_full(&pool.spawn(|| ()).unwrap_err());
    pool.scope(|s| is_full(&s.spawn(|| ()).unwrap_err()));
    pool.scope(|s| is_full(&s.try_apply_async(|| Ok::<_, ()>(())).unwrap_err()));
    is_full(&pool.task(seven).callback(|_| ()).apply_async().unwrap_err());
    is_full(&pool.try_task(|| Ok::<_, ()>(())).apply_async().unwrap_err());
    is_full(&pool.map_async(|x: usize| x, unread()).unwrap_err());
    is_full(&pool.try_map_async(|x: usize| Ok::<_, ()>(x), unread()).unwrap_err());
    is_full(&pool.starmap_async(|x: usize| x, unread().map(|x| (x,))).unwrap_err());
    is_full(&pool.batch(|x: usize| x, unread()).chunksize(2).map_async().unwrap_err());
    is_full(&pool.imap(|x: usize| x, unread()).unwrap_err());
    is_full(&pool.imap_unordered(|x: usize| x, unread()).unwrap_err());
    is_full(&pool.stream(|x: usize| x, unread()).buffersize(2).imap().unwrap_err());
    assert_eq!(queued(&pool.handle()), 1, "nothing was queued");
    gate.open();
}

// covers LIMIT-01 LIMIT-02
#[test]
fn a_refusing_pool_refuses_each_blocking_verb() {
    fn is_full<T: std::fmt::Debug, E: std::fmt::Display + std::fmt::Debug>(
        refused: Result<T, TaskError<E>>,
    ) {
        let error = refused.unwrap_err();
        assert_eq!(error.to_string(), FULL);
        assert!(matches!(error, TaskError::Full(full) if full.pool == "resize"));
    }
    let (pool, gate) = refusing();
    is_full(pool.apply(|| ()));
    is_full(pool.try_apply(|| Ok::<_, String>(())));
    is_full(pool.map(|x: usize| x, unread()));
    is_full(pool.try_map(Ok::<usize, String>, unread()));
    is_full(pool.starmap(|x: usize| x, unread().map(|x| (x,))));
    is_full(pool.map_slice(|x: &u8| *x, &[1]));
    is_full(pool.map_results(|x: usize| x, unread()));
    is_full(pool.batch(|x: usize| x, unread()).fail_fast(true).map());
    let boxed = pool.apply(|| ()).unwrap_err().into_boxed();
    assert_eq!(boxed.to_string(), FULL);
    let converted = TaskError::<String>::from(pool.spawn(|| ()).unwrap_err());
    assert_eq!(converted.to_string(), FULL);
    gate.open();
}

// covers LIMIT-01
#[test]
fn work_may_wait_where_the_pool_refuses() {
    type Verb = fn(&PoolHandle) -> usize;
    let verbs: [(&str, Verb); 5] = [
        ("task", |pool| {
            pool.task(|| 1).when_full(WhenFull::Wait).apply_async().unwrap().get().unwrap()
        }),
        ("map", |pool| pool.batch(|x: usize| x, 1..3).when_full(WhenFull::Wait).map().unwrap()[0]),
        ("map_async", |pool| {
            let batch = pool.batch(|x: usize| x, 1..3).when_full(WhenFull::Wait);
            batch.map_async().unwrap().get().unwrap()[0]
        }),
        ("imap", |pool| {
            let stream = pool.stream(|x: usize| x, 1..3).when_full(WhenFull::Wait);
            stream.imap().unwrap().next().unwrap().unwrap()
        }),
        ("scope", |pool| {
            pool.scope_when_full(WhenFull::Wait, |s| s.apply_async(|| 1).unwrap().get().unwrap())
        }),
    ];
    for (name, verb) in verbs {
        let (pool, gate) = refusing();
        let handle = pool.handle();
        let submitter = Sleeper::start(move || verb(&handle));
        submitter.until_asleep();
        assert!(!submitter.is_gone(), "{name}: it has not waited");
        gate.open();
        assert_eq!(submitter.join(), 1, "{name}");
    }
}

// covers LIMIT-01
#[test]
fn work_may_be_refused_where_the_pool_lets_it_wait() {
    let (pool, gate) = limited::full(1);
    let full = |kind| assert_eq!(kind, SubmitErrorKind::Full);
    let refuse = WhenFull::Refuse;
    full(pool.task(|| 1).when_full(refuse).apply_async().unwrap_err().kind());
    full(pool.batch(|x: usize| x, unread()).when_full(refuse).map_async().unwrap_err().kind());
    full(pool.stream(|x: usize| x, unread()).when_full(refuse).imap().unwrap_err().kind());
    pool.scope_when_full(refuse, |s| full(s.spawn(|| ()).unwrap_err().kind()));
    let error = pool.batch(|x: usize| x, unread()).when_full(refuse).map().unwrap_err();
    assert!(matches!(error, TaskError::Full(_)), "{error}");
    // What was refused keeps what was said of it, until something else is said.
    let task = pool.task(|| 1).when_full(refuse).apply_async().unwrap_err().into_task();
    let task = task.apply_async().unwrap_err().into_task().when_full(WhenFull::Wait);
    gate.open();
    assert_eq!(task.apply_async().unwrap().get().unwrap(), 1);
}

// covers LIMIT-01
#[test]
fn a_pool_that_fills_while_a_batch_reads_its_input_gives_the_items_back() {
    let pool =
        ThreadPool::builder().workers(1).max_queued(1).when_full(WhenFull::Refuse).build().unwrap();
    let gate = hold_up(&pool);
    let handle = pool.handle();
    let fills = (0..3).inspect(move |item| _ = (*item == 2).then(|| handle.spawn(|| ()).unwrap()));
    let refused = pool.batch(|x: usize| 10 * x, fills).map_async().unwrap_err();
    assert_eq!(refused.full().unwrap().used, 1);
    let batch = refused.into_task().when_full(WhenFull::Wait);
    gate.open();
    assert_eq!(batch.map_async().unwrap().get().unwrap(), [0, 10, 20]);
}

// covers LIMIT-01
#[test]
fn the_pools_own_threads_and_a_pool_without_a_limit_are_never_refused() {
    let (pool, gate) = refusing();
    let refused = pool.apply_async(|| {
        let pool = PoolHandle::current().unwrap();
        let own: Vec<_> = (0..10).map(|i| pool.apply_async(move || i).unwrap()).collect();
        let sum: usize = pool.map(|x: usize| x, 0..10).unwrap().into_iter().sum();
        own.into_iter().map(|result| result.get().unwrap()).sum::<usize>() + sum
    });
    let inside = refused.map(drop).unwrap_err().into_task();
    gate.open();
    let result = pool.task(inside).when_full(WhenFull::Wait).apply_async().unwrap();
    assert_eq!(result.get().unwrap(), 90);
    let free = ThreadPool::builder().workers(1).when_full(WhenFull::Refuse).build().unwrap();
    let results: Vec<_> = (0..100).map(|i| free.apply_async(move || i).unwrap()).collect();
    assert!(results.into_iter().zip(0..).all(|(result, i)| result.get().unwrap() == i));
}

// covers LIMIT-02
#[test]
fn a_full_pool_s_name_is_that_of_its_threads() {
    let name = |builder: millpond::Builder| {
        let pool = builder.workers(2).max_queued(1).when_full(WhenFull::Refuse).build().unwrap();
        let permit = pool.reserve_timeout(std::time::Duration::MAX).unwrap();
        let refused = pool.spawn(|| ()).unwrap_err();
        drop(permit);
        refused.full().unwrap().pool.clone()
    };
    assert_eq!(name(ThreadPool::builder()), "millpond");
    assert_eq!(name(ThreadPool::builder().thread_name_prefix("disk-0")), "disk-0");
    assert_eq!(name(ThreadPool::builder().thread_name(|worker| format!("w{worker}"))), "w0");
}
