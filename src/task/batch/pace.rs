//! How many units a runner takes at a time: few enough that the others find something to steal to the end, many enough that
//! taking costs nothing.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

pub(super) struct Pace {
    bite: u32,
    /// Measures the current bite; none where the size is fixed.
    watch: Option<Stopwatch>,
}

impl Pace {
    /// A bite that took less is followed by a larger one.
    const SHORT: Duration = Duration::from_micros(10);
    /// A bite that took more is followed by a smaller one.
    const LONG: Duration = Duration::from_micros(40);

    /// One unit at first; then by the clock, or always one.
    pub(super) fn new(adapts: bool) -> Self {
        Self { bite: 1, watch: adapts.then(Stopwatch::start) }
    }

    /// As much as there is.
    pub(super) fn greedy() -> Self {
        Self { bite: u32::MAX, watch: None }
    }

    pub(super) fn bite(&self) -> u32 {
        self.bite
    }

    /// Begins with one unit again.
    pub(super) fn restart(&mut self) {
        self.bite = 1;
    }

    /// The bite has been done.
    pub(super) fn bitten(&mut self) {
        if let Some(watch) = &mut self.watch {
            let took = watch.lap();
            if took < Self::SHORT {
                self.bite = self.bite.saturating_mul(2);
            } else if took > Self::LONG {
                self.bite = (self.bite / 2).max(1);
            }
        }
    }
}
