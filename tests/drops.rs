//! Whatever becomes of a task or a batch: each argument, closure, callback, value, error and payload is dropped exactly once,
//! and a drop that panics hangs nobody and ends no worker. All ways, all roles, all methods.

mod common;
mod parity;

use common::Gate;
use millpond::{AsyncResult, PoolHandle, TaskError, ThreadPool};
use parity::{Counted, Ledger, block_on, dispose};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// What becomes of the handle, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Get,
    GetTimeout,
    TryGet,
    Await,
    Peek,
    GetOnWorker,
    DropQueued,
    DropRunning,
    DropDone,
    Cancel,
    CancelRunning,
    Terminate,
    TerminateRunning,
    DropPool,
    Refused,
}

use Way::*;

const WAYS: [Way; 15] = [
    Get,
    GetTimeout,
    TryGet,
    Await,
    Peek,
    GetOnWorker,
    DropQueued,
    DropRunning,
    DropDone,
    Cancel,
    CancelRunning,
    Terminate,
    TerminateRunning,
    DropPool,
    Refused,
];

/// Which of the values panics when it is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bomb {
    Nothing,
    Function,
    Argument,
    Value,
    Payload,
    Callbacks,
}

const BOMBS: [Bomb; 6] =
    [Bomb::Nothing, Bomb::Function, Bomb::Argument, Bomb::Value, Bomb::Payload, Bomb::Callbacks];

/// Opened by the function when it begins, and awaited by it before it goes on.
#[derive(Clone, Default)]
struct Gates {
    begun: Gate,
    go_on: Gate,
}

impl Gates {
    fn pass(&self) {
        self.begun.open();
        self.go_on.wait();
    }
}

/// Submits, does with the handle what `way` says, and ends the pool.
fn take_way<T, S>(way: Way, workers: usize, gates: &Gates, submit: S)
where
    T: Send + Sync + 'static,
    S: FnOnce(&PoolHandle) -> Option<AsyncResult<T>> + Send,
{
    let pool = ThreadPool::new(workers).unwrap();
    let free = Gate::new();
    if [DropQueued, Cancel, Terminate, DropPool].contains(&way) {
        for _ in 0..workers {
            let (begun, pass) = (Gate::new(), free.clone());
            let begins = begun.clone();
            pool.spawn(move || {
                begins.open();
                pass.wait();
            })
            .unwrap();
            begun.wait();
        }
    }
    if ![DropRunning, CancelRunning, TerminateRunning].contains(&way) {
        gates.go_on.open();
    }
    let handle = pool.handle();
    let submit = || submit(&handle).expect("accepted");
    match way {
        Get => dispose(submit().get()),
        GetTimeout => dispose(submit().get_timeout(Duration::MAX)),
        TryGet => {
            let result = submit();
            result.wait();
            dispose(result.try_get());
        }
        Await => dispose(block_on(submit())),
        Peek => {
            let result = submit();
            result.wait();
            assert!(result.peek().is_some());
            dispose(result);
        }
        // Claimed by the waiting worker, by the handle or out of its own queue.
        GetOnWorker => pool.apply(|| dispose(submit().get())).unwrap(),
        DropQueued => {
            drop(submit());
            free.open();
        }
        DropRunning => {
            let result = submit();
            gates.begun.wait();
            drop(result);
            gates.go_on.open();
        }
        DropDone => {
            let result = submit();
            result.wait();
            drop(result);
        }
        Cancel => {
            let result = submit();
            assert!(result.cancel());
            free.open();
            dispose(result.get());
        }
        CancelRunning => {
            let result = submit();
            gates.begun.wait();
            // Of a call nothing can be cancelled any more; of a batch, the items that have not begun.
            let _ = result.cancel();
            gates.go_on.open();
            dispose(result.get());
        }
        Terminate => {
            let result = submit();
            pool.terminate();
            free.open();
            dispose(result.get());
        }
        TerminateRunning => {
            let result = submit();
            gates.begun.wait();
            pool.terminate();
            gates.go_on.open();
            dispose(result.get());
        }
        DropPool => {
            let result = submit();
            drop(pool);
            free.open();
            return dispose(result.get());
        }
        Refused => unreachable!("see below"),
    }
    if !matches!(way, Terminate | TerminateRunning) {
        let alive: Vec<_> = pool.map(|i| i, 0..16).unwrap();
        assert_eq!(alive, (0..16).collect::<Vec<_>>());
    }
    pool.close();
    pool.join().unwrap();
}

/// A closed pool gives the work back, which is then dropped.
fn be_refused<T, W>(submit: impl FnOnce(&PoolHandle) -> Result<T, W>) {
    let pool = ThreadPool::new(1).unwrap();
    pool.close();
    let Err(refused) = submit(&pool.handle()) else { panic!("accepted") };
    dispose(refused);
    pool.join().unwrap();
}

/// How the callbacks behave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Callbacks {
    Return,
    Panic,
}

fn callback(ledger: &Ledger, how: Callbacks, bomb: Bomb) -> impl FnOnce() + Send + 'static {
    let (captured, ledger) = (ledger.value(bomb == Bomb::Callbacks), ledger.clone());
    move || {
        let _captured = &captured;
        if how == Callbacks::Panic {
            resume_unwind(Box::new(ledger.value(bomb == Bomb::Payload)));
        }
    }
}

fn one_call(way: Way, bomb: Bomb, fails: bool, callbacks: Option<Callbacks>) {
    let (ledger, gates) = (Ledger::new(), Gates::default());
    let (captured, makes, passes) =
        (ledger.value(bomb == Bomb::Function), ledger.clone(), gates.clone());
    let call = move || {
        let _captured = &captured;
        passes.pass();
        if fails {
            resume_unwind(Box::new(makes.value(bomb == Bomb::Payload)));
        }
        // A value that is on its way out while a captured one panics in its drop is leaked by the language, not by the
        // pool (rust-lang/rust#47949).
        (bomb != Bomb::Function).then(|| makes.value(bomb == Bomb::Value))
    };
    match callbacks {
        None if way == Refused => be_refused(|pool| pool.apply_async(call)),
        None => take_way(way, 1, &gates, |pool: &PoolHandle| pool.apply_async(call).ok()),
        Some(how) => {
            let on_value = callback(&ledger, how, bomb);
            let on_error = callback(&ledger, how, bomb);
            let submit = move |pool: &PoolHandle| {
                let task = pool.task(call).callback(|_: &Option<Counted>| on_value());
                task.error_callback(|_: &TaskError| on_error()).apply_async().map_err(dispose).ok()
            };
            if way == Refused {
                be_refused(|pool| submit(pool).ok_or(()));
            } else {
                take_way(way, 1, &gates, submit);
            }
        }
    }
    assert!(ledger.made() > 0);
    ledger.settle(&format!("{way:?}, bomb {bomb:?}, fails {fails}, callbacks {callbacks:?}"));
}

#[test]
fn f02_f03_f05_f06_err_05_each_part_of_a_call_is_dropped_once() {
    for way in WAYS {
        for bomb in BOMBS {
            for fails in [false, true] {
                for callbacks in [None, Some(Callbacks::Return), Some(Callbacks::Panic)] {
                    one_call(way, bomb, fails, callbacks);
                }
            }
        }
    }
}

/// How a batch is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Any,
    Chunks(usize),
    FailFast,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    way: Way,
    bomb: Bomb,
    /// The lowest item that fails, with all items after it.
    fails_from: usize,
    cut: Cut,
    workers: usize,
    callbacks: Option<Callbacks>,
}

const ITEMS: usize = 8;

fn one_batch(plan: Plan) {
    let Plan { way, bomb, fails_from, cut, workers, callbacks } = plan;
    let (ledger, gates) = (Ledger::new(), Gates::default());
    let (captured, makes, passes) =
        (ledger.value(bomb == Bomb::Function), ledger.clone(), gates.clone());
    let each = move |(i, argument): (usize, Counted)| {
        let _captured = &captured;
        passes.pass();
        drop(argument);
        if i >= fails_from {
            resume_unwind(Box::new(makes.value(bomb == Bomb::Payload)));
        }
        makes.value(bomb == Bomb::Value)
    };
    let items: Vec<_> = (0..ITEMS).map(|i| (i, ledger.value(bomb == Bomb::Argument))).collect();
    macro_rules! cut {
        ($batch:expr) => {
            match cut {
                Cut::Any => $batch,
                Cut::Chunks(size) => $batch.chunksize(size),
                Cut::FailFast => $batch.fail_fast(true),
            }
        };
    }
    let callbacks =
        callbacks.map(|how| (callback(&ledger, how, bomb), callback(&ledger, how, bomb)));
    let submit = move |pool: &PoolHandle| match callbacks {
        None => cut!(pool.batch(each, items)).map_async().map_err(dispose).ok(),
        Some((on_value, on_error)) => {
            let batch = cut!(pool.batch(each, items)).callback(|_: &Vec<Counted>| on_value());
            batch.error_callback(|_: &TaskError| on_error()).map_async().map_err(dispose).ok()
        }
    };
    if way == Refused {
        be_refused(|pool| submit(pool).ok_or(()));
    } else {
        take_way(way, workers, &gates, submit);
    }
    assert!(ledger.made() > ITEMS);
    ledger.settle(&format!("{plan:?}"));
}

fn every_batch(workers: usize, callbacks: Option<Callbacks>) {
    for way in WAYS {
        for bomb in BOMBS {
            for fails_from in [0, 3, ITEMS] {
                for cut in [Cut::Any, Cut::Chunks(3), Cut::Chunks(ITEMS), Cut::FailFast] {
                    one_batch(Plan { way, bomb, fails_from, cut, workers, callbacks });
                }
            }
        }
    }
}

#[test]
fn f02_f03_f04_f05_err_05_each_part_of_a_batch_is_dropped_once() {
    every_batch(1, None);
}

#[test]
fn f02_f03_f04_f05_err_05_each_part_of_a_batch_of_two_workers_is_dropped_once() {
    every_batch(2, None);
}

#[test]
fn f04_f08_err_05_each_part_of_a_batch_with_callbacks_is_dropped_once() {
    every_batch(1, Some(Callbacks::Return));
    every_batch(2, Some(Callbacks::Panic));
}

#[test]
fn f02_f04_err_05_each_part_of_a_blocking_call_is_dropped_once() {
    let pool = ThreadPool::new(2).unwrap();
    for inside in [false, true] {
        for bomb in BOMBS {
            for fails_from in [0, 3, ITEMS] {
                let ledger = Ledger::new();
                let each = |(i, argument): (usize, Counted)| {
                    drop(argument);
                    if i >= fails_from {
                        resume_unwind(Box::new(ledger.value(bomb == Bomb::Payload)));
                    }
                    ledger.value(bomb == Bomb::Value)
                };
                let all = || {
                    let items = || (0..ITEMS).map(|i| (i, ledger.value(bomb == Bomb::Argument)));
                    dispose(pool.map(each, items()));
                    dispose(pool.starmap(|i, argument| each((i, argument)), items()));
                    dispose(pool.batch(each, items()).chunksize(3).map());
                    dispose(pool.batch(each, []).map());
                    let argument = ledger.value(bomb == Bomb::Argument);
                    dispose(pool.apply(|| each((3, argument))));
                };
                if inside {
                    pool.apply(all).unwrap()
                } else {
                    all()
                }
                ledger.settle(&format!("inside {inside}, bomb {bomb:?}, fails from {fails_from}"));
            }
        }
    }
    pool.close();
    let ledger = Ledger::new();
    let items = || (0..ITEMS).map(|_| ledger.value(true));
    // Refused work is dropped where it was to be submitted: what its drop does is the caller's own.
    let refused: [&dyn Fn(); 3] = [
        &|| assert!(pool.map(drop, items()).is_err()),
        &|| assert!(pool.batch(drop, items()).chunksize(0).map().is_err()),
        &|| {
            let captured = ledger.value(true);
            assert!(pool.apply(move || drop(captured)).is_err());
        },
    ];
    for call in refused {
        dispose(catch_unwind(AssertUnwindSafe(call)));
    }
    ledger.settle("refused");
}

#[test]
fn f41_a_handle_that_is_dropped_while_its_task_ends() {
    let pool = ThreadPool::new(2).unwrap();
    let ledger = Ledger::new();
    for round in 0..4_000_u32 {
        let value = ledger.value(round % 3 == 0);
        let result = pool.apply_async(move || value).unwrap();
        // From at once to well after its end.
        for _ in 0..round % 64 * 8 {
            std::hint::spin_loop();
        }
        drop(result);
    }
    pool.close();
    pool.join().unwrap();
    ledger.settle("every value, once, by one side or the other");
}
