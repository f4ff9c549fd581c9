//! A bounded queue between tasks whose wake-up is lost.

mod common;

use common::{found, passes};
use loom::sync::{Condvar, Mutex};
use millpond_spec::ThreadPool;
use std::collections::VecDeque;
use std::sync::Arc;

/// Holds up to one item.
#[derive(Default)]
struct Queue {
    items: Mutex<VecDeque<u32>>,
    changed: Condvar,
}

impl Queue {
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
    let queue = Arc::new(Queue::default());
    let (sender, receiver) = (Arc::clone(&queue), queue);
    let sent = pool.apply_async(move || (1..=2).for_each(|item| sender.push(item))).unwrap();
    let received = pool.apply_async(move || pop(&receiver) + pop(&receiver)).unwrap();
    sent.get().unwrap();
    assert_eq!(received.get().unwrap(), 3);
}

#[test]
fn a_wake_up_that_comes_before_the_wait_is_found() {
    found(|| model(Queue::pop_careless), "deadlock");
}

#[test]
fn a_look_under_the_lock_of_the_wait_passes() {
    passes(|| model(Queue::pop));
}
