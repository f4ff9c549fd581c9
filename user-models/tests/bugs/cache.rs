//! A cache that tasks fill at once: check, then act.

use crate::millpond::ThreadPool;
use crate::millpond::model::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Remembers the squares that it has computed.
struct Squares {
    known: Mutex<BTreeMap<u32, u32>>,
    computed: Mutex<u32>,
}

impl Squares {
    fn new() -> Self {
        let known = Mutex::new(BTreeMap::new()).named("known");
        Self { known, computed: Mutex::new(0).named("computed") }
    }

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

fn model(workers: usize, get: fn(&Squares, u32) -> u32) {
    let pool = ThreadPool::new(workers).unwrap();
    let squares = Arc::new(Squares::new());
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let squares = Arc::clone(&squares);
            pool.apply_async(move || get(&squares, 7)).unwrap()
        })
        .collect();
    for task in tasks {
        assert_eq!(task.get().unwrap(), 49);
    }
    assert_eq!(*squares.computed.lock().unwrap(), 1, "7 is squared once");
}

pub(crate) const WHY: &str = "7 is squared once";

pub(crate) fn broken(workers: usize) {
    model(workers, Squares::get_twice_locked);
}

/// One lock is held around the look and the insertion.
pub(crate) fn mended(workers: usize) {
    model(workers, Squares::get);
}
