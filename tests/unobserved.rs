//! Failures that nobody looks at (ERR-03).

mod common;

use common::Gate;
use millpond::{ThreadPool, Unobserved};
use std::sync::{Arc, Mutex, OnceLock};

/// A pool of one worker, and what its hook has been told.
fn watched() -> (ThreadPool, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let builder = ThreadPool::builder().workers(1);
    let pool = builder
        .on_unobserved(move |failure| tell.lock().unwrap().push(failure.to_string()))
        .build();
    (pool.unwrap(), told)
}

// covers ERR-03 S3-E22
#[test]
fn an_unobserved_failure_is_told_once() {
    let (pool, told) = watched();
    // Dropped after it has failed, as in the seed: wait, and look no further.
    let result = pool.try_apply_async(|| Err::<(), u8>(1)).unwrap();
    result.wait();
    assert!(told.lock().unwrap().is_empty());
    drop(result);
    assert_eq!(*told.lock().unwrap(), ["a task failed with a u8 and nobody looked"]);
    // Dropped before it has run.
    pool.try_apply_async(|| Err::<(), u8>(2)).unwrap().detach();
    // A batch, with its item.
    let batch = pool.try_map_async(|x: u32| if x == 2 { Err("no") } else { Ok(x) }, 0..4).unwrap();
    batch.wait();
    drop(batch);
    // A callback that panics.
    pool.task(|| 1).callback(|_| panic!("too late")).apply_async().unwrap().detach();
    pool.close();
    pool.join().unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 4);
    assert!(told[2].ends_with("(item 2)"), "{told:?}");
    assert_eq!(told[3], "a callback panicked and nobody looked: too late");
}

// covers ERR-03
#[test]
fn seen_failures_and_ends_of_the_pool_are_not_told() {
    let (pool, told) = watched();
    // Taken.
    assert!(pool.try_apply_async(|| Err::<(), u8>(1)).unwrap().get().is_err());
    // Told to an error callback.
    pool.try_task(|| Err::<(), u8>(1)).error_callback(|_| ()).apply_async().unwrap().detach();
    // Panics that a caller takes, or an error callback is told of.
    assert!(pool.apply_async(|| panic!("taken")).unwrap().get().is_err());
    pool.task(|| panic!("told")).error_callback(|_| ()).apply_async().unwrap().detach();
    // A value; a cancelled task; a terminated one.
    pool.apply_async(|| 1).unwrap().detach();
    let (enter, entered) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    pool.spawn(move || {
        enter.send(()).unwrap();
        goes.recv().unwrap();
    })
    .unwrap();
    entered.recv().unwrap();
    let cancelled = pool.try_apply_async(|| Err::<(), u8>(1)).unwrap();
    assert!(cancelled.cancel());
    drop(cancelled);
    drop(pool.try_apply_async(|| Err::<(), u8>(1)).unwrap());
    pool.terminate();
    go.send(()).unwrap();
    pool.join().unwrap();
    assert!(told.lock().unwrap().is_empty(), "{told:?}");
}

// covers ERR-03
#[test]
fn the_panic_of_a_spawned_task_is_told() {
    let (pool, told) = watched();
    pool.spawn(|| panic!("spawned")).unwrap();
    pool.scope(|s| s.spawn(|| std::panic::panic_any(7)).unwrap());
    let batch = pool.map_async(|x: u32| assert_ne!(x, 2, "an item"), 0..4).unwrap();
    batch.wait();
    drop(batch);
    pool.close();
    pool.join().unwrap();
    let told = told.lock().unwrap();
    assert_eq!(
        told[..2],
        [
            "a task panicked and nobody looked: spawned",
            "a task panicked and nobody looked: no text"
        ]
    );
    assert!(told[2].starts_with("a task panicked and nobody looked: "), "{told:?}");
    assert!(told[2].ends_with("(item 2)") && told.len() == 3, "{told:?}");
}

// covers ERR-03
#[test]
fn a_hook_that_panics_does_no_harm() {
    let pool = ThreadPool::builder().workers(1).on_unobserved(|failure| match failure {
        Unobserved::Failed { .. } => panic!("in the hook"),
        _ => unreachable!(),
    });
    let pool = pool.build().unwrap();
    pool.try_apply_async(|| Err::<(), u8>(1)).unwrap().detach();
    assert_eq!(pool.apply(|| 1).unwrap(), 1);
}

// covers ERR-03
#[test]
fn the_hook_goes_with_the_last_owner_of_its_pool() {
    let (pool, told) = watched();
    pool.close();
    pool.join().unwrap();
    assert_eq!(Arc::strong_count(&told), 2);
    drop(pool);
    assert_eq!(Arc::strong_count(&told), 1);
}

// covers ERR-03
#[test]
fn a_hook_may_itself_drop_a_failure_and_own_a_pool_with_a_hook() {
    let (inner, told) = watched();
    let failure = inner.try_apply_async(|| Err::<(), u8>(1)).unwrap();
    failure.wait();
    let kept = Mutex::new(Some(failure));
    let owned = Arc::new(OnceLock::new());
    let owns = Arc::clone(&owned);
    let pool = ThreadPool::builder().workers(1).on_unobserved(move |_| {
        drop(kept.lock().unwrap().take());
        owns.get_or_init(|| ());
    });
    let pool = pool.build().unwrap();
    pool.try_apply_async(|| Err::<(), u16>(2)).unwrap().detach();
    pool.close();
    pool.join().unwrap();
    assert_eq!(owned.get(), Some(&()), "the hook has returned");
    assert_eq!(*told.lock().unwrap(), ["a task failed with a u8 and nobody looked"]);
    drop(pool);
    // The last owner of one pool is the hook of another.
    inner.close();
    inner.join().unwrap();
    let outer =
        ThreadPool::builder().workers(1).on_unobserved(move |_| _ = &inner).build().unwrap();
    outer.close();
    outer.join().unwrap();
    drop(outer);
    assert_eq!(Arc::strong_count(&told), 1, "both hooks have gone");
}

/// Panics when it is dropped.
struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        panic!("the hook's own");
    }
}

// covers ERR-03
#[test]
fn a_hook_that_panics_when_dropped_does_no_harm() {
    let bad = Bad;
    let pool = ThreadPool::builder().workers(1).on_unobserved(move |_| _ = &bad).build().unwrap();
    pool.close();
    pool.join().unwrap();
    drop(pool);
}

// covers ERR-03
#[test]
fn a_hook_that_outlives_its_pool_and_panics_when_dropped_does_no_harm() {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass, bad) = (entered.clone(), gate.clone(), Bad);
    let hook = move |_: &Unobserved<'_>| {
        let _ = &bad;
        enter.open();
        pass.wait();
    };
    let pool = ThreadPool::builder().workers(1).on_unobserved(hook).build().unwrap();
    let failure = pool.try_apply_async(|| Err::<(), u8>(1)).unwrap();
    failure.wait();
    let reader = std::thread::spawn(move || drop(failure));
    entered.wait();
    // The pool goes while its hook runs: from now on the thread that dropped the result owns the
    // hook.
    pool.close();
    pool.join().unwrap();
    drop(pool);
    gate.open();
    reader.join().expect("the hook's panic stays with the hook");
}
