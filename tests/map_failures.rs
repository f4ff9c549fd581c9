//! What an item that fails does to its batch: the rows MAP-04 and MAP-12 to MAP-15 of the parity
//! table.

mod common;
mod parity;

use common::Gate;
use millpond::{TaskError, ThreadPool};
use parity::{Ledger, Seen};

// covers MAP-04
#[test]
fn without_a_chunk_size_every_other_item_is_attempted() {
    for workers in [1, 3] {
        let pool = ThreadPool::new(workers).unwrap();
        let ran = Seen::default();
        let each = |i: usize| {
            ran.add(i);
            assert!(i % 4 != 2, "item {i}");
        };
        let error = pool.map(each, 0..100).unwrap_err();
        assert_eq!(error.item().unwrap() % 4, 2);
        assert_eq!(ran.sorted(), (0..100).collect::<Vec<_>>());
    }
}

// covers MAP-12
#[test]
fn the_first_failure_in_time_is_the_batch_s() {
    for chunk in [None, Some(1)] {
        let pool = ThreadPool::new(2).unwrap();
        let gate = Gate::new();
        let pass = gate.clone();
        let each = move |i: u32| match i {
            0 => {
                pass.wait();
                panic!("late")
            }
            _ => panic!("early"),
        };
        let batch = pool.batch(each, 0..2);
        let batch = if let Some(chunk) = chunk { batch.chunksize(chunk) } else { batch };
        let result = batch.map_async().unwrap();
        while result.progress().done == 0 {
            std::thread::yield_now();
        }
        gate.open();
        let error = result.get().unwrap_err();
        assert_eq!(error.item(), Some(1));
        let TaskError::Panicked(panic) = error else { panic!("{error:?}") };
        assert_eq!(panic.message(), Some("early"));
    }
}

// covers MAP-13
#[test]
fn a_failure_does_not_end_the_wait_for_the_others() {
    let pool = ThreadPool::new(2).unwrap();
    let (failed, gate) = (Gate::new(), Gate::new());
    let (fails, pass) = (failed.clone(), gate.clone());
    let each = move |i: u32| match i {
        0 => {
            fails.open();
            panic!("at once")
        }
        _ => pass.wait(),
    };
    let result = pool.batch(each, 0..2).chunksize(1).map_async().unwrap();
    failed.wait();
    assert!(
        !result.wait_timeout(std::time::Duration::from_millis(20)),
        "one item is still running"
    );
    gate.open();
    assert_eq!(result.get().unwrap_err().item(), Some(0));
}

// covers MAP-13
#[test]
fn fail_fast_keeps_the_rest_from_starting() {
    let pool = ThreadPool::new(1).unwrap();
    for (chunk, ran_expected) in
        [(Some(1), vec![0, 1, 2]), (Some(2), vec![0, 1, 2]), (None, vec![])]
    {
        let ran = Seen::default();
        let each = |i: usize| {
            ran.add(i);
            assert!(i != 2);
        };
        let batch = pool.batch(each, 0..1000).fail_fast(true);
        let batch = if let Some(chunk) = chunk { batch.chunksize(chunk) } else { batch };
        assert_eq!(batch.map().unwrap_err().item(), Some(2));
        if chunk.is_some() {
            assert_eq!(ran.in_order(), ran_expected);
        } else {
            // What the worker had already taken with item 2 may run: bites grow from one item.
            assert!(ran.in_order().len() < 1000);
        }
    }
}

// covers MAP-14
#[test]
fn a_failing_item_skips_the_rest_of_its_chunk() {
    for workers in [1, 4] {
        let pool = ThreadPool::new(workers).unwrap();
        let ran = Seen::default();
        let each = |i: usize| {
            ran.add(i);
            assert!(i != 2);
        };
        let error = pool.batch(each, 0..10).chunksize(5).map().unwrap_err();
        assert_eq!(error.item(), Some(2));
        assert_eq!(ran.sorted(), [0, 1, 2, 5, 6, 7, 8, 9]);
    }
}

// covers MAP-15
#[test]
fn one_failure_discards_every_other_value() {
    let pool = ThreadPool::new(2).unwrap();
    let ledger = Ledger::new();
    let each = |i: usize| {
        assert!(i != 7, "item 7");
        ledger.value(false)
    };
    assert_eq!(pool.map(each, 0..10).unwrap_err().to_string(), "item 7: the task panicked: item 7");
    assert_eq!(ledger.made(), 9);
    ledger.settle("the values of a failed batch are gone when it returns");
}
