//! Spins for a stretch of time, never for a number of turns: a pause lasts from 1 to 140
//! cycles, depending on the processor.

use std::time::Duration;

use crate::sync::clock::Stopwatch;
use crate::sync::thread;

/// Looks, between pauses of the processor, until `ready` says yes or until about `limit` has
/// gone by. Returns whether `ready` said yes.
///
/// It does not look at all where a spin cannot help: on a single processor, and in a model.
pub(crate) fn spin_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    /// To read the clock costs about as much as a pause. The spin makes this many pauses per
    /// reading.
    const PAUSES: u32 = 8;
    if limit.is_zero() || !thread::may_spin() {
        return false;
    }
    let watch = Stopwatch::start();
    loop {
        for _ in 0..PAUSES {
            if ready() {
                return true;
            }
            thread::relax();
        }
        if watch.elapsed() >= limit {
            return false;
        }
    }
}
