//! Whatever becomes of a call: its closure, argument, callbacks, value, error and payload are each
//! dropped exactly once, and a drop that panics hangs no waiter and ends no worker. All ways of a
//! handle, all roles of the value that panics; for blocking calls, all blocking verbs. Batches that
//! give a handle are in tests/batch_drops.rs.

mod common;
mod parity;
mod ways;

use millpond::{PoolHandle, TaskError, ThreadPool};
use parity::{Counted, Ledger, dispose};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use ways::{BOMBS, Bomb, Callbacks, Gates, WAYS, Way, be_refused, callback, take_way};

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
        None if way == Way::Refused => be_refused(|pool| pool.apply_async(call)),
        None => take_way(way, 1, &gates, |pool: &PoolHandle| pool.apply_async(call).ok()),
        Some(how) => {
            let on_value = callback(&ledger, how, bomb);
            let on_error = callback(&ledger, how, bomb);
            let submit = move |pool: &PoolHandle| {
                let task = pool.task(call).callback(|_: &Option<Counted>| on_value());
                task.error_callback(|_: &TaskError| on_error()).apply_async().map_err(dispose).ok()
            };
            if way == Way::Refused {
                be_refused(|pool| submit(pool).ok_or(()));
            } else {
                take_way(way, 1, &gates, submit);
            }
        }
    }
    assert!(ledger.made() > 0);
    ledger.settle(&format!("{way:?}, bomb {bomb:?}, fails {fails}, callbacks {callbacks:?}"));
}

// covers F-02 F-03 F-05 F-06 ERR-05
#[test]
fn each_part_of_a_call_is_dropped_once() {
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

const ITEMS: usize = 8;

// covers F-02 F-04 ERR-05
#[test]
fn each_part_of_a_blocking_call_is_dropped_once() {
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

// covers F-41
#[test]
fn a_handle_may_be_dropped_while_its_task_ends() {
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
