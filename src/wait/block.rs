//! Blocking on a word.

use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Ordering, futex};

/// Blocks until `ready` says yes to the value of `word`, and returns that value; `None` once `deadline` has passed.
///
/// `waiter_bits` are the bits that ask the word's changer for a wake-up; they are set before the thread sleeps. Pass 0 for
/// a word whose changer always wakes. The value was loaded with Acquire, whatever woke the thread: what the changer
/// released is visible. \[WAIT-1..4\]
pub(crate) fn block_until(
    word: &AtomicU32,
    waiter_bits: u32,
    deadline: Option<&Deadline>,
    ready: impl Fn(u32) -> bool,
) -> Option<u32> {
    // edge CALLER acquire: the changer's release → this thread. The caller's comment names its edge.
    let mut seen = word.load(Ordering::Acquire); // [WAIT-1]
    loop {
        if ready(seen) {
            return Some(seen);
        }
        if deadline.is_some_and(Deadline::passed) {
            return None;
        }
        if seen & waiter_bits != waiter_bits {
            // [WAIT-2] Relaxed: the bit carries no data, and changer and waiter meet on this one word, so either the
            // changer sees the bit or this exchange fails and sees the change.
            // edge CALLER acquire, on failure: the loaded value is judged as above.
            match word.compare_exchange(
                seen,
                seen | waiter_bits,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => seen |= waiter_bits,
                Err(now) => {
                    seen = now;
                    continue;
                }
            }
        }
        match deadline {
            None => futex::wait(word, seen), // [WAIT-3]
            Some(deadline) => futex::wait_until(word, seen, deadline),
        }
        // edge CALLER acquire: a futex orders nothing, so the word is loaded anew. [WAIT-4]
        seen = word.load(Ordering::Acquire);
    }
}
