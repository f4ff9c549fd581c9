//! Whatever becomes of a batch: each argument, value, error and payload, its function and its
//! callbacks are dropped exactly once, and a drop that panics hangs no waiter and ends no worker.
//! All ways of a handle, all roles of the value that panics, all cuts.

mod common;
mod parity;
mod ways;

use millpond::{PoolHandle, TaskError};
use parity::{Counted, Ledger, dispose};
use std::panic::resume_unwind;
use ways::{BOMBS, Bomb, Callbacks, Gates, WAYS, Way, be_refused, callback, take_way};

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
    if way == Way::Refused {
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

// covers F-02 F-03 F-04 F-05 ERR-05
#[test]
fn each_part_of_a_batch_is_dropped_once() {
    every_batch(1, None);
}

// covers F-02 F-03 F-04 F-05 ERR-05
#[test]
fn each_part_of_a_batch_of_two_workers_is_dropped_once() {
    every_batch(2, None);
}

// covers F-04 F-08 ERR-05
#[test]
fn each_part_of_a_batch_with_callbacks_is_dropped_once() {
    every_batch(1, Some(Callbacks::Return));
    every_batch(2, Some(Callbacks::Panic));
}
