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

    /// From so many items on the workers make better use of the processor than a consumer that spins.
    const PAYS: u64 = 64;

    /// One item at first, and always if `most` is a stride too short to pay for a sleep.
    pub(super) fn new(most: u64) -> Self {
        Self { items: 1, most: if most < Self::PAYS { 1 } else { most } }
    }

    /// For models, which have room for a few items only.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn fixed(items: u64) -> Self {
        Self { items, most: items }
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Whether the consumer should spin for a moment before it sleeps.
    pub(super) fn is_worth_a_spin(&self) -> bool {
        self.items < Self::PAYS
    }

    /// The consumer has slept for so long.
    pub(super) fn slept(&mut self, took: Duration) {
        self.items =
            if took < Self::LONGEST { (self.items * 2).min(self.most) } else { (self.items / 2).max(1) };
    }
}
