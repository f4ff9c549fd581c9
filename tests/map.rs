//! One function over many items: the rows MAP of the parity table, but for items that fail, which
//! are in tests/map_failures.rs.

mod common;
mod parity;

use common::Gate;
use millpond::{SubmitErrorKind, TaskError, ThreadPool, default_chunksize, star};
use parity::{Ledger, Seen};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

// covers MAP-01
#[test]
fn values_come_in_the_order_of_the_items_not_of_their_ends() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let ends = Seen::default();
    let values = pool.map(
        |i: usize| {
            // The first item ends after the last one, whoever runs them.
            if i == 0 {
                gate.wait();
            }
            ends.add(i);
            if i == 3 {
                gate.open();
            }
            i * i
        },
        0..4,
    );
    assert_eq!(values.unwrap(), [0, 1, 4, 9]);
    let ends = ends.in_order();
    let end_of = |item| ends.iter().position(|end| *end == item).unwrap();
    assert!(end_of(3) < end_of(0), "{ends:?}");
}

// covers MAP-02
#[test]
fn starmap_takes_tuples_apart() {
    let pool = ThreadPool::new(2).unwrap();
    assert_eq!(pool.starmap(|a: i32| a + 1, [(1,), (2,)]).unwrap(), [2, 3]);
    assert_eq!(
        pool.starmap(|a: &str, b: usize| a.repeat(b), [("ab", 2), ("c", 3)]).unwrap(),
        ["abab", "ccc"]
    );
    let all = |a: u8,
               b: u16,
               c: u32,
               d: u64,
               e: i8,
               f: i16,
               g: i32,
               h: i64,
               i: u8,
               j: u8,
               k: u8,
               l: u8| {
        let signed = i64::from(e) + i64::from(f) + i64::from(g) + h;
        let unsigned = u64::from(a) + u64::from(b) + u64::from(c) + d;
        (signed, unsigned, [i, j, k, l])
    };
    let twelve = (1, 2, 3, 4, -1, -2, -3, -4, 9, 10, 11, 12);
    assert_eq!(pool.starmap(all, [twelve]).unwrap(), [(-10, 10, [9, 10, 11, 12])]);
    // The tuples may come from any iterable.
    let pairs = (0..3).zip((0..3).rev());
    assert_eq!(
        pool.batch(star(|a: i32, b: i32| a * b), pairs).chunksize(2).map().unwrap(),
        [0, 1, 0]
    );
}

// covers MAP-03
#[test]
fn one_handle_stands_for_the_whole_batch() {
    let pool = ThreadPool::new(2).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    let last_waits = move |i: u32| {
        if i == 9 {
            pass.wait();
        }
        i + 1
    };
    let squares = pool.map_async(last_waits.clone(), 0..10).unwrap();
    let sums = pool.starmap_async(move |a, b| last_waits(a + b), (0..10).map(|i| (i, 0))).unwrap();
    assert!(!squares.ready() && !sums.ready(), "an item is not done");
    gate.open();
    assert_eq!(squares.get().unwrap(), (1..11).collect::<Vec<_>>());
    assert_eq!(sums.get().unwrap(), (1..11).collect::<Vec<_>>());
}

// covers MAP-04
#[test]
fn the_default_chunk_size_is_python_s() {
    // `divmod(len, 4 * workers)`, one more if there is a remainder.
    for items in 0..200 {
        for workers in 1..20 {
            let (quotient, rest) = (items / (4 * workers), items % (4 * workers));
            assert_eq!(default_chunksize(items, workers), quotient + usize::from(rest > 0));
        }
    }
    assert_eq!(
        [(10, 4), (100, 4), (1000, 8)].map(|(len, workers)| default_chunksize(len, workers)),
        [1, 7, 32]
    );
    assert_eq!(default_chunksize(usize::MAX, usize::MAX), 1);
}

// covers MAP-05
#[test]
fn one_worker_does_the_items_of_a_chunk_in_order() {
    let pool = ThreadPool::new(3).unwrap();
    for (chunk, items) in [(1, 10), (5, 20), (7, 20), (50, 20), (usize::MAX, 20)] {
        let seen = Mutex::new(Vec::new());
        let each = |i: usize| {
            seen.lock().unwrap().push((thread::current().id(), i));
            // Leaves the others an opportunity to take part.
            thread::yield_now();
            i
        };
        let values = pool.batch(each, 0..items).chunksize(chunk).map().unwrap();
        assert_eq!(values, (0..items).collect::<Vec<_>>());
        let seen = seen.into_inner().unwrap();
        for first in (0..items).step_by(chunk.min(items)) {
            let members: Vec<_> = (first..items.min(first.saturating_add(chunk))).collect();
            let (worker, _) = *seen.iter().find(|(_, item)| *item == first).unwrap();
            let by_worker =
                seen.iter().filter(|(who, item)| *who == worker && members.contains(item));
            let by_worker: Vec<_> = by_worker.map(|(_, item)| *item).collect();
            assert_eq!(by_worker, members, "chunks of {chunk}: {seen:?}");
            // Nothing else of the same worker's comes between.
            let turns: Vec<_> =
                seen.iter().filter(|(who, _)| *who == worker).map(|(_, item)| *item).collect();
            assert!(
                turns.windows(members.len()).any(|run| run == members),
                "chunks of {chunk}: {turns:?}"
            );
        }
    }
}

// covers MAP-06
#[test]
fn a_chunk_size_of_zero_is_refused_and_nothing_runs() {
    let pool = ThreadPool::new(1).unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let each = move |i: u32| {
        count.fetch_add(1, Ordering::Relaxed);
        i
    };
    let error = pool.batch(&each, 0..5).chunksize(0).map().unwrap_err();
    assert!(
        matches!(error, TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "Chunksize must be 1+, not 0");
    let refused = pool.batch(each, 0..5).chunksize(0).map_async().unwrap_err();
    assert_eq!(refused.kind(), SubmitErrorKind::InvalidChunkSize);
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    // It is given back whole.
    assert_eq!(refused.into_task().chunksize(2).map().unwrap(), [0, 1, 2, 3, 4]);
}

// covers MAP-08
#[test]
fn the_caller_reads_the_input_before_the_call_returns() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    pool.spawn(move || pass.wait()).unwrap();
    // `Rc`: the iterator cannot have left this thread.
    let source = Rc::new(std::cell::RefCell::new(vec![1, 2, 3]));
    let (reader, caller) = (Rc::clone(&source), thread::current().id());
    let mut at = 0;
    let items = std::iter::from_fn(move || {
        assert_eq!(thread::current().id(), caller);
        at += 1;
        reader.borrow().get(at - 1).copied()
    });
    let result = pool.map_async(|i: i32| i, items).unwrap();
    assert_eq!(Rc::strong_count(&source), 1, "the iterator is used up and gone");
    source.borrow_mut()[1] = 99;
    gate.open();
    assert_eq!(result.get().unwrap(), [1, 2, 3]);
}

// covers MAP-09
#[test]
fn an_empty_batch_is_ready_at_once() {
    let pool = ThreadPool::new(1).unwrap();
    let gate = Gate::new();
    let pass = gate.clone();
    // Even while no worker is free.
    pool.spawn(move || pass.wait()).unwrap();
    for chunk in [None, Some(1), Some(20)] {
        let batch = || {
            let batch = pool.batch(|i: u32| i, []);
            if let Some(chunk) = chunk { batch.chunksize(chunk) } else { batch }
        };
        assert_eq!(batch().map().unwrap(), []);
        let result = batch().map_async().unwrap();
        assert!(result.ready());
        assert_eq!(result.successful(), Ok(true));
        assert_eq!(result.get().unwrap(), []);
    }
    assert_eq!(pool.starmap(|a: i32, b: i32| a * b, [(0, 0); 0]).unwrap(), []);
    gate.open();
}

// covers MAP-10
#[test]
fn the_callback_of_an_empty_batch_is_called() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    let batch =
        pool.batch(|i: u32| i, []).callback(move |all: &Vec<u32>| send.send(all.len()).unwrap());
    let result = batch.error_callback(|error| panic!("{error}")).map_async().unwrap();
    assert_eq!(receive.try_iter().collect::<Vec<_>>(), [0], "once, before the call returns");
    assert_eq!(result.get().unwrap(), []);
}

// covers MAP-11
#[test]
fn an_ended_pool_refuses_even_an_empty_batch() {
    let pool = ThreadPool::new(1).unwrap();
    pool.terminate();
    let map = pool.map_async(|i: u32| i, []);
    assert_eq!(map.unwrap_err().kind(), SubmitErrorKind::NotRunning);
    let starmap = pool.starmap_async(|a: u32, b: u32| a + b, [(0, 0); 0]);
    assert_eq!(starmap.unwrap_err().kind(), SubmitErrorKind::NotRunning);
}

// covers MAP-19
#[test]
fn the_length_that_an_input_tells_is_a_hint() {
    struct Lies(std::ops::Range<u32>, (usize, Option<usize>));
    impl Iterator for Lies {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0.next()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            self.1
        }
    }
    let pool = ThreadPool::new(2).unwrap();
    for hint in [(10, Some(10)), (0, Some(0)), (2, Some(2)), (0, None), (4, Some(1))] {
        assert_eq!(pool.map(|i| i * 2, Lies(0..4, hint)).unwrap(), [0, 2, 4, 6], "{hint:?}");
        let result = pool.batch(|i| i * 2, Lies(0..4, hint)).chunksize(3).map_async().unwrap();
        assert_eq!(result.get().unwrap(), [0, 2, 4, 6], "{hint:?}");
    }
}

// covers MAP-20
#[test]
fn a_caller_from_outside_runs_no_item() {
    let pool = ThreadPool::new(2).unwrap();
    let caller = thread::current().id();
    for items in [1, 2, 100] {
        let who = pool.map(|_| thread::current().id(), 0..items).unwrap();
        assert!(!who.contains(&caller), "{items} items");
    }
}

// covers MAP-22
#[test]
fn nothing_is_kept_longer_than_it_is_needed() {
    let pool = ThreadPool::new(1).unwrap();
    let (arguments, function, values) = (Ledger::new(), Ledger::new(), Ledger::new());
    let gate = Gate::new();
    let (captured, makes, pass, look) =
        (function.value(false), values.clone(), gate.clone(), arguments.clone());
    let each = move |(i, argument)| {
        let _borrowed = &captured;
        drop(argument);
        if i == 2 {
            assert_eq!(
                look.dropped(),
                3,
                "the arguments of the earlier items went with their calls"
            );
            pass.wait();
        }
        makes.value(false)
    };
    let items: Vec<_> = (0..4).map(|i| (i, arguments.value(false))).collect();
    let result = pool.map_async(each, items).unwrap();
    gate.open();
    result.wait();
    arguments.settle("arguments are gone when the result is there");
    function.settle("so is the function");
    assert_eq!(values.dropped(), 0);
    drop(result);
    values.settle("the values go with the handle");
}

// covers MAP-24
#[test]
fn the_callback_sees_the_very_list_that_get_gives() {
    let pool = ThreadPool::new(1).unwrap();
    let (send, receive) = channel();
    let batch = pool.batch(|i: u32| i + 1, 0..3);
    let batch = batch
        .callback(move |all: &Vec<u32>| send.send((all.as_ptr() as usize, all.clone())).unwrap());
    let values = batch.map_async().unwrap().get().unwrap();
    let (address, seen) = receive.recv().unwrap();
    assert_eq!((address, &seen), (values.as_ptr() as usize, &values), "not a copy");
}
