//! How a consumer waits: how long it spins, and how far it lets the workers get ahead before
//! they wake it.
//!
//! Short items are not worth a wake-up each, because a wake-up costs a worker more than the
//! item. So the wake-up batch grows. The consumer wants a long item as soon as it is there. So
//! the wake-up batch shrinks, down to one. If the window has no room for a wake-up batch that
//! is worth a sleep, the consumer spins.

use std::time::Duration;

pub(super) struct WakeBatch {
    items: u64,
    most: u64,
    /// Whether even the longest wake-up batch is over sooner than a sleep is worth.
    short: bool,
}

impl WakeBatch {
    /// The longest sleep that a wake-up batch is worth. So the stream keeps no outcome back
    /// for longer.
    pub(super) const LONGEST_SLEEP: Duration = Duration::from_micros(100);

    /// A sleep that lasts no longer is mostly its wake-up, and the workers have run dry
    /// meanwhile.
    const SLEEP_WORTH_ITS_WAKE_UP: Duration = Duration::from_micros(10);

    /// From so many items on, the workers make better use of the processor than a consumer
    /// that spins.
    const ITEMS_WORTH_A_SLEEP: u64 = 64;

    /// Begins with one item. The wake-up batch may grow to `most` items.
    pub(super) fn new(most: u64) -> Self {
        Self { items: 1, most: most.max(1), short: false }
    }

    /// Begins with `items` items, for models, which have room for a few items only.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn fixed(items: u64) -> Self {
        Self { items, most: items, short: false }
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Says how long the consumer spins for the next outcome before it sleeps.
    pub(super) fn spin(&self) -> Duration {
        if self.short {
            Duration::from_micros(2)
        } else if self.items < Self::ITEMS_WORTH_A_SLEEP {
            Duration::from_nanos(500)
        } else {
            Duration::ZERO
        }
    }

    /// Adapts the wake-up batch: the consumer has slept for this long.
    pub(super) fn slept(&mut self, took: Duration) {
        if took < Self::LONGEST_SLEEP {
            self.short =
                !self.short && self.items == self.most && took < Self::SLEEP_WORTH_ITS_WAKE_UP;
            self.items = (self.items * 2).min(self.most);
        } else {
            self.short = false;
            self.items = (self.items / 2).max(1);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn short_items_come_in_wake_batches_and_long_ones_waited_for() {
        let mut wake_batch = WakeBatch::new(32);
        let micros = Duration::from_micros;
        let slept = |wake_batch: &mut WakeBatch, took| {
            wake_batch.slept(micros(took));
            (wake_batch.items(), wake_batch.spin() > micros(1))
        };
        let grown: Vec<_> = (0..6).map(|_| slept(&mut wake_batch, 20)).collect();
        assert_eq!(
            grown,
            [(2, false), (4, false), (8, false), (16, false), (32, false), (32, false)]
        );
        assert_eq!(
            slept(&mut wake_batch, 5),
            (32, true),
            "the longest wake-up batch is over too soon: spin"
        );
        assert_eq!(
            slept(&mut wake_batch, 5),
            (32, false),
            "the spin was in vain: a wake-up batch again"
        );
        let shrunk: Vec<_> = (0..6).map(|_| slept(&mut wake_batch, 200)).collect();
        assert_eq!(
            shrunk,
            [(16, false), (8, false), (4, false), (2, false), (1, false), (1, false)]
        );
    }
}
