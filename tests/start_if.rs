//! Tasks that ask a function whether to begin: the rows DUE of the catalogue from 06 on.

mod common;
mod parity;

use common::hold_up;
use millpond::{SubmitErrorKind, TaskError, ThreadPool};
use parity::{Ledger, Seen, dispose};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

// covers DUE-06
#[test]
fn the_worker_asks_once_just_before_the_call_and_tells_how_long_the_task_has_waited() {
    let pool = ThreadPool::new(1).unwrap();
    for admits in [true, false] {
        let gate = hold_up(&pool);
        let (asked, told) = (Seen::default(), Seen::default());
        let (ask, call, hear) = (asked.clone(), asked.clone(), told.clone());
        let task = pool.handle().task(move || call.add("called"));
        let before = Instant::now();
        let (send, waits) = channel();
        let result = task
            .error_callback(move |error| hear.add(error.to_string()))
            .start_if(move |waited| {
                send.send((waited, thread::current().id())).unwrap();
                ask.add("asked");
                admits
            })
            .apply_async()
            .unwrap();
        let submitted = Instant::now();
        assert!(waits.try_recv().is_err() && pool.queued() == 1, "it is asked when a worker comes");
        let held = submitted.elapsed();
        gate.open();
        let outcome = result.get();
        let longest = before.elapsed();
        let waits: Vec<_> = waits.into_iter().collect();
        let worker = pool.apply(|| thread::current().id()).unwrap();
        assert!(
            matches!(waits[..], [(waited, on)] if
            (held..=longest).contains(&waited) && on == worker),
            "{waits:?}"
        );
        if admits {
            outcome.unwrap();
            assert_eq!(asked.in_order(), ["asked", "called"]);
            assert!(told.in_order().is_empty());
        } else {
            assert!(matches!(outcome, Err(TaskError::Expired)));
            assert_eq!(asked.in_order(), ["asked"]);
            assert_eq!(told.in_order(), ["the task had waited for too long before it ran"]);
        }
    }
}

// covers DUE-07
#[test]
fn a_panic_of_the_asked_function_is_the_panic_of_the_task() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, told) = channel();
    let task = pool.task(|| unreachable!("it was not admitted"));
    let task = task.start_if(|_| panic!("do not ask")).start_if(|_| unreachable!("after a panic"));
    let task = task.error_callback(move |error| send.send(error.to_string()).unwrap());
    match task.apply_async().unwrap().get() {
        Err::<(), _>(TaskError::Panicked(panic)) => assert_eq!(panic.message(), Some("do not ask")),
        other => panic!("{other:?}"),
    }
    assert_eq!(told.recv().unwrap(), "the task panicked: do not ask");
    assert_eq!(pool.apply(|| 7).unwrap(), 7, "the worker goes on");
}

// covers DUE-06
#[test]
fn the_place_of_a_task_is_free_while_its_function_is_asked() {
    let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
    let handle = pool.handle();
    let (send, told) = channel();
    let (pass, passed) = channel();
    let task = pool.task(|| ()).start_if(move |_| {
        send.send(()).unwrap();
        passed.recv().unwrap();
        true
    });
    let result = task.apply_async().unwrap();
    told.recv().unwrap();
    let next = handle.task(|| 7).nonblocking(true).apply_async().unwrap();
    pass.send(()).unwrap();
    assert_eq!((result.get().unwrap(), next.get().unwrap()), ((), 7));
}

// covers DUE-08
#[test]
fn the_earliest_due_time_counts_and_functions_are_asked_in_order() {
    let pool = ThreadPool::new(1).unwrap();
    let (now, later) = (Instant::now(), Instant::now() + HOUR);
    let asked = Seen::default();
    let ask = |name: &'static str, says: bool| {
        let asked = asked.clone();
        move |_: Duration| {
            asked.add(name);
            says
        }
    };
    macro_rules! outcome {
        ($($gate:ident($with:expr)),*; $expires:expr, $asked:expr) => {
            let result = pool.task(|| 7)$(.$gate($with))*.apply_async().unwrap();
            match result.get() {
                Ok(7) => assert!(!$expires, "{}", stringify!($($gate($with)),*)),
                Err(TaskError::Expired) => assert!($expires, "{}", stringify!($($gate($with)),*)),
                other => panic!("{other:?}"),
            }
            let all = asked.in_order();
            let seen = all.rsplit(|name| *name == "|").next().unwrap().concat();
            assert_eq!(seen, $asked, "{}", stringify!($($gate($with)),*));
            asked.add("|");
        };
    }
    outcome!(start_by(now), start_by(later); true, "");
    outcome!(start_by(later), start_by(now); true, "");
    outcome!(start_by(later), start_by(later); false, "");
    outcome!(start_if(ask("a", true)), start_by(now); true, "");
    outcome!(start_by(now), start_if(ask("a", true)); true, "");
    outcome!(start_if(ask("a", true)), start_by(now), start_if(ask("b", true)); true, "");
    outcome!(start_by(later), start_if(ask("a", true)), start_if(ask("b", true)); false, "ab");
    outcome!(start_if(ask("a", true)), start_by(later), start_if(ask("b", false)); true, "ab");
    outcome!(start_if(ask("a", false)), start_if(ask("b", true)), start_by(later); true, "a");
}

// covers DUE-08
#[test]
fn a_cancelled_or_terminated_task_asks_nothing() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = hold_up(&pool);
    let submit = || {
        let task = pool.task(|| unreachable!("nor is it called"));
        task.start_if(|_| unreachable!("it is not asked")).apply_async().unwrap()
    };
    let (cancelled, terminated, dropped) = (submit(), submit(), submit());
    assert!(cancelled.cancel());
    drop(dropped.cancel_on_drop());
    pool.terminate();
    assert!(matches!(cancelled.get(), Err::<(), _>(TaskError::Cancelled)));
    assert!(matches!(terminated.get(), Err::<(), _>(TaskError::Terminated)));
    gate.open();
}

// covers DUE-09
#[test]
fn a_refused_task_keeps_what_was_set_on_it_and_counts_its_wait_anew() {
    let pool = ThreadPool::builder().workers(1).max_queued(1).build().unwrap();
    let gate = hold_up(&pool);
    pool.spawn(|| ()).unwrap();
    let (send, waits) = channel();
    let task = pool.task(|| 7).start_by(Instant::now() + HOUR).start_if(move |waited| {
        send.send(waited).unwrap();
        false
    });
    let refused = task.nonblocking(true).apply_async().unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::Full);
    gate.open();
    pool.apply(|| ()).unwrap();
    let again = Instant::now();
    let result = refused.into_task().nonblocking(false).apply_async().unwrap();
    assert!(matches!(result.get(), Err(TaskError::Expired)));
    assert!(waits.recv().unwrap() <= again.elapsed());
    pool.close();
    let refused = pool.task(|| 7).start_if(|_| true).apply_async().unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::NotRunning);
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Called,
    Refused,
    Panicked,
    Overdue,
    Cancelled,
    Terminated,
    PoolClosed,
}

// covers DUE-10
#[test]
fn each_part_of_a_task_with_gates_is_dropped_once() {
    use Fate::*;
    for fate in [Called, Refused, Panicked, Overdue, Cancelled, Terminated, PoolClosed] {
        // Which of the parts panic when they are dropped: the closure, two asked functions, a callback.
        for bombs in 0..16_u32 {
            let (pool, ledger) = (ThreadPool::new(1).unwrap(), Ledger::new());
            let part = |number: u32| ledger.value(bombs >> number & 1 == 1);
            let (call, one, other, told) = (part(0), part(1), part(2), part(3));
            let gate = hold_up(&pool);
            if fate == PoolClosed {
                pool.close();
            }
            // The parts are borrowed, so that each is dropped with its closure.
            let task = pool
                .task(move || _ = &call)
                .start_if(move |_| {
                    let _ = &one;
                    assert!(fate != Panicked, "asked");
                    fate != Refused
                })
                .start_by(if fate == Overdue { Instant::now() } else { Instant::now() + HOUR })
                .start_if(move |_| {
                    let _ = &other;
                    true
                })
                .error_callback(move |_| _ = &told);
            match task.apply_async() {
                Ok(result) => {
                    match fate {
                        Cancelled => assert!(result.cancel()),
                        Terminated => pool.terminate(),
                        _ => {}
                    }
                    gate.open();
                    dispose(result.get());
                }
                // Refused work is dropped where it was to be submitted: one bomb is the caller's own.
                Err(refused) => {
                    if bombs.count_ones() < 2 {
                        dispose(refused);
                    } else {
                        std::mem::forget(refused);
                    }
                    gate.open();
                }
            }
            pool.terminate();
            pool.join().unwrap();
            if fate != PoolClosed || bombs.count_ones() < 2 {
                ledger.settle(&format!("{fate:?}, bombs {bombs:04b}"));
            }
        }
    }
}
