//! The ends of a pool, beside those who submit to it.

use crate::harness::check;
use crate::items::{Item, Times, job};
use millpond_shuttle::{AsyncResult, DropPolicy, PoolHandle, SubmitError, TaskError, ThreadPool};
use shuttle::sync::mpsc;
use shuttle::thread;
use std::panic::resume_unwind;

/// What became of a submission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Ran,
    Refused,
    GivenUp,
}

/// Waits for what was submitted, and compares what the pool says with what it has done.
fn fate<F>(submitted: Result<AsyncResult<Item>, SubmitError<F>>, value: u32, ran: &Times) -> Fate {
    let fate = match submitted.map(AsyncResult::get) {
        Ok(Ok(item)) => {
            assert_eq!(item.value, value);
            Fate::Ran
        }
        Ok(Err(TaskError::Terminated | TaskError::Broken(_))) => Fate::GivenUp,
        Ok(Err(other)) => panic!("it ended with {other:?}"),
        Err(_) => Fate::Refused,
    };
    assert_eq!(ran.get(), u32::from(fate == Fate::Ran), "{fate:?}");
    fate
}

/// Submits some jobs from a thread of its own, then waits for each.
fn submitter(pool: PoolHandle, jobs: u32) -> thread::JoinHandle<Vec<Fate>> {
    thread::spawn(move || {
        let submitted: Vec<_> = (0..jobs)
            .map(|value| {
                let ran = Times::default();
                (pool.apply_async(job(value, &ran)), value, ran)
            })
            .collect();
        submitted.into_iter().map(|(submitted, value, ran)| fate(submitted, value, &ran)).collect()
    })
}

#[test]
fn submit_submit_close_join() {
    check("submit ‖ submit ‖ close, join", 6_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let submitters = [submitter(pool.handle(), 2), submitter(pool.handle(), 2)];
        pool.close();
        pool.join().unwrap();
        for submitter in submitters {
            let fates = submitter.join().unwrap();
            assert!(
                !fates.contains(&Fate::GivenUp),
                "a closed pool does what it has accepted: {fates:?}"
            );
        }
    });
}

#[test]
fn submit_submit_terminate_join() {
    check("submit ‖ submit ‖ terminate, join", 4_000, || {
        let pool = ThreadPool::new(3).unwrap();
        let submitters = [submitter(pool.handle(), 3), submitter(pool.handle(), 2)];
        pool.terminate();
        pool.join().unwrap();
        for submitter in submitters {
            submitter.join().unwrap();
        }
    });
}

#[test]
fn submit_close_terminate() {
    check("submit ‖ close ‖ terminate ‖ join", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let (closing, ending) = (pool.handle(), pool.handle());
        let submitter = submitter(pool.handle(), 2);
        let closer = thread::spawn(move || closing.close());
        let ender = thread::spawn(move || ending.terminate());
        closer.join().unwrap();
        pool.join().unwrap();
        ender.join().unwrap();
        submitter.join().unwrap();
    });
}

/// Drops a pool on which work is queued, from outside and by a worker, beside one who submits.
fn drop_with_queued_tasks(policy: DropPolicy) {
    let pool = ThreadPool::builder().workers(2).drop_policy(policy).build().unwrap();
    let outer = pool.apply_async(|| {
        let pool = PoolHandle::current().expect("this is a worker");
        let ran = Times::default();
        let inner = [(); 2].map(|()| pool.apply_async(job(7, &ran)));
        drop(inner);
        ran
    });
    let queued: Vec<_> = (0..3)
        .map(|value| {
            let ran = Times::default();
            (pool.apply_async(job(value, &ran)), value, ran)
        })
        .collect();
    let submitter = submitter(pool.handle(), 1);
    drop(pool);
    for (submitted, value, ran) in queued {
        let fate = fate(submitted, value, &ran);
        assert_ne!(fate, Fate::Refused);
        assert!(policy != DropPolicy::Drain || fate == Fate::Ran);
    }
    match outer.unwrap().get() {
        Ok(ran) => assert!(ran.get() <= 2),
        Err(error) => assert!(matches!(error, TaskError::Terminated), "{error:?}"),
    }
    submitter.join().unwrap();
}

#[test]
fn drop_of_a_pool_with_queued_tasks() {
    check("drop, Terminate ‖ submit", 2_000, || drop_with_queued_tasks(DropPolicy::Terminate));
    check("drop, Join ‖ submit", 1_000, || drop_with_queued_tasks(DropPolicy::Join));
    check("drop, Drain ‖ submit", 1_000, || drop_with_queued_tasks(DropPolicy::Drain));
}

/// What a worker has in its own deque is resolved though the worker is blocked, and waits for just that.
#[test]
fn terminate_beside_a_blocked_worker() {
    check("worker with a full deque, blocked ‖ terminate", 3_000, || {
        let pool = ThreadPool::new(2).unwrap();
        let ((lend, lent), (release, released)) = (mpsc::channel(), mpsc::channel());
        let outer = pool.apply_async(move || {
            let (pool, ran) = (PoolHandle::current().expect("this is a worker"), Times::default());
            for value in 0..3 {
                let ran = ran.clone();
                lend.send((pool.apply_async(job(value, &ran)), value)).unwrap();
            }
            drop(lend);
            released.recv().unwrap();
            ran.get()
        });
        let ending = pool.handle();
        let ender = thread::spawn(move || ending.terminate());
        let mut ran = 0;
        for (submitted, value) in lent {
            match submitted.map(AsyncResult::get) {
                Ok(Ok(item)) => {
                    assert_eq!(item.value, value);
                    ran += 1;
                }
                Ok(Err(error)) => assert!(matches!(error, TaskError::Terminated), "{error:?}"),
                Err(_) => {}
            }
        }
        // The outer task may have been resolved instead of run.
        let _ = release.send(());
        match outer.unwrap().get() {
            Ok(counted) => assert_eq!(counted, ran),
            Err(error) => assert!(matches!(error, TaskError::Terminated) && ran == 0, "{error:?}"),
        }
        ender.join().unwrap();
        pool.join().unwrap();
    });
}

#[test]
fn an_initializer_that_panics() {
    check("submit ‖ submit ‖ break", 2_000, || {
        let pool = ThreadPool::builder()
            .workers(3)
            .initializer(|worker| {
                if worker == 1 {
                    resume_unwind(Box::new("deliberate"));
                }
            })
            .build()
            .unwrap();
        let submitters = [submitter(pool.handle(), 2), submitter(pool.handle(), 2)];
        for submitter in submitters {
            submitter.join().unwrap();
        }
        pool.close();
        pool.join().unwrap();
    });
}
