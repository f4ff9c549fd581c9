//! The work of a request: a hash that takes as long as it is told to.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Hashes `text`, and goes on to hash the hash for so many rounds. A round takes about 1 ns.
#[must_use]
pub fn hash(text: &[u8], rounds: u64) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ text.len() as u64;
    for byte in text {
        state = mix(state ^ u64::from(*byte));
    }
    for _ in 0..rounds {
        state = mix(state);
    }
    state
}

/// One step: multiplications and shifts, so that each bit of the input reaches each of the output.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    state ^ (state >> 29)
}

/// Returns how many rounds take about so long on this machine, by the fastest of several tries.
#[must_use]
pub fn rounds_for(time: Duration) -> u64 {
    const TRIAL: u64 = 1_000_000;
    let took = (0..20).map(|_| {
        let start = Instant::now();
        black_box(hash(black_box(b"trial"), TRIAL));
        start.elapsed()
    });
    let fastest = took.min().unwrap_or_default().as_secs_f64();
    (TRIAL as f64 * time.as_secs_f64() / fastest) as u64
}
