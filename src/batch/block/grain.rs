//! How many chunks a runner takes at a time: so many that taking them costs little, and so few that not much lies behind a slow item.
//!
//! What a runner has taken along no other worker can take while the runner is inside an item. So it takes along what lasts a
//! microsecond, as far as the items before can tell, and of items that last longer one at a time.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

pub(super) struct Grain {
    chunks: u32,
    /// Bites to be done before the clock is looked at, of how many. The clock costs a part of a claim.
    left: u32,
    looks_every: u32,
    /// Measures the claims since the last look; none where the size is fixed.
    watch: Option<Stopwatch>,
}

impl Grain {
    /// A claim that took less is followed by a larger one.
    const GROWS_BELOW: Duration = Duration::from_nanos(500);
    /// A claim that took more is followed by a smaller one.
    const SHRINKS_ABOVE: Duration = Duration::from_micros(2);
    /// While the size is right, the clock is looked at after so many claims.
    const CLAIMS_PER_LOOK: u32 = 8;

    /// One chunk at first; then by the clock, or always one.
    pub(super) fn new(adapts: bool) -> Self {
        Self { chunks: 1, left: 1, looks_every: 1, watch: adapts.then(Stopwatch::start) }
    }

    /// As much as there is.
    pub(super) fn greedy() -> Self {
        Self { chunks: u32::MAX, left: 1, looks_every: 1, watch: None }
    }

    pub(super) fn chunks(&self) -> u32 {
        self.chunks
    }

    /// Begins with one chunk again.
    pub(super) fn restart(&mut self) {
        (self.chunks, self.left, self.looks_every) = (1, 1, 1);
    }

    /// The claim has been done.
    pub(super) fn claimed(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        self.left -= 1;
        if self.left == 0 {
            let took = watch.lap() / self.looks_every;
            self.looks_every = 1;
            if took < Self::GROWS_BELOW {
                self.chunks = self.chunks.saturating_mul(2);
            } else if took > Self::SHRINKS_ABOVE {
                let times = u32::try_from(took.as_nanos() / Self::SHRINKS_ABOVE.as_nanos())
                    .unwrap_or(u32::MAX);
                self.chunks = (self.chunks / times.max(2)).max(1);
            } else {
                self.looks_every = Self::CLAIMS_PER_LOOK;
            }
            self.left = self.looks_every;
        }
    }
}
