//! How a pool begins: the rows NEW and INIT of the parity table, and the faults of threads that
//! cannot start. Initializers and exit hooks are here with it.

mod common;

use common::{Gate, threads, until_threads};
use millpond::{BuildError, JoinError, PoolHandle, SubmitErrorKind, TaskError, ThreadPool};
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

// ---- construction ----

// covers NEW-01
#[test]
fn a_pool_has_as_many_workers_as_the_process_may_use() {
    let pool = ThreadPool::builder().build().unwrap();
    assert_eq!(pool.workers(), std::thread::available_parallelism().map_or(1, usize::from));
}

// covers NEW-02 F-15
#[test]
fn zero_workers_are_refused() {
    let error = ThreadPool::new(0).unwrap_err();
    assert!(matches!(error, BuildError::ZeroWorkers));
    assert_eq!(error.to_string(), "Number of processes must be at least 1");
}

// covers F-15
#[test]
fn more_workers_than_can_be_counted_are_refused() {
    let error = ThreadPool::new(1 << 20).unwrap_err();
    assert!(
        matches!(error, BuildError::TooManyWorkers { asked, limit: 0xffff } if asked == 1 << 20),
        "{error}"
    );
}

// covers F-15
#[test]
fn a_thread_name_with_a_nul_byte_is_refused() {
    let error =
        ThreadPool::builder().workers(1).thread_name(|_| "a\0b".into()).build().unwrap_err();
    assert!(matches!(error, BuildError::ThreadName { ref name } if name == "a\0b"), "{error}");
}

// covers NEW-05 F-12
#[test]
fn a_thread_that_the_system_refuses_is_an_error_of_the_constructor() {
    // A quarter of the addresses that a process can have, at least.
    const TOO_LARGE: usize = if usize::BITS == 64 { usize::MAX >> 18 } else { 3 << 30 };
    let error = ThreadPool::builder().workers(3).stack_size(TOO_LARGE).build().unwrap_err();
    assert!(matches!(error, BuildError::Spawn { started: 0, .. }), "{error}");
    assert!(error.source().is_some());
}

// covers NEW-09
#[test]
fn debug_says_state_and_size() {
    let pool = ThreadPool::new(2).unwrap();
    let inside = pool.apply(|| format!("{:?}", PoolHandle::current().unwrap())).unwrap();
    assert!(
        inside.starts_with("ThreadPool { state: Running, workers: 2, queued: 0, active: "),
        "{inside}"
    );
    assert!(!inside.ends_with("active: 0 }"), "{inside}");
    pool.close();
    pool.join().unwrap();
    assert_eq!(
        format!("{pool:?}"),
        "ThreadPool { state: Closed, workers: 2, queued: 0, active: 0 }"
    );
}

// covers NEW-10
#[test]
fn worker_threads_are_named() {
    let name = || std::thread::current().name().map(str::to_owned);
    assert_eq!(ThreadPool::new(1).unwrap().apply(name).unwrap().as_deref(), Some("millpond-0"));
    let pool = ThreadPool::builder().workers(1).thread_name_prefix("tern").build().unwrap();
    assert_eq!(pool.apply(name).unwrap().as_deref(), Some("tern-0"));
}

// covers NEW-04 NEW-06
#[test]
fn as_many_threads_run_at_once_as_there_are_workers() {
    common::alone("as_many_threads_run_at_once_as_there_are_workers", || {
        let before = threads();
        let pool = ThreadPool::new(3).unwrap();
        assert_eq!(threads(), before + 3);
        pool.close();
        pool.join().unwrap();
        until_threads(before);
    });
}

// ---- initializer and exit hook ----

// covers INIT-01 INIT-07
#[test]
fn hooks_run_once_per_worker() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (begin, end) = (Arc::clone(&seen), Arc::clone(&seen));
    let pool = ThreadPool::builder()
        .workers(3)
        .initializer(move |worker| begin.lock().unwrap().push(("begin", worker)))
        .on_worker_exit(move |worker| end.lock().unwrap().push(("end", worker)))
        .build()
        .unwrap();
    pool.close();
    pool.join().unwrap();
    let mut seen = Arc::into_inner(seen).expect("join has dropped the hooks").into_inner().unwrap();
    for worker in 0..3 {
        let turns: Vec<_> =
            seen.iter().filter(|(_, w)| *w == worker).map(|(what, _)| *what).collect();
        assert_eq!(turns, ["begin", "end"]);
    }
    seen.sort_unstable();
    assert_eq!(seen.len(), 6);
}

/// What an exit hook owns. The worker that drops it says so, and passes the gate.
struct Owned(Gate, Gate);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.open();
        self.1.wait();
    }
}

// covers INIT-07 LIFE-16
#[test]
fn a_pool_has_not_ended_before_its_exit_hooks_have() {
    let [hook, hook_ends, drops, drop_ends] = [(); 4].map(|()| Gate::new());
    let owned = Owned(drops.clone(), drop_ends.clone());
    let (begun, pass) = (hook.clone(), hook_ends.clone());
    let on_exit = move |_| {
        let _ = &owned;
        begun.open();
        pass.wait();
    };
    let pool = ThreadPool::builder().workers(1).on_worker_exit(on_exit).build().unwrap();
    pool.close();
    hook.wait();
    assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::TimedOut), "the hook runs");
    hook_ends.open();
    drops.wait();
    let joined = pool.join_timeout(Duration::ZERO);
    assert_eq!(joined, Err(JoinError::TimedOut), "what the hook owns is being dropped");
    drop_ends.open();
    assert_eq!(pool.join_timeout(Duration::MAX), Ok(()));
    pool.join().unwrap();
}

// covers INIT-04
#[test]
fn tasks_queue_until_an_initializer_is_done() {
    let gate = Gate::new();
    let opens = gate.clone();
    let pool = ThreadPool::builder().workers(1).initializer(move |_| opens.wait()).build().unwrap();
    let result = pool.apply_async(|| 1).unwrap();
    assert!(!result.ready());
    gate.open();
    assert_eq!(result.get().unwrap(), 1);
}

// covers INIT-05 HANG-01 F-13
#[test]
fn a_panicking_initializer_breaks_the_pool() {
    for workers in [1, 4] {
        let gate = Gate::new();
        let opens = gate.clone();
        let pool = ThreadPool::builder()
            .workers(workers)
            .initializer(move |worker| {
                opens.wait();
                if worker == 0 {
                    panic!("no database");
                }
            })
            .build()
            .unwrap();
        let pending = pool.apply_async(|| 1).unwrap();
        gate.open();
        match pending.get() {
            Err(TaskError::Broken(why)) => assert_eq!(why.message(), Some("no database")),
            // Another worker may have been ready first.
            Ok(1) => assert!(workers > 1),
            other => panic!("{other:?}"),
        }
        // Refused from now on, or, if it slipped in before, resolved.
        loop {
            match pool.apply_async(|| 1) {
                Err(refused) => break assert_eq!(refused.kind(), SubmitErrorKind::Broken),
                Ok(result) => drop(result.get()),
            }
        }
        let error = pool.apply(|| 1).unwrap_err();
        assert!(matches!(error, TaskError::NotSubmitted(SubmitErrorKind::Broken)), "{error}");
        pool.join().unwrap();
    }
}

// covers F-14
#[test]
fn an_initializer_may_submit_but_not_wait() {
    let (send, receive) = std::sync::mpsc::channel::<PoolHandle>();
    let receive = Mutex::new(receive);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let pool = ThreadPool::builder()
        .workers(1)
        .initializer(move |_| {
            let pool = receive.lock().unwrap().recv().unwrap();
            assert!(PoolHandle::current().is_none());
            let error = pool.apply(|| 1).unwrap_err();
            let handle = pool.apply_async(|| 2).unwrap();
            assert!(!handle.wait());
            tell.lock().unwrap().push((error.to_string(), handle.get().unwrap_err().to_string()));
            pool.spawn(|| ()).unwrap();
        })
        .build()
        .unwrap();
    send.send(pool.handle()).unwrap();
    pool.apply(|| ()).unwrap();
    let said = TaskError::<std::convert::Infallible>::WouldDeadlock.to_string();
    assert_eq!(*told.lock().unwrap(), [(said.clone(), said)]);
}
