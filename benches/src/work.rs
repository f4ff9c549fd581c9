//! Items of work that take time and nothing else.

use std::hint::black_box;

/// A chain of dependent steps, four or five cycles each: it cannot be vectorised, reordered or guessed.
///
/// Work is counted in steps and not in time, so that it is the same for everybody; how long it takes is measured, as
/// the sequential contestant.
#[inline]
pub(crate) fn steps(seed: u64, steps: u32) -> u64 {
    let mut state = black_box(seed) | 1;
    for _ in 0..steps {
        state = (state ^ (state >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    state
}

/// Steps of about 200 ns on a processor of 3 to 4 GHz.
pub(crate) const STEPS_200_NS: u32 = 130;

/// Work of about so many nanoseconds on such a processor, for rows and benches that vary it.
#[must_use]
pub fn work(seed: u64, nanos: u64) -> u64 {
    steps(seed, u32::try_from(nanos * 13 / 20).unwrap_or(u32::MAX))
}
