//! How many chunks a runner claims at a time. A claim must be so large that claiming costs
//! little, and so small that few items lie behind a slow one.
//!
//! While a runner is inside an item, no other worker can take the chunks that this runner has
//! claimed. So a runner claims as many chunks as should last a microsecond, going by the items
//! before. If items last longer, it claims one chunk at a time.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

pub(super) struct Grain {
    chunks: u32,
    /// How many claims are left until the runner looks at the clock, out of `looks_every`. A
    /// look costs a part of what a claim costs.
    left: u32,
    looks_every: u32,
    /// Measures the claims since the last look. None if the size is fixed.
    watch: Option<Stopwatch>,
}

impl Grain {
    /// After a claim that took less, the next claim is larger.
    const GROWS_BELOW: Duration = Duration::from_nanos(500);
    /// The next claim is at most so many times as large.
    const GROWS_AT_MOST: u32 = 8;
    /// After a claim that took more, the next claim is smaller.
    const SHRINKS_ABOVE: Duration = Duration::from_micros(2);
    /// While the size is right, the runner looks at the clock once in so many claims.
    const CLAIMS_PER_LOOK: u32 = 8;

    /// Begins with one chunk. If the grain `adapts`, the clock changes its size; else it stays
    /// at one chunk.
    pub(super) fn new(adapts: bool) -> Self {
        Self { chunks: 1, left: 1, looks_every: 1, watch: adapts.then(Stopwatch::start) }
    }

    /// Makes a grain that asks for as many chunks as there are.
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

    /// Counts a claim whose chunks are done. At every look at the clock it adapts the size.
    /// Returns false if the claim needed no look, because it was short.
    pub(super) fn claimed(&mut self) -> bool {
        let Some(watch) = &mut self.watch else { return true };
        self.left -= 1;
        let looks = self.left == 0;
        if looks {
            let took = watch.lap() / self.looks_every;
            self.adapt(took);
        }
        looks
    }

    /// Chooses the size of the next claims. Each of the last ones took this long.
    fn adapt(&mut self, took: Duration) {
        let times = |long: Duration, short: Duration| {
            u32::try_from(long.as_nanos() / short.as_nanos().max(1)).unwrap_or(u32::MAX)
        };
        self.looks_every = 1;
        if took < Self::GROWS_BELOW {
            // The next claim should last no longer than `GROWS_BELOW`, if its chunks last as long.
            let grows = times(Self::GROWS_BELOW, took).clamp(2, Self::GROWS_AT_MOST);
            self.chunks = self.chunks.saturating_mul(grows);
        } else if took > Self::SHRINKS_ABOVE {
            self.chunks = (self.chunks / times(took, Self::SHRINKS_ABOVE).max(2)).max(1);
        } else {
            self.looks_every = Self::CLAIMS_PER_LOOK;
        }
        self.left = self.looks_every;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_claim_grows_to_what_should_last_half_a_microsecond() {
        for (took, chunks) in [(0, 80), (20, 80), (62, 80), (63, 70), (100, 50), (300, 20)] {
            let mut grain = Grain { chunks: 10, ..Grain::new(true) };
            grain.adapt(Duration::from_nanos(took));
            assert_eq!(grain.chunks(), chunks, "after {took} ns");
        }
        for (took, chunks) in [(500, 10), (2_000, 10), (2_001, 5), (9_000, 2), (99_000, 1)] {
            let mut grain = Grain { chunks: 10, ..Grain::new(true) };
            grain.adapt(Duration::from_nanos(took));
            assert_eq!(grain.chunks(), chunks, "after {took} ns");
        }
    }

    #[test]
    fn short_claims_are_accounted_for_together_and_long_ones_at_once() {
        let mut grain = Grain { left: 3, looks_every: 3, ..Grain::new(true) };
        assert_eq!([(); 3].map(|()| grain.claimed()), [false, false, true]);
        let mut fixed = Grain::new(false);
        assert_eq!([(); 3].map(|()| fixed.claimed()), [true; 3], "each chunk of the caller's size");
        let mut fresh = Grain::new(true);
        assert!(fresh.claimed(), "the first claim, however long it took");
        fresh.adapt(Duration::from_micros(50));
        assert!(fresh.claimed(), "long items");
    }
}
