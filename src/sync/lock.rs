//! A lock for short, rare work off every fast path: a thread that finds it held sleeps.
//!
//! One source serves all three sets of primitives. The lock stands on their atomics, cells and
//! futexes, so a model sees its edges, and sees when one is missing.

use super::cell::UnsafeCell;
use super::{AtomicU32, Ordering, futex};

const FREE: u32 = 0;
const HELD: u32 = 1;
/// The holder must wake a sleeper when it lets go.
const AWAITED: u32 = 2;

/// A value that one thread at a time may look at. The holder must run no user code.
pub(crate) struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: `Sync` lets several threads use the lock. The lock lends its value to one of them at
// a time, and the value may move between them because `T` is `Send`.
unsafe impl<T: Send> Sync for Lock<T> {}

/// Lets go of a lock when it is dropped, also while a panic unwinds.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // edge LOCK release: all that the holder did → the next holder.
        if self.0.swap(FREE, Ordering::Release) == AWAITED {
            // Also the table of timed waits stands on this lock.
            futex::wake_one_untimed(self.0);
        }
    }
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { word: AtomicU32::new(FREE), value: UnsafeCell::new(value) }
    }

    /// Calls `f` with the value while this thread alone holds the lock.
    ///
    /// # Blocking
    ///
    /// The caller blocks for as long as other threads hold the lock. The lock is not
    /// reentrant.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let held = self.hold();
        let result = self.value.with_mut(|value| {
            // SAFETY: the reference must be the only one to the value. This thread holds the
            // lock, so no other thread has one.
            let value = unsafe { &mut *value };
            f(value)
        });
        drop(held);
        result
    }

    fn hold(&self) -> Held<'_> {
        // edge LOCK acquire: all that the holders before did → this holder.
        if self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            // edge LOCK acquire: all that the holders before did → this holder. A thread that
            // has slept cannot know whether other threads sleep, so it puts AWAITED up.
            while self.word.swap(AWAITED, Ordering::Acquire) != FREE {
                futex::wait(&self.word, AWAITED);
            }
        }
        Held(&self.word)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn one_holder_at_a_time() {
        const ROUNDS: usize = 20_000;
        let lock = Lock::new(0_usize);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..ROUNDS).for_each(|_| lock.with(|count| *count += 1)));
            }
        });
        assert_eq!(lock.with(|count| *count), 4 * ROUNDS);
    }

    #[test]
    fn a_panic_lets_go_of_it() {
        let lock = Lock::new(0);
        let panicked =
            thread::scope(|s| s.spawn(|| lock.with(|_| panic!("deliberate"))).join().is_err());
        assert!(panicked);
        lock.with(|value| *value += 1);
    }
}
