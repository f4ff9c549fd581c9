//! Which pool is which, and whether it is this process's: after a fork the child has a copy of a pool's memory and none of
//! its threads.

use std::sync::atomic::{AtomicU32, Ordering};

/// Pools are numbered from 1 as they are made.
// count NEXT: the pools of a process. Raised by each pool that is built; it rolls over, and
// leaves out 0. Two pools have one number only if one has lived while 2^32 others were built.
static NEXT: AtomicU32 = AtomicU32::new(1);
/// Pools with a smaller number were made before the fork that this process came from.
static OWN: AtomicU32 = AtomicU32::new(0);

/// A number that no other call in this process returned (until 2^32 calls). Zero is never returned.
pub(crate) fn unique() -> u32 {
    watch_for_forks();
    loop {
        // Relaxed: identity only, nothing is published through it.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        if id != 0 {
            return id;
        }
    }
}

/// Whether the pool with this number lives in a parent process.
#[inline]
pub(crate) fn is_forked(id: u32) -> bool {
    // Relaxed: it changes only in a process that has just one thread.
    id < OWN.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn watch_for_forks() {
    extern "C" fn in_child() {
        OWN.store(NEXT.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler does nothing but load and store atomics, which is allowed in a child of many threads.
        // A refusal (no memory) leaves forks unnoticed, which is where a pool without this would be.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

#[cfg(not(unix))]
fn watch_for_forks() {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn f47_numbers_roll_over_and_zero_is_left_out() {
        // Nobody else in this process makes pools.
        NEXT.store(u32::MAX - 1, Ordering::Relaxed);
        assert_eq!([(); 4].map(|()| unique()), [u32::MAX - 1, u32::MAX, 1, 2]);
        assert!(!is_forked(1) && !is_forked(u32::MAX), "nobody has forked");
    }
}
