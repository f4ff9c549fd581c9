//! What the tests of drops share: what becomes of a handle, and which of the values panics when it
//! is dropped.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::common::Gate;
use crate::parity::{Ledger, block_on, dispose};
use millpond::{AsyncResult, PoolHandle, ThreadPool};
use std::panic::resume_unwind;
use std::time::Duration;

/// What becomes of the handle, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
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

pub(crate) const WAYS: [Way; 15] = [
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
pub(crate) enum Bomb {
    Nothing,
    Function,
    Argument,
    Value,
    Payload,
    Callbacks,
}

pub(crate) const BOMBS: [Bomb; 6] =
    [Bomb::Nothing, Bomb::Function, Bomb::Argument, Bomb::Value, Bomb::Payload, Bomb::Callbacks];

/// Opened by the function when it begins, and awaited by it before it goes on.
#[derive(Clone, Default)]
pub(crate) struct Gates {
    pub(crate) begun: Gate,
    pub(crate) go_on: Gate,
}

impl Gates {
    pub(crate) fn pass(&self) {
        self.begun.open();
        self.go_on.wait();
    }
}

/// Submits, does with the handle what `way` says, and ends the pool.
pub(crate) fn take_way<T, S>(way: Way, workers: usize, gates: &Gates, submit: S)
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
pub(crate) fn be_refused<T, W>(submit: impl FnOnce(&PoolHandle) -> Result<T, W>) {
    let pool = ThreadPool::new(1).unwrap();
    pool.close();
    let Err(refused) = submit(&pool.handle()) else { panic!("accepted") };
    dispose(refused);
    pool.join().unwrap();
}

/// How the callbacks behave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callbacks {
    Return,
    Panic,
}

pub(crate) fn callback(
    ledger: &Ledger,
    how: Callbacks,
    bomb: Bomb,
) -> impl FnOnce() + Send + 'static {
    let (captured, ledger) = (ledger.value(bomb == Bomb::Callbacks), ledger.clone());
    move || {
        let _captured = &captured;
        if how == Callbacks::Panic {
            resume_unwind(Box::new(ledger.value(bomb == Bomb::Payload)));
        }
    }
}
