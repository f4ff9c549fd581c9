//! How many units a runner takes at a time: so many that taking them costs little, and so few that not much lies behind a slow item.
//!
//! What a runner has taken along no other worker can take while the runner is inside an item. So it takes along what lasts a
//! microsecond, as far as the items before can tell, and of items that last longer one at a time.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

pub(super) struct Pace {
    bite: u32,
    /// Bites to be done before the clock is looked at, of how many. The clock costs a part of a bite.
    left: u32,
    looks_every: u32,
    /// Measures the bites since the last look; none where the size is fixed.
    watch: Option<Stopwatch>,
}

impl Pace {
    /// A bite that took less is followed by a larger one.
    const SHORT: Duration = Duration::from_nanos(500);
    /// A bite that took more is followed by a smaller one.
    const LONG: Duration = Duration::from_micros(2);
    /// While the size is right, the clock is looked at after so many bites.
    const STEADY: u32 = 8;

    /// One unit at first; then by the clock, or always one.
    pub(super) fn new(adapts: bool) -> Self {
        Self { bite: 1, left: 1, looks_every: 1, watch: adapts.then(Stopwatch::start) }
    }

    /// As much as there is.
    pub(super) fn greedy() -> Self {
        Self { bite: u32::MAX, left: 1, looks_every: 1, watch: None }
    }

    pub(super) fn bite(&self) -> u32 {
        self.bite
    }

    /// Begins with one unit again.
    pub(super) fn restart(&mut self) {
        (self.bite, self.left, self.looks_every) = (1, 1, 1);
    }

    /// The bite has been done.
    pub(super) fn bitten(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        self.left -= 1;
        if self.left == 0 {
            let took = watch.lap() / self.looks_every;
            self.looks_every = 1;
            if took < Self::SHORT {
                self.bite = self.bite.saturating_mul(2);
            } else if took > Self::LONG {
                let times = u32::try_from(took.as_nanos() / Self::LONG.as_nanos()).unwrap_or(u32::MAX);
                self.bite = (self.bite / times.max(2)).max(1);
            } else {
                self.looks_every = Self::STEADY;
            }
            self.left = self.looks_every;
        }
    }
}
