//! A cell that a callback fills once, and that other threads look into.

use crate::millpond::ThreadPool;
use crate::millpond::model::sync::atomic::{AtomicBool, Ordering};
use crate::millpond::model::sync::cell::UnsafeCell;
use std::sync::Arc;

struct Once {
    is_set: AtomicBool,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is written before `is_set` says so, once, and read only after. The model
// checks that.
unsafe impl Sync for Once {}

impl Once {
    fn new() -> Self {
        let is_set = AtomicBool::new(false).named("is_set");
        Self { is_set, value: UnsafeCell::new(0).named("value") }
    }

    fn set(&self, value: u32, publish: Ordering) {
        self.value.with_mut(|place| {
            // SAFETY: the callback runs once, and no thread reads before `is_set`.
            unsafe { *place = value };
        });
        self.is_set.store(true, publish);
    }

    fn get(&self) -> Option<u32> {
        self.is_set.load(Ordering::Acquire).then(|| {
            self.value.with(|value| {
                // SAFETY: the value is there, and no thread writes it again.
                unsafe { *value }
            })
        })
    }
}

fn model(publish: Ordering) {
    let pool = ThreadPool::new(2).unwrap();
    let once = Arc::new(Once::new());
    let cell = Arc::clone(&once);
    let task = pool.task(|| 42).callback(move |value: &u32| cell.set(*value, publish));
    let task = task.apply_async().unwrap();
    let reader = Arc::clone(&once);
    let other = pool.apply_async(move || reader.get()).unwrap();
    assert!(matches!(other.get().unwrap(), None | Some(42)));
    task.get().unwrap();
    assert_eq!(once.get(), Some(42), "the callback is over when the task is");
}

pub(crate) const WHY: &str = "Causality violation";

pub(crate) fn broken() {
    model(Ordering::Relaxed);
}

pub(crate) fn mended() {
    model(Ordering::Release);
}
