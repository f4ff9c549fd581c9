//! Blocking on a 32-bit word until another thread changes it and says so.
//!
//! No call orders memory. A thread that returns from a wait loads the word again, with the
//! ordering that it needs.

use super::AtomicU32;
use super::clock::Deadline;
use std::cell::Cell;

/// Blocks the caller while `word` holds `expected`. The call may return at any time.
#[inline]
pub(crate) fn wait(word: &AtomicU32, expected: u32) {
    atomic_wait::wait(word, expected);
}

/// Blocks the caller while `word` holds `expected`, at most until `deadline`. The call may
/// return at any time.
pub(crate) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
    timed::wait_until(word, expected, deadline);
}

std::thread_local! {
    static HAS_WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// Says whether this thread has issued a wake-up since the last call.
#[inline]
pub(crate) fn has_woken() -> bool {
    HAS_WOKEN.replace(false)
}

/// Wakes one thread blocked on `word`.
#[inline]
pub(crate) fn wake_one(word: &AtomicU32) {
    count::one();
    HAS_WOKEN.set(true);
    atomic_wait::wake_one(word);
    timed::wake_one(word);
}

/// Wakes one thread blocked on `word`, on which no thread waits with a deadline.
#[inline]
pub(crate) fn wake_one_untimed(word: &AtomicU32) {
    count::one();
    HAS_WOKEN.set(true);
    atomic_wait::wake_one(word);
}

/// Forgets all waiters. Only the child of a fork calls it, before it has a second thread: the
/// waiters are threads of the parent.
#[cfg(unix)]
#[cfg_attr(miri, allow(dead_code, reason = "Miri cannot fork"))]
pub(super) fn forget_waiters() {
    timed::forget_waiters();
}

/// Wakes all threads blocked on `word`.
#[inline]
pub(crate) fn wake_all(word: &AtomicU32) {
    count::one();
    HAS_WOKEN.set(true);
    atomic_wait::wake_all(word);
    timed::wake_all(word);
}

/// Counts the wake-ups that this process issues, if the feature `counters` is on.
pub(crate) mod count {
    // count WAKES: the wake-ups of a process, with the feature `counters`. Each wake-up raises
    // it. No process can issue 2^64 of them.
    #[cfg(feature = "counters")]
    static WAKES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

    #[inline]
    pub(super) fn one() {
        // Relaxed: the count is a statistic and publishes nothing.
        #[cfg(feature = "counters")]
        WAKES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    #[cfg(feature = "counters")]
    pub(crate) fn wakes() -> u64 {
        WAKES.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(millpond_table)))]
mod timed {
    use super::{AtomicU32, Deadline};
    use rustix::thread::futex;

    /// Sleeps in the kernel queue that the untimed wait uses. The wait is `PRIVATE`, because
    /// atomic-wait's wakes are. This code and the kernel both measure the time left by the
    /// monotonic clock.
    pub(super) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
        let Ok(left) = deadline.left().try_into() else {
            return super::wait(word, expected);
        };
        // To the caller a time-out, a signal and a changed value all mean "look again".
        let _ = futex::wait(word, futex::Flags::PRIVATE, expected, Some(&left));
    }

    #[inline]
    pub(super) fn wake_one(_word: &AtomicU32) {}

    #[inline]
    pub(super) fn wake_all(_word: &AtomicU32) {}

    pub(super) fn forget_waiters() {}
}

#[cfg(all(windows, not(millpond_table)))]
mod timed {
    use super::{AtomicU32, Deadline};
    use windows_sys::Win32::System::Threading::WaitOnAddress;

    /// One less than `INFINITE`: 49 days.
    const MOST: u32 = u32::MAX - 1;

    /// Sleeps in the queue that the untimed wait uses.
    pub(super) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
        // Rounded up, so that the last part of a millisecond is no spin.
        let left = deadline.left().as_nanos().div_ceil(1_000_000);
        let left = u32::try_from(left).unwrap_or(MOST).min(MOST);
        let (word, expected) = (std::ptr::from_ref(word), std::ptr::from_ref(&expected));
        // To the caller a time-out and a changed value both mean "look again".
        // SAFETY: both addresses must be readable for 4 bytes during the call. Each comes from
        // a reference that outlives it.
        unsafe { WaitOnAddress(word.cast(), expected.cast(), 4, left) };
    }

    #[inline]
    pub(super) fn wake_one(_word: &AtomicU32) {}

    #[inline]
    pub(super) fn wake_all(_word: &AtomicU32) {}
}

/// The table serves the systems whose own wait has no time limit that the pool could use, and
/// all systems under `--cfg millpond_table`. The room's README says why.
#[cfg(any(millpond_table, not(any(target_os = "linux", target_os = "android", windows))))]
mod timed {
    use super::{AtomicU32, Deadline};
    use crate::sync::table::Place;

    static PLACE: Place = Place::new();

    pub(super) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
        PLACE.wait_until(word, expected, deadline);
    }

    #[inline]
    pub(super) fn wake_one(word: &AtomicU32) {
        PLACE.wake_one(word);
    }

    #[inline]
    pub(super) fn wake_all(word: &AtomicU32) {
        PLACE.wake_all(word);
    }

    #[cfg(unix)]
    pub(super) fn forget_waiters() {
        PLACE.forget();
    }
}

/// On a target that `lib.rs` refuses: so the refusal is the only error.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "macos",
    target_os = "ios",
    target_os = "watchos",
    windows
)))]
mod atomic_wait {
    use super::AtomicU32;

    pub(super) fn wait(_: &AtomicU32, _: u32) {}

    pub(super) fn wake_one(_: &AtomicU32) {}

    pub(super) fn wake_all(_: &AtomicU32) {}
}
