//! Waits with a limit: each of them lasts at least as long as it was told to. How much longer, on a
//! busy machine, no test can say.

mod common;

use common::Gate;
use millpond::{AsyncResult, JoinError, PoolHandle, ReturnWhen, ThreadPool, Timeout};
use millpond::{as_completed, wait};
use std::convert::Infallible;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_millis(16);

/// Runs a wait that is to end because its time is up, and says if it ended before that.
#[track_caller]
fn lasts<T>(what: &str, wait: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let seen = wait();
    let lasted = began.elapsed();
    assert!(lasted >= LIMIT, "{what}: gave up after {lasted:?} of {LIMIT:?}");
    seen
}

/// Every wait for one handle, which is not done while this looks.
fn waits_for<T, E>(what: &str, handle: AsyncResult<T, E>) -> AsyncResult<T, E> {
    assert!(!lasts(&format!("wait_timeout, {what}"), || handle.wait_timeout(LIMIT)));
    let result = lasts(&format!("get_timeout, {what}"), || handle.get_timeout(LIMIT));
    let Err(Timeout(handle)) = result else { panic!("{what} is done") };
    handle
}

/// Every wait for a group, of which `done` are done and the others are not while this looks.
fn waits_for_group<T, E>(what: &str, mut group: Vec<AsyncResult<T, E>>, done: usize) {
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        if when == ReturnWhen::FirstCompleted && done > 0 {
            continue;
        }
        let waited = lasts(&format!("wait, {when:?}, {what}"), || wait(group, when, Some(LIMIT)));
        assert_eq!(waited.done.len(), done, "{when:?}, {what}");
        group = waited.done.into_iter().chain(waited.not_done).map(|(_, handle)| handle).collect();
    }
    let mut completed = as_completed(group);
    for _ in 0..done {
        assert!(completed.next_timeout(LIMIT).unwrap().is_some(), "{what}");
    }
    for turn in ["first", "second"] {
        let next = lasts(&format!("{turn} as_completed, {what}"), || completed.next_timeout(LIMIT));
        assert!(matches!(next, Err(Timeout(()))), "{what}");
    }
}

/// The window of a stream: one item, several, or as many as the pool chooses.
const WINDOWS: [Option<usize>; 3] = [Some(1), Some(4), None];

/// Every wait for the next item of a stream, in order and out of order. The first `done` of its
/// items are done, and the others are not while this looks.
fn waits_for_items(pool: &PoolHandle, window: Option<usize>, done: u32) {
    for ordered in [true, false] {
        let what = format!("ordered: {ordered}, window: {window:?}, after {done}");
        let gate = Gate::new();
        let pass = gate.clone();
        let work = move |x: u32| {
            if x >= done {
                pass.wait();
            }
            x
        };
        let mut stream = pool.stream(work, 0..100);
        if let Some(items) = window {
            stream = stream.chunksize(1).buffersize(items);
        }
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        for _ in 0..done {
            it.next().unwrap().unwrap();
        }
        for turn in ["first", "second"] {
            let next = lasts(&format!("{turn} next_timeout, {what}"), || it.next_timeout(LIMIT));
            assert!(matches!(next, Err(Timeout(()))), "{what}");
        }
        gate.open();
    }
}

/// A task that is done when the gate opens, and the gate.
fn held(pool: &ThreadPool) -> (AsyncResult<()>, Gate) {
    let (begun, gate) = (Gate::new(), Gate::new());
    let (begin, pass) = (begun.clone(), gate.clone());
    let task = pool.apply_async(move || {
        begin.open();
        pass.wait();
    });
    begun.wait();
    (task.unwrap(), gate)
}

// covers TIME-11
#[test]
fn a_wait_for_a_handle_lasts_its_limit() {
    let pool = ThreadPool::new(1).unwrap();
    let (running, gate) = held(&pool);
    let running = waits_for("a call that runs", running);
    let queued = waits_for("a call in the queue", pool.apply_async(|| ()).unwrap());
    let batch = waits_for("a batch", pool.map_async(|x: u32| x, 0..10).unwrap());
    gate.open();
    assert!(running.wait() && queued.wait() && batch.wait());
}

// covers TIME-11
#[test]
fn a_wait_for_a_group_lasts_its_limit() {
    let pool = ThreadPool::new(1).unwrap();
    let done: [AsyncResult<(), Infallible>; 2] = [(); 2].map(|()| pool.apply_async(|| ()).unwrap());
    assert!(done.iter().all(AsyncResult::wait));
    let (running, gate) = held(&pool);
    let queued = || pool.apply_async(|| ()).unwrap();
    waits_for_group("none is done", vec![running, queued(), queued()], 0);
    waits_for_group("two are done", done.into_iter().chain([queued(), queued()]).collect(), 2);
    gate.open();
}

// covers TIME-11
#[test]
fn a_wait_for_an_item_lasts_its_limit() {
    for window in WINDOWS {
        let pool = ThreadPool::new(1).unwrap();
        for done in 0..3 {
            waits_for_items(&pool.handle(), window, done);
        }
    }
}

// covers TIME-11
#[test]
fn a_worker_s_wait_lasts_its_limit() {
    let pool = ThreadPool::new(1).unwrap();
    pool.apply(|| {
        let pool = PoolHandle::current().unwrap();
        let queued = || pool.apply_async(|| ()).unwrap();
        drop(waits_for("a call that this worker could run", queued()));
        drop(waits_for("a batch of its pool", pool.map_async(|x: u32| x, 0..10).unwrap()));
        waits_for_group("of its pool", vec![queued(), queued()], 0);
        for window in WINDOWS {
            waits_for_items(&pool, window, 0);
        }
    })
    .unwrap();
}

// covers TIME-11
#[test]
fn a_wait_for_the_end_lasts_its_limit() {
    let pool = ThreadPool::new(2).unwrap();
    let (_running, gate) = held(&pool);
    pool.close();
    for turn in ["first", "second"] {
        let joined = lasts(&format!("{turn} join_timeout"), || pool.join_timeout(LIMIT));
        assert_eq!(joined, Err(JoinError::TimedOut));
    }
    gate.open();
    assert_eq!(pool.join_timeout(Duration::MAX), Ok(()));
}
