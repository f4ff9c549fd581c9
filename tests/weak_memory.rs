//! Small programs about orderings that no model can refuse: `loom-tests/orderings/README.md` has the
//! reasons. A processor may never show what a missing ordering allows. Miri does, and there each
//! program must go wrong without its ordering. `.ci/miri` runs them there.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::thread;

/// Enough for Miri to choose an old value now and then.
const TIMES: usize = if cfg!(miri) { 100 } else { 1_000 };

/// How many of the runs of a program saw what its ordering forbids.
fn seen(program: impl Fn() -> bool) -> usize {
    (0..TIMES).filter(|_| program()).count()
}

/// A sweeper counts itself, passes a fence and empties a queue. A worker reads the count, finds the
/// queue empty and reads the count again. True if it has missed the sweep. The look at the queue is
/// Relaxed, as no look of today's queues is.
fn misses_a_sweep(passes_fence: bool) -> bool {
    let (sweeps, queued) = (AtomicU32::new(0), AtomicU32::new(1));
    thread::scope(|scope| {
        scope.spawn(|| {
            sweeps.store(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            queued.store(0, Ordering::Relaxed);
        });
        loop {
            let before = sweeps.load(Ordering::Acquire);
            let is_empty = queued.load(Ordering::Relaxed) == 0;
            if passes_fence {
                fence(Ordering::Acquire);
            }
            let after = sweeps.load(Ordering::Relaxed);
            if is_empty {
                return before == 0 && after == 0;
            }
            thread::yield_now();
        }
    })
}

#[test]
fn a_look_that_does_not_acquire_needs_the_fence() {
    assert_eq!(seen(|| misses_a_sweep(true)), 0);
    if cfg!(miri) {
        assert!(seen(|| misses_a_sweep(false)) > 0, "Miri shows what the fence is for");
    }
}
