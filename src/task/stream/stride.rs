//! How a consumer waits: how long it spins, and how far it lets the workers get ahead before they wake it.
//!
//! Short items are not worth a wake-up each, which costs a worker more than the item: the stride grows. Long items are
//! wanted as soon as they are there: the stride shrinks, to one. Where the window has no room for a stride that is worth a
//! sleep, the consumer spins.

use std::time::Duration;

pub(super) struct Stride {
    items: u64,
    most: u64,
    /// Whether the longest stride is over sooner than a sleep is worth.
    short: bool,
}

impl Stride {
    /// The longest sleep that a stride is worth, and so the longest that an outcome is kept back.
    pub(super) const LONGEST: Duration = Duration::from_micros(100);

    /// A sleep that lasts no longer is mostly its wake-up, and the workers have run dry meanwhile.
    const SHORTEST: Duration = Duration::from_micros(10);

    /// From so many items on the workers make better use of the processor than a consumer that spins.
    const PAYS: u64 = 64;

    /// One item at first.
    pub(super) fn new(most: u64) -> Self {
        Self { items: 1, most: most.max(1), short: false }
    }

    /// For models, which have room for a few items only.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn fixed(items: u64) -> Self {
        Self { items, most: items, short: false }
    }

    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// How long the consumer spins for the next outcome before it sleeps.
    pub(super) fn spin(&self) -> Duration {
        if self.short {
            Duration::from_micros(2)
        } else if self.items < Self::PAYS {
            Duration::from_nanos(500)
        } else {
            Duration::ZERO
        }
    }

    /// The consumer has slept for so long.
    pub(super) fn slept(&mut self, took: Duration) {
        if took < Self::LONGEST {
            self.short = !self.short && self.items == self.most && took < Self::SHORTEST;
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
    fn short_items_are_strode_through_and_long_ones_waited_for() {
        let mut stride = Stride::new(32);
        let micros = Duration::from_micros;
        let slept = |stride: &mut Stride, took| {
            stride.slept(micros(took));
            (stride.items(), stride.spin() > micros(1))
        };
        let grown: Vec<_> = (0..6).map(|_| slept(&mut stride, 20)).collect();
        assert_eq!(grown, [(2, false), (4, false), (8, false), (16, false), (32, false), (32, false)]);
        assert_eq!(slept(&mut stride, 5), (32, true), "the longest stride is over too soon: spin");
        assert_eq!(slept(&mut stride, 5), (32, false), "the spin was in vain: a stride again");
        let shrunk: Vec<_> = (0..6).map(|_| slept(&mut stride, 200)).collect();
        assert_eq!(shrunk, [(16, false), (8, false), (4, false), (2, false), (1, false), (1, false)]);
    }
}
