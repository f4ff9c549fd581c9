//! Two fences of unequal cost that work together: a **light** one for the thread that passes
//! often, and a **heavy** one for the thread that passes seldom.
//!
//! A light and a heavy fence order each other's threads like two SeqCst fences. Two light
//! fences do not. Linux has a system call, `membarrier`, that makes every running thread of the
//! process pass a full fence. Where the process may use the call, the heavy fence calls it, and
//! the light fence only keeps the compiler from moving an access across. Elsewhere, and under
//! Miri, which does not know the call, both are SeqCst fences.

use super::{Ordering, fence};

/// Orders this thread's accesses before it and after it, for threads that pass the
/// [`heavy`] fence.
#[inline]
pub(crate) fn light() {
    system::light();
}

/// Orders the accesses of all threads, for threads that pass the [`light`] fence. It costs
/// about a microsecond where it is a system call.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    system::heavy();
}

/// Asks the system for the cheaper light fence. A thread that has called this passes a full
/// fence before its next light one, so that a thread that passes a heavy fence and sees
/// something of that thread's work knows whether the system said yes.
pub(crate) fn prepare() {
    system::prepare();
}

#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use super::{Ordering, fence};
    use rustix::thread::{MembarrierCommand, membarrier};
    use std::sync::atomic::{AtomicU8, compiler_fence};

    const UNKNOWN: u8 = 0;
    /// The system has registered this process. It stays so, in a forked child too.
    const REGISTERED: u8 = 1;
    const REFUSED: u8 = 2;

    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline]
    pub(super) fn light() {
        // Relaxed: a thread that does not see the answer yet passes a full fence.
        if ANSWER.load(Ordering::Relaxed) == REGISTERED {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
    }

    pub(super) fn heavy() {
        // Relaxed: the caller's fence stands before this load, and a fence of each thread that
        // passes light fences after the answer.
        if ANSWER.load(Ordering::Relaxed) == REGISTERED
            && membarrier(MembarrierCommand::PrivateExpedited).is_err()
        {
            // The light fences of other threads are none by now, and wake-ups would be lost.
            eprintln!(
                "millpond: the system takes back the membarrier that it has granted (is it a \
                 filter of system calls that came late?); the process ends, since its threads \
                 could otherwise hang"
            );
            std::process::abort();
        }
    }

    /// Every thread that does not know the answer asks by itself. A thread that waited for
    /// another thread's answer would wait for ever in the child of a fork.
    #[inline]
    pub(super) fn prepare() {
        if ANSWER.load(Ordering::Relaxed) == UNKNOWN {
            ask();
        }
    }

    #[cold]
    fn ask() {
        if membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok() {
            ANSWER.store(REGISTERED, Ordering::Relaxed);
        } else {
            // Another thread's yes is not replaced.
            let _ = ANSWER.compare_exchange(UNKNOWN, REFUSED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod system {
    use super::{Ordering, fence};

    #[inline]
    pub(super) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(super) fn heavy() {}

    pub(super) fn prepare() {}
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;

    /// Each thread stores, fences and looks at the other's word. At least one must see the
    /// other's store.
    #[test]
    fn a_light_and_a_heavy_fence_let_no_store_pass_both_looks() {
        prepare();
        for _ in 0..2_000 {
            let (light_word, heavy_word) = (AtomicU32::new(0), AtomicU32::new(0));
            let start = Barrier::new(2);
            let (seen_by_light, seen_by_heavy) = std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    start.wait();
                    heavy_word.store(1, Ordering::Relaxed);
                    heavy();
                    light_word.load(Ordering::Relaxed)
                });
                start.wait();
                light_word.store(1, Ordering::Relaxed);
                light();
                let seen = heavy_word.load(Ordering::Relaxed);
                (seen, other.join().expect("the other thread returns"))
            });
            assert!(seen_by_light + seen_by_heavy > 0, "both stores passed both looks");
        }
    }
}
