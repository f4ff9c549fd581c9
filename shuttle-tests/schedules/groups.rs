//! Waiting for the handles of several pools.

use crate::harness::check;
use crate::items::{Times, job};
use millpond_shuttle::{ReturnWhen, TaskError, ThreadPool, as_completed, wait};
use shuttle::thread;
use std::time::Duration;

#[test]
fn first_completed_then_the_others_as_they_come() {
    check("wait, as_completed over two pools ‖ terminate of one", 3_000, || {
        let pools = [ThreadPool::new(2).unwrap(), ThreadPool::new(2).unwrap()];
        let ran = Times::default();
        let handles: Vec<_> = (0..4)
            .map(|value| pools[value as usize % 2].apply_async(job(value, &ran)).unwrap())
            .collect();
        let ending = pools[1].handle();
        let ender = thread::spawn(move || ending.terminate());
        let waited = wait(handles, ReturnWhen::FirstCompleted, None);
        assert!(!waited.done.is_empty());
        let mut values = Vec::new();
        let late = waited.not_done.into_iter().map(|(_, handle)| handle);
        for (_, handle) in waited.done.into_iter().chain(as_completed(late)) {
            match handle.try_get().expect("it is done") {
                Ok(item) => values.push(item.value),
                Err(error) => assert!(matches!(error, TaskError::Terminated), "{error:?}"),
            }
        }
        assert!(values.contains(&0) && values.contains(&2), "the other pool does all: {values:?}");
        assert_eq!(ran.get() as usize, values.len());
        ender.join().unwrap();
        pools[0].close();
        for pool in pools {
            pool.join().unwrap();
        }
    });
}

#[test]
fn two_groups_with_a_limit() {
    check("wait with a limit ‖ as_completed with a limit", 2_000, || {
        let pools = [ThreadPool::new(1).unwrap(), ThreadPool::new(2).unwrap()];
        let ran = Times::default();
        let [waited, completed] = [0, 10].map(|first| {
            [first, first + 1]
                .map(|value| pools[value as usize % 2].apply_async(job(value, &ran)).unwrap())
        });
        let limit = Duration::from_millis(1);
        let other = thread::spawn(move || {
            let (mut left, mut values) = (as_completed(completed), Vec::new());
            loop {
                match left.next_timeout(limit) {
                    Ok(Some((_, handle))) => values.push(handle.get().unwrap().value),
                    Ok(None) => return values,
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let waited = wait(waited, ReturnWhen::AllCompleted, Some(limit));
        assert_eq!(waited.done.len() + waited.not_done.len(), 2);
        for (value, handle) in waited
            .done
            .into_iter()
            .chain(waited.not_done)
            .map(|(_, handle)| (handle.ready(), handle))
        {
            assert!(handle.get().unwrap().value < 2, "{value}");
        }
        let mut values = other.join().unwrap();
        values.sort_unstable();
        assert_eq!(values, [10, 11]);
        assert_eq!(ran.get(), 4);
        for pool in pools {
            pool.close();
            pool.join().unwrap();
        }
    });
}
