//! Rows of the parity table that no other file has: the life of a pool, what a stream does at the call, slices, and results
//! per item.

mod common;
mod parity;

use common::Gate;
use millpond::{
    DropPolicy, JoinError, Pool, PoolHandle, SubmitErrorKind, TaskError, ThreadPool, Timeout,
    is_cancelled,
};
use parity::Ledger;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Holds a worker: the first gate says that it is held, the second lets it go.
fn hold(pool: &ThreadPool) -> (millpond::AsyncResult<&'static str>, Gate) {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    let task = move || {
        enter.open();
        pass.wait();
        "finished"
    };
    let held = pool.apply_async(task).unwrap();
    entered.wait();
    (held, gate)
}

// covers NEW-08
#[test]
fn a_pool_takes_each_option_of_python_s_or_none() {
    // ThreadPool(processes=None, initializer=None, initargs=()): the arguments are what the closure has captured.
    assert_eq!(
        ThreadPool::builder().build().unwrap().workers(),
        thread::available_parallelism().map_or(1, usize::from)
    );
    let (send, receive) = channel();
    let greeting = String::from("hello");
    let initializer = move |worker| send.send((worker, greeting.clone())).unwrap();
    let pool = ThreadPool::builder().workers(3).initializer(initializer).build().unwrap();
    pool.close();
    pool.join().unwrap();
    let mut calls: Vec<_> = receive.try_iter().collect();
    calls.sort_unstable();
    assert_eq!(calls, [0, 1, 2].map(|worker| (worker, String::from("hello"))));
}

// covers NEW-11
#[test]
fn the_constructor_does_not_wait_for_the_workers() {
    let (gate, begun) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
    let (pass, count) = (gate.clone(), Arc::clone(&begun));
    let initializer = move |_| {
        pass.wait();
        count.fetch_add(1, Ordering::Relaxed);
    };
    // If it did, this would never return: only the lines below let a worker begin.
    let pool = ThreadPool::builder().workers(8).initializer(initializer).build().unwrap();
    assert_eq!((pool.workers(), begun.load(Ordering::Relaxed)), (8, 0));
    gate.open();
    pool.close();
    pool.join().unwrap();
    assert_eq!(begun.load(Ordering::Relaxed), 8);
}

// covers LIFE-01
#[test]
fn a_pool_goes_through_its_states_in_their_order() {
    let says = |pool: &ThreadPool, state| format!("{pool:?}").contains(&format!("state: {state},"));
    let pool = ThreadPool::new(1).unwrap();
    let (held, gate) = hold(&pool);
    assert!(says(&pool, "Running"));
    pool.close();
    assert!(says(&pool, "Closed"), "though work is left");
    pool.terminate();
    assert!(says(&pool, "Terminated"));
    pool.close();
    assert!(says(&pool, "Terminated"), "no way back");
    gate.open();
    pool.join().unwrap();
    assert!(says(&pool, "Terminated"));
    assert_eq!(held.get().unwrap(), "finished");
}

// covers LIFE-07
#[test]
fn terminate_asks_running_tasks_to_stop_and_ends_none_by_force() {
    let pool = ThreadPool::new(2).unwrap();
    let (patient_begins, begun) = channel();
    let patient = pool
        .apply_async(move || {
            assert!(!is_cancelled(), "not yet");
            patient_begins.send(()).unwrap();
            while !is_cancelled() {
                thread::yield_now();
            }
            "asked, and stopped"
        })
        .unwrap();
    begun.recv().unwrap();
    let (deaf, gate) = hold(&pool);
    pool.terminate();
    assert_eq!(patient.get().unwrap(), "asked, and stopped");
    assert!(!deaf.ready(), "what does not ask goes on");
    gate.open();
    assert_eq!(deaf.get().unwrap(), "finished");
    pool.join().unwrap();
}

// covers LIFE-12 F-19
#[test]
fn a_process_that_ends_does_not_wait_for_its_pools() {
    const MARK: &str = "MILLPOND_TEST_ENDS_WITH_WORK_LEFT";
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    if std::env::var_os(MARK).is_some() {
        // The main thread of this process returns when this test does, and finds a worker held for ever and work queued.
        let pool = POOL.get_or_init(|| ThreadPool::new(1).unwrap());
        hold(pool).0.detach();
        pool.map_async(|i| println!("task {i} has run"), 0..100).unwrap().detach();
        println!("the main thread ends");
        return;
    }
    let name = "a_process_that_ends_does_not_wait_for_its_pools";
    let mut again = Command::new(std::env::current_exe().unwrap());
    again
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = again.spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}: {text}", output.status);
    assert!(text.contains("the main thread ends") && text.contains("1 passed"), "{text}");
    assert!(!text.contains("has run"), "what was queued is lost: {text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "and nothing is printed");
}

// covers LIFE-15
#[test]
fn the_drop_policy_decides_how_long_pending_work_lives() {
    for policy in [DropPolicy::Terminate, DropPolicy::Join, DropPolicy::Drain] {
        let pool = ThreadPool::builder().workers(1).drop_policy(policy).build().unwrap();
        // Neither the results nor a handle of the pool keep it alive.
        let handle = pool.handle();
        let (held, gate) = hold(&pool);
        let ledger = Ledger::new();
        let captured = ledger.value(false);
        let queued = pool.apply_async(move || drop(captured)).unwrap();
        let refused =
            || handle.apply_async(|| ()).is_err_and(|e| e.kind() == SubmitErrorKind::NotRunning);
        if policy == DropPolicy::Terminate {
            drop(pool);
            assert!(queued.ready() && !held.ready(), "it does not wait for what runs");
            gate.open();
            assert_eq!(held.get().unwrap(), "finished");
        } else {
            let was_done = thread::scope(|scope| {
                scope.spawn(|| {
                    while !refused() {
                        thread::yield_now();
                    }
                    assert!(!held.ready());
                    gate.open();
                });
                drop(pool);
                held.ready() && queued.ready()
            });
            assert!(was_done, "{policy:?} waits for what runs");
        }
        assert!(refused());
        ledger.settle("the closure is gone");
        match queued.get() {
            Ok(()) => assert_eq!(policy, DropPolicy::Drain),
            Err(TaskError::Terminated) => assert_ne!(policy, DropPolicy::Drain),
            Err(other) => panic!("{policy:?}: {other}"),
        }
    }
}

// covers LIFE-16
#[test]
fn a_join_with_a_time_limit_ends_with_the_pool_or_at_its_limit() {
    const SHORT: Duration = Duration::from_millis(2);
    let pool = ThreadPool::new(2).unwrap();
    assert_eq!(pool.join_timeout(Duration::MAX), Err(JoinError::StillRunning));
    let (held, gate) = hold(&pool);
    pool.close();
    for limit in [Duration::ZERO, SHORT, SHORT] {
        assert_eq!(pool.join_timeout(limit), Err(JoinError::TimedOut), "a worker is held");
    }
    let opener = thread::spawn(move || gate.open());
    assert_eq!(pool.join_timeout(Duration::MAX), Ok(()));
    assert!(held.ready(), "the accepted work is done");
    assert_eq!(pool.join_timeout(Duration::ZERO), Ok(()), "again");
    pool.join().unwrap();
    opener.join().unwrap();
    let pool = ThreadPool::new(1).unwrap();
    let from_inside = pool.apply(|| {
        pool.close();
        pool.join_timeout(Duration::MAX)
    });
    assert_eq!(from_inside.unwrap(), Err(JoinError::WouldDeadlock));
}

// covers IMAP-05
#[test]
fn a_stream_of_any_chunk_size_can_be_waited_for_with_a_limit() {
    for (chunksize, ordered) in [(1, true), (3, true), (100, true), (1, false), (3, false)] {
        let pool = ThreadPool::new(1).unwrap();
        let gate = Gate::new();
        let pass = gate.clone();
        let work = move |x: u32| {
            pass.wait();
            x * x
        };
        let stream = pool.stream(work, 0..4).chunksize(chunksize);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        assert!(matches!(it.next_timeout(Duration::from_millis(2)), Err(Timeout(()))));
        gate.open();
        let mut squares = Vec::new();
        while let Some(square) = it.next_timeout(Duration::MAX).unwrap() {
            squares.push(square.unwrap());
        }
        assert_eq!(squares, [0, 1, 4, 9], "one worker does them in order, chunks of {chunksize}");
        assert!(matches!(it.next_timeout(Duration::ZERO), Ok(None)), "the end is no time-out");
    }
}

// covers IMAP-19
#[test]
fn the_items_in_the_window_run_before_any_result_is_taken() {
    let pool = ThreadPool::new(2).unwrap();
    loop {
        let (runs, ran) = channel();
        let mut pulled = 0;
        let input = (0..10).inspect(|_| pulled += 1);
        let run = move |x: u32| runs.send(x).unwrap();
        let mut it = pool.stream(run, input).buffersize(4).imap().unwrap();
        if it.progress().total < 4 {
            // The machine has interrupted the call, which seemed to wait for its input.
            continue;
        }
        let mut first: Vec<_> = (0..4).map(|_| ran.recv().unwrap()).collect();
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3]);
        assert_eq!(ran.try_recv(), Err(TryRecvError::Empty), "the rest as results are taken");
        assert_eq!(it.progress().total, 4);
        assert_eq!(it.by_ref().map(Result::unwrap).count(), 10);
        drop(it);
        assert_eq!((ran.try_iter().count(), pulled), (6, 10));
        return;
    }
}

// covers IMAP-20 MAP-22
#[test]
fn a_stream_lets_go_of_its_function_its_items_and_its_results() {
    for (items, taken, ordered) in
        [(0, 1, true), (10, 20, true), (10, 20, false), (100, 3, true), (100, 3, false)]
    {
        let pool = ThreadPool::new(2).unwrap();
        let ledger = Ledger::new();
        let (captured, pulls) = (ledger.value(false), ledger.clone());
        let work = move |item| {
            let _it_owns = &captured;
            item
        };
        let input = (0..items).map(move |_| pulls.value(false));
        let stream = pool.stream(work, input).buffersize(8);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        it.by_ref().take(taken).for_each(|result| drop(result.unwrap()));
        drop(it);
        pool.close();
        pool.join().unwrap();
        ledger.settle(&format!("{taken} taken of {items}"));
    }
}

// covers IMAP-24
#[test]
fn a_closed_pool_refuses_a_stream_at_the_call_and_gives_it_back() {
    for end in [Pool::close, Pool::terminate] {
        let pool = ThreadPool::new(1).unwrap();
        end(&pool);
        let mut pulled = 0;
        let refused = pool.imap(|x: u32| x, (0..3).inspect(|_| pulled += 1)).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.to_string().as_str()),
            (SubmitErrorKind::NotRunning, "Pool not running")
        );
        let (f, input) = refused.into_task();
        let again = pool.imap_unordered(f, input).unwrap_err().kind();
        assert_eq!(again, SubmitErrorKind::NotRunning);
        assert_eq!(pulled, 0, "the input is as it was");
        assert!(pool.try_imap(|x: u32| Err::<u32, _>(x), 0..3).is_err());
    }
}

// covers MAP-23
#[test]
fn a_slice_is_mapped_where_it_lies() {
    /// Neither `Clone` nor `Default`, and of an address that can be told.
    struct Fixed(u32);
    for (workers, len) in [(1, 0), (1, 1), (2, 1_000), (5, 777)] {
        let pool = ThreadPool::new(workers).unwrap();
        let slice: Vec<_> = (0..len).map(Fixed).collect();
        // What it gives may borrow from the slice.
        let seen: Vec<&Fixed> = pool.map_slice(|element| element, &slice).unwrap();
        assert_eq!(seen.len(), slice.len());
        for (seen, element) in seen.into_iter().zip(&slice) {
            assert!(std::ptr::eq(seen, element), "{} in place of {}", seen.0, element.0);
        }
    }
    let pool = ThreadPool::new(2).unwrap();
    let error =
        pool.map_slice(|i: &u32| assert!(*i != 7), &(0..20).collect::<Vec<_>>()).unwrap_err();
    assert_eq!(error.item(), Some(7));
    pool.close();
    let refused = pool.map_slice(|i: &u32| *i, &[1, 2]).unwrap_err();
    assert!(matches!(refused, TaskError::NotSubmitted(SubmitErrorKind::NotRunning)));
}

// covers MAP-15
#[test]
fn map_results_keeps_every_other_value() {
    for workers in [1, 2, 5] {
        let pool = ThreadPool::new(workers).unwrap();
        let ledger = Ledger::new();
        let work = |i: usize| {
            assert!(i % 10 != 3, "no {i}");
            (i, ledger.value(false))
        };
        let results = pool.map_results(work, 0..100).unwrap();
        assert_eq!(results.len(), 100);
        for (i, result) in results.iter().enumerate() {
            match result {
                Ok((value, _)) => assert!(*value == i && i % 10 != 3),
                Err(TaskError::Panicked(panic)) => {
                    assert_eq!(panic.message(), Some(format!("no {i}").as_str()));
                    assert_eq!(result.as_ref().unwrap_err().item(), Some(i));
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(
            (results.iter().filter(|result| result.is_err()).count(), ledger.dropped()),
            (10, 0)
        );
        drop(results);
        ledger.settle("the values");
        assert!(pool.map_results(work, []).unwrap().is_empty());
        // It nests as every blocking verb does.
        let nested = pool
            .apply(|| PoolHandle::current().unwrap().map_results(|i: u32| i, 0..10).unwrap().len());
        assert_eq!(nested.unwrap(), 10);
        pool.close();
        let refused = pool.map_results(|i: u32| i, 0..3).unwrap_err();
        assert!(matches!(refused, TaskError::NotSubmitted(SubmitErrorKind::NotRunning)));
    }
}

// covers MAP-15
#[test]
fn map_results_of_a_pool_that_ends_fails_as_a_whole() {
    let pool = ThreadPool::new(1).unwrap();
    let handle = pool.handle();
    let error = pool.map_results(|_: u32| handle.terminate(), 0..10_000).unwrap_err();
    assert!(matches!(error, TaskError::Terminated), "{error}");
}

// covers RES-18
#[test]
fn a_handle_has_no_room_for_a_number() {
    assert_eq!(size_of::<millpond::AsyncResult<[u64; 9], String>>(), size_of::<usize>());
}
