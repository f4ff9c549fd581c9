//! A bounded queue between tasks whose wake-up is lost.

use crate::millpond::ThreadPool;
use crate::millpond::model::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;

/// Holds up to one item.
struct Queue {
    items: Mutex<VecDeque<u32>>,
    changed: Condvar,
}

impl Queue {
    fn new() -> Self {
        let items = Mutex::new(VecDeque::new()).named("items");
        Self { items, changed: Condvar::new().named("changed") }
    }

    fn push(&self, item: u32) {
        let mut items = self.items.lock().unwrap();
        while items.len() == 1 {
            items = self.changed.wait(items).unwrap();
        }
        items.push_back(item);
        self.changed.notify_all();
    }

    /// The bug: the item may come after the look and before the wait.
    fn pop_careless(&self) -> u32 {
        loop {
            let item = self.items.lock().unwrap().pop_front();
            if let Some(item) = item {
                self.changed.notify_all();
                return item;
            }
            let items = self.items.lock().unwrap();
            drop(self.changed.wait(items).unwrap());
        }
    }

    fn pop(&self) -> u32 {
        let mut items = self.items.lock().unwrap();
        loop {
            if let Some(item) = items.pop_front() {
                self.changed.notify_all();
                return item;
            }
            items = self.changed.wait(items).unwrap();
        }
    }
}

fn model(pop: fn(&Queue) -> u32) {
    let pool = ThreadPool::new(2).unwrap();
    let queue = Arc::new(Queue::new());
    let (sender, receiver) = (Arc::clone(&queue), queue);
    let sent = pool.apply_async(move || (1..=2).for_each(|item| sender.push(item))).unwrap();
    let received = pool.apply_async(move || pop(&receiver) + pop(&receiver)).unwrap();
    sent.get().unwrap();
    assert_eq!(received.get().unwrap(), 3);
}

pub(crate) const WHY: &str = "deadlock";

pub(crate) fn broken() {
    model(Queue::pop_careless);
}

/// The look is under the lock of the wait.
pub(crate) fn mended() {
    model(Queue::pop);
}
