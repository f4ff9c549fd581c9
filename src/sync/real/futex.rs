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
    timed::wake_all(word);
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

#[cfg(target_os = "linux")]
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
    pub(super) fn wake_all(_word: &AtomicU32) {}
}

#[cfg(not(target_os = "linux"))]
use table as timed;

/// Timed waits for systems whose futex the pool reaches through atomic-wait alone, which has
/// none.
///
/// A small table of mutexes and condition variables serves them; the word's address is the
/// key. A waking thread enters the table only for a word on which a waiter has announced
/// itself, so the uncontended lock is on no hot path.
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(
    all(test, target_os = "linux"),
    allow(dead_code, reason = "on Linux it is compiled for its test alone")
)]
mod table {
    use super::{AtomicU32, Deadline};
    use std::sync::atomic::Ordering;
    use std::sync::{Condvar, Mutex, PoisonError};

    struct Bucket {
        lock: Mutex<()>,
        changed: Condvar,
    }

    static BUCKETS: [Bucket; 32] =
        [const { Bucket { lock: Mutex::new(()), changed: Condvar::new() } }; 32];

    fn bucket(word: &AtomicU32) -> &'static Bucket {
        &BUCKETS[(std::ptr::from_ref(word).addr() >> 4) % BUCKETS.len()]
    }

    pub(super) fn wait_until(word: &AtomicU32, expected: u32, deadline: &Deadline) {
        let bucket = bucket(word);
        let guard = bucket.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // The waking thread takes this lock after it has changed the word, so no change can
        // slip in between.
        if word.load(Ordering::Relaxed) == expected {
            drop(bucket.changed.wait_timeout(guard, deadline.left()));
        }
    }

    pub(super) fn wake_all(word: &AtomicU32) {
        let bucket = bucket(word);
        drop(bucket.lock.lock().unwrap_or_else(PoisonError::into_inner));
        bucket.changed.notify_all();
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::time::Duration;

        #[test]
        fn a_wake_reaches_a_timed_waiter_and_a_changed_word_is_not_waited_for() {
            static WORD: AtomicU32 = AtomicU32::new(0);
            let hour =
                Deadline::after(Duration::from_secs(3600)).expect("the clock reaches an hour");
            let sleeper = std::thread::spawn(move || {
                while WORD.load(Ordering::Acquire) == 0 {
                    wait_until(&WORD, 0, &hour);
                }
            });
            WORD.store(1, Ordering::Release);
            wake_all(&WORD);
            sleeper.join().expect("the sleeper returns");
            wait_until(&WORD, 0, &hour);
        }

        #[test]
        fn a_timed_wait_ends_at_its_deadline() {
            static WORD: AtomicU32 = AtomicU32::new(0);
            let soon =
                Deadline::after(Duration::from_millis(1)).expect("the clock reaches a millisecond");
            while !soon.passed() {
                wait_until(&WORD, 0, &soon);
            }
        }
    }
}
