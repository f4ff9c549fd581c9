//! Blocks a thread on a word.

use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Ordering, futex};

/// Blocks the caller until `ready` says yes to the value of `word`, and returns that value.
/// Returns `None` once `deadline` has passed.
///
/// `waiter_bits` are the bits that ask the word's changer for a wake-up. The waiter sets them
/// before it sleeps. Pass 0 for a word whose changer always wakes. The waiter has loaded the
/// returned value with Acquire, whatever woke it, so it sees all that the changer released.
/// \[WAIT-1..4\]
pub(crate) fn block_until(
    word: &AtomicU32,
    waiter_bits: u32,
    deadline: Option<&Deadline>,
    ready: impl Fn(u32) -> bool,
) -> Option<u32> {
    // edge CALLER acquire: all that the changer released → this thread. The caller's comment
    // names its edge.
    let mut seen = word.load(Ordering::Acquire); // [WAIT-1]
    loop {
        if ready(seen) {
            return Some(seen);
        }
        if deadline.is_some_and(Deadline::passed) {
            return None;
        }
        if seen & waiter_bits != waiter_bits {
            // [WAIT-2] Relaxed: the bit carries no data. Changer and waiter meet on this one
            // word. So either the changer sees the bit, or this exchange fails and sees the
            // change.
            // edge CALLER acquire, on failure: all that the changer released → this thread.
            // The loop judges the loaded value as above.
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
        // edge CALLER acquire: all that the changer released → this thread. A futex orders
        // nothing, so the waiter loads the word again. [WAIT-4]
        seen = word.load(Ordering::Acquire);
    }
}
