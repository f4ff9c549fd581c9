//! What a scenario hands to a pool, so that it is told when something is lost, dropped twice, or run twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The items of one execution that are there.
struct Ledger {
    next: u64,
    there: BTreeSet<u64>,
}

impl Drop for Ledger {
    /// The execution has ended, its threads' destructors included.
    fn drop(&mut self) {
        assert!(self.there.is_empty(), "items leaked: {:?}", self.there);
    }
}

shuttle::lazy_static! {
    static ref LEDGER: Mutex<Ledger> = Mutex::new(Ledger { next: 0, there: BTreeSet::new() });
}

/// A value that is dropped exactly once: twice fails the scenario, and so does never.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Item {
    pub(crate) value: u32,
    number: u64,
}

impl Item {
    pub(crate) fn new(value: u32) -> Self {
        let mut ledger = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
        let number = ledger.next;
        ledger.next += 1;
        ledger.there.insert(number);
        Self { value, number }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let there =
            LEDGER.lock().unwrap_or_else(PoisonError::into_inner).there.remove(&self.number);
        assert!(there, "an item was dropped twice");
    }
}

/// How often something was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Arc<AtomicU32>);

impl Times {
    pub(crate) fn one_more(&self) {
        // Not a step of the scenario.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A function for a task: owns an item, returns another of the same value, and counts that it has run.
pub(crate) fn job(value: u32, ran: &Times) -> impl FnOnce() -> Item + Send + use<> {
    let (own, ran) = (Item::new(value), ran.clone());
    move || {
        ran.one_more();
        Item::new(own.value)
    }
}
