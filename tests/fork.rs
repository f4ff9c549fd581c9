//! A process that forks with a pool in it. The parent's pool goes on; the child's copy refuses and does not hang.

#![cfg(unix)]

mod common;
mod forks;

use millpond::{JoinError, SubmitErrorKind, TaskError, ThreadPool};

/// Runs `body` in a forked child, and says how the child ended.
fn in_child(body: impl FnOnce() -> bool) -> i32 {
    match forks::fork() {
        None => {
            let passed = body();
            // SAFETY: it ends the child, without the destructors that belong to the parent.
            unsafe { libc::_exit(i32::from(!passed)) }
        }
        Some(child) => forks::status_of(child),
    }
}

// covers F-17 LIFE-17 HANG-21
#[test]
fn a_forked_child_gets_errors_and_the_parent_goes_on() {
    common::alone("a_forked_child_gets_errors_and_the_parent_goes_on", || {
        let pool = ThreadPool::new(2).unwrap();
        let gate = common::Gate::new();
        let pass = gate.clone();
        let pending = pool.apply_async(move || pass.wait()).unwrap();
        let mut stream = pool.stream(|x: u32| x, 0..).buffersize(1).imap().unwrap();
        assert_eq!(stream.next().unwrap().unwrap(), 0);
        let status = in_child(|| {
            // A hang is a failure too, and the thread that watches for hangs is in the parent only.
            // SAFETY: it sets a timer.
            unsafe { libc::alarm(20) };
            let refused = matches!(pool.apply_async(|| 1), Err(e) if e.kind() == SubmitErrorKind::Forked)
                && matches!(
                    pool.apply(|| 1),
                    Err(TaskError::NotSubmitted(SubmitErrorKind::Forked))
                )
                && matches!(
                    pool.map(|x: u64| x, 0..), // which is not read
                    Err(TaskError::NotSubmitted(SubmitErrorKind::Forked))
                );
            let ended = matches!(
                stream.next(),
                Some(Err(TaskError::NotSubmitted(SubmitErrorKind::Forked)))
            ) && stream.next().is_none();
            let waited = !pending.wait();
            pool.close();
            pool.terminate();
            let joined = pool.join() == Err(JoinError::Forked);
            drop(pool);
            // The child has pools of its own.
            let own =
                ThreadPool::new(1).is_ok_and(|own| own.apply(|| 5).is_ok_and(|five| five == 5));
            refused && ended && waited && joined && own
        });
        assert_eq!(status, 0, "the child's status");
    });
}

// covers F-17
#[test]
fn a_fork_leaves_the_pool_of_the_parent_as_it_was() {
    common::alone("a_fork_leaves_the_pool_of_the_parent_as_it_was", || {
        let pool = ThreadPool::new(2).unwrap();
        assert_eq!(in_child(|| true), 0);
        assert_eq!(pool.map(|x: u32| x + 1, 0..3).unwrap(), [1, 2, 3]);
        pool.close();
        pool.join().unwrap();
    });
}

// covers F-17
#[test]
fn a_forked_child_does_not_wait_for_space() {
    common::alone("a_forked_child_does_not_wait_for_space", || {
        let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
        let gate = common::Gate::new();
        let (entered, pass) = (common::Gate::new(), gate.clone());
        let enter = entered.clone();
        let running = pool.apply_async(move || {
            enter.open();
            pass.wait();
        });
        entered.wait();
        let queued = pool.apply_async(|| 1).unwrap();
        let status = in_child(|| {
            // A hang is a failure too.
            // SAFETY: it sets a timer.
            unsafe { libc::alarm(20) };
            matches!(pool.apply_async(|| 1), Err(e) if e.kind() == SubmitErrorKind::Forked)
        });
        assert_eq!(status, 0, "the child's status");
        gate.open();
        running.unwrap().get().unwrap();
        assert_eq!(queued.get().unwrap(), 1);
    });
}
