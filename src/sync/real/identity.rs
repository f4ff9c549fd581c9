//! Tells pools apart, and says whether a pool is this process's own.
//!
//! After a fork the child has a copy of a pool's memory and none of the pool's threads.

#[cfg(all(unix, not(miri)))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number that the next pool gets. The first pool of a process has number 1.
// count NEXT: the pools of a process. Each pool that is built raises it. It rolls over, and
// leaves out 0. Two pools have one number only if one has lived while 2^32 others were built.
static NEXT: AtomicU32 = AtomicU32::new(1);
/// Pools with a smaller number were made before the fork that this process came from.
static OWN: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the first of its line that made pools.
// count FORKS: a process raises it once, when a fork has made it. It rolls over only after 2^32
// generations.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Returns a number that no other call in this process returned (until 2^32 calls). It is
/// never zero.
pub(crate) fn unique() -> u32 {
    watch_for_forks();
    loop {
        // Relaxed: the number is an identity only. No thread publishes anything through it.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        if id != 0 {
            return id;
        }
    }
}

/// Says whether the pool with this number lives in a parent process.
#[inline]
pub(crate) fn is_forked(id: u32) -> bool {
    // Relaxed: the value changes only in a process that has just one thread.
    id < OWN.load(Ordering::Relaxed)
}

/// Tells which process of its line of forks this is. The one that made the first pool is 0.
#[inline]
pub(super) fn forks() -> u32 {
    // Relaxed: as above.
    FORKS.load(Ordering::Relaxed)
}

#[cfg(all(unix, not(miri)))]
pub(super) fn watch_for_forks() {
    extern "C" fn in_child() {
        OWN.store(NEXT.load(Ordering::Relaxed), Ordering::Relaxed);
        FORKS.store(FORKS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        super::futex::forget_waiters();
    }
    // No `Once`: a child that is forked while another thread registers would wait for that
    // thread for ever. A handler that two threads register does no harm.
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    // Relaxed: the registration is the C library's, which orders it.
    if IS_REGISTERED.load(Ordering::Relaxed) {
        return;
    }
    // The system may refuse this for want of memory. Then forks go unnoticed, as they would
    // without this call.
    // SAFETY: in the child of a process with many threads the handler may do very little. It
    // only loads and stores atomics, which is allowed.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    IS_REGISTERED.store(true, Ordering::Relaxed);
}

/// Miri does not know the call, and cannot fork either.
#[cfg(any(not(unix), miri))]
pub(super) fn watch_for_forks() {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // covers F-47
    #[test]
    fn numbers_roll_over_and_zero_is_left_out() {
        // Nothing else in this process makes pools.
        NEXT.store(u32::MAX - 1, Ordering::Relaxed);
        assert_eq!([(); 4].map(|()| unique()), [u32::MAX - 1, u32::MAX, 1, 2]);
        assert!(!is_forked(1) && !is_forked(u32::MAX), "nobody has forked");
    }
}
