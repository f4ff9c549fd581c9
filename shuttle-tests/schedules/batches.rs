//! Batches: `map` and its kin.

use crate::harness::check;
use crate::items::{Item, Times};
use millpond_shuttle::{PoolHandle, TaskError, ThreadPool};
use shuttle::thread;
use std::panic::resume_unwind;
use std::sync::Arc;

fn values(items: &[Item]) -> Vec<u32> {
    items.iter().map(|item| item.value).collect()
}

#[test]
fn two_maps_one_of_them_with_a_failing_chunk() {
    check("map ‖ map with a failing chunk", 3_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let (other, tried) = (pool.handle(), Times::default());
        let attempts = tried.clone();
        let failing = thread::spawn(move || {
            let items: Vec<_> = (0..6).map(Item::new).collect();
            let fail = |item: Item| {
                attempts.one_more();
                if item.value == 2 { Err(item) } else { Ok(item) }
            };
            other.try_batch(fail, items).chunksize(2).map()
        });
        let mapped =
            pool.map(|item: Item| Item::new(item.value + 1), (0..5).map(Item::new)).unwrap();
        assert_eq!(values(&mapped), [1, 2, 3, 4, 5]);
        match failing.join().unwrap() {
            Err(TaskError::Failed { error, item }) => assert_eq!((error.value, item), (2, Some(2))),
            other => panic!("it ended with {other:?}"),
        }
        assert_eq!(tried.get(), 5, "the rest of the failing chunk is skipped, and nothing else");
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn a_map_that_panics_at_two_items() {
    check("map with two panics, fail_fast ‖ close", 2_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let closing = pool.handle();
        let panic_at = |item: Item| {
            if item.value % 2 == 1 {
                resume_unwind(Box::new("deliberate"));
            }
            item
        };
        let batch =
            pool.batch(panic_at, (0..4).map(Item::new)).fail_fast(true).map_async().unwrap();
        let closer = thread::spawn(move || closing.close());
        let error = batch.get().expect_err("two items panic");
        assert!(
            matches!((&error, error.item()), (TaskError::Panicked(_), Some(1 | 3))),
            "{error:?}"
        );
        closer.join().unwrap();
        pool.join().unwrap();
    });
}

#[test]
fn map_async_cancelled_beside_two_waiters() {
    check("map_async ‖ cancel ‖ wait ‖ wait", 3_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let told = Times::default();
        let failed = told.clone();
        let done = told.clone();
        let begun = Times::default();
        let begins = begun.clone();
        let each = move |item: Item| {
            begins.one_more();
            Item::new(item.value)
        };
        let batch = pool
            .batch(each, (0..4).map(Item::new))
            .callback(move |_| done.one_more())
            .error_callback(move |_| failed.one_more())
            .map_async();
        let batch = Arc::new(batch.unwrap());
        let waiters = [(); 2].map(|()| {
            let batch = Arc::clone(&batch);
            thread::spawn(move || assert!(batch.wait()))
        });
        let canceller = {
            let batch = Arc::clone(&batch);
            thread::spawn(move || batch.cancel())
        };
        for waiter in waiters {
            waiter.join().unwrap();
        }
        let kept = canceller.join().unwrap();
        match Arc::into_inner(batch).expect("the others have dropped theirs").get() {
            Ok(items) => assert_eq!((values(&items), kept), (vec![0, 1, 2, 3], false)),
            // Not always with `kept`: the items may be those that a runner had taken along.
            Err(TaskError::Cancelled) => assert!(begun.get() < 4, "nothing was kept from starting"),
            Err(other) => panic!("it ended with {other:?}"),
        }
        assert_eq!(told.get(), 1, "one of the callbacks, once");
        pool.close();
        pool.join().unwrap();
    });
}

/// Long enough for bites of several items, which the clock cuts short now and then.
#[test]
fn long_batches() {
    check("map of 48 ‖ map of 32 by a worker", 1_500, || {
        let pool = ThreadPool::new(2).unwrap();
        let inside = pool.apply_async(|| {
            let pool = PoolHandle::current().expect("this is a worker");
            pool.map(|item: Item| item.value, (0..32).map(Item::new))
        });
        let mapping = pool.handle();
        let outside =
            thread::spawn(move || mapping.map(|item: Item| item.value, (0..48).map(Item::new)));
        assert!(inside.unwrap().get().unwrap().unwrap().into_iter().eq(0..32));
        assert!(outside.join().unwrap().unwrap().into_iter().eq(0..48));
        pool.close();
        pool.join().unwrap();
    });
}

#[test]
fn batches_beside_terminate() {
    check("map_async, handle dropped ‖ map ‖ terminate", 2_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let (mapping, ending) = (pool.handle(), pool.handle());
        drop(pool.map_async(|item: Item| item, (0..3).map(Item::new)));
        let mapper = thread::spawn(move || mapping.map(|item: Item| item, (0..4).map(Item::new)));
        let ender = thread::spawn(move || ending.terminate());
        match mapper.join().unwrap() {
            Ok(items) => assert_eq!(values(&items), [0, 1, 2, 3]),
            Err(error) => {
                assert!(
                    matches!(error, TaskError::Terminated | TaskError::NotSubmitted(_)),
                    "{error:?}"
                )
            }
        }
        ender.join().unwrap();
        pool.join().unwrap();
    });
}

/// A map that is refused after its first entry was shown, while a worker has begun: the rest is no work for the caller.
#[test]
fn items_of_a_map_beside_close_run_on_workers() {
    check("map ‖ close, on workers", 130_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ending = pool.handle();
        let ender = thread::spawn(move || ending.close());
        let each = |_: u32| {
            assert!(PoolHandle::current().is_some(), "an item ran outside the pool");
            thread::yield_now();
        };
        match pool.map(each, 0..6) {
            Ok(_) | Err(TaskError::NotSubmitted(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        ender.join().unwrap();
        pool.join().unwrap();
    });
}
