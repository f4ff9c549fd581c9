//! A cache that two tasks fill on two workers: check, then act.

mod common;

use common::{found, passes};
use loom::sync::Mutex;
use millpond_spec::ThreadPool;
use std::collections::HashMap;
use std::sync::Arc;

/// Remembers the squares that it has computed.
#[derive(Default)]
struct Squares {
    known: Mutex<HashMap<u32, u32>>,
    computed: Mutex<u32>,
}

impl Squares {
    fn compute(&self, x: u32) -> u32 {
        *self.computed.lock().unwrap() += 1;
        x * x
    }

    /// The bug: between the look and the insertion another task may look too.
    fn get_twice_locked(&self, x: u32) -> u32 {
        let known = self.known.lock().unwrap().get(&x).copied();
        known.unwrap_or_else(|| {
            let square = self.compute(x);
            self.known.lock().unwrap().insert(x, square);
            square
        })
    }

    fn get(&self, x: u32) -> u32 {
        *self.known.lock().unwrap().entry(x).or_insert_with(|| self.compute(x))
    }
}

fn model(get: fn(&Squares, u32) -> u32) {
    let pool = ThreadPool::new(2).unwrap();
    let squares = Arc::new(Squares::default());
    let tasks = [(); 2].map(|()| {
        let squares = Arc::clone(&squares);
        pool.apply_async(move || get(&squares, 7)).unwrap()
    });
    for task in tasks {
        assert_eq!(task.get().unwrap(), 49);
    }
    assert_eq!(*squares.computed.lock().unwrap(), 1, "7 is squared once");
}

#[test]
fn two_tasks_that_both_miss_are_found() {
    found(|| model(Squares::get_twice_locked), "7 is squared once");
}

#[test]
fn one_lock_around_look_and_insertion_passes() {
    passes(|| model(Squares::get));
}
