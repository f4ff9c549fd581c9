//! How far a consumer that has to sleep lets the workers get ahead before they wake it.
//!
//! Short items are not worth a wake-up each, which costs a worker more than the item: the stride grows. Long items are
//! wanted as soon as they are there: the stride shrinks, to one.

use std::time::Duration;

pub(super) struct Stride {
    items: u64,
    most: u64,
}

impl Stride {
    /// The longest sleep that a stride is worth, and so the longest that an outcome is kept back.
    pub(super) const LONGEST: Duration = Duration::from_micros(100);

    /// One item at first.
    pub(super) fn new(most: u64) -> Self {
        Self { items: 1, most: most.max(1) }
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// The consumer has slept for so long.
    pub(super) fn slept(&mut self, took: Duration) {
        self.items =
            if took < Self::LONGEST { (self.items * 2).min(self.most) } else { (self.items / 2).max(1) };
    }
}
