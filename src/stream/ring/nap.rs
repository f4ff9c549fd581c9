//! How the consumer of a stream out of order finds finished items, and sleeps until there is one.
//!
//! A runner that finishes an item changes the item's slot to DONE. With many runners, or a feeding
//! half, the runner also pushes the slot onto a stack, `Ready`. With few runners the stack would
//! cost more than the looks that it spares. Then the consumer **looks** at the slots itself.
//!
//! Numbers are claimed in order, and each runner works on one. So of the numbers below `claimed`
//! only a few are unfinished. The consumer keeps their slots in a list, oldest first, and looks at
//! those again, and at the numbers that were claimed since. It misses no finished item: an item
//! that is finished was claimed. It looks at each number once, and again only as long as it is
//! unfinished.
//!
//! | step | who | what |
//! |---|---|---|
//! | NAP-1 | runner | changes the slot to DONE; a SeqCst fence; looks at the nap word |
//! | | | if it is ASLEEP: changes it to AWAKE, and wakes the consumer |
//! | NAP-2 | consumer, about to sleep | changes the nap word to ASLEEP; a SeqCst fence; looks |
//! | | | finds a finished item: changes the word to AWAKE, and does not sleep |
//! | | | finds none: sleeps until the word is AWAKE |
//!
//! *Why it does not sleep beside a finished item.* One of the two fences comes first. If it is the
//! runner's, the consumer's look sees DONE, and that the number was claimed. If it is the
//! consumer's, the runner sees ASLEEP. A runner that has seen ASLEEP may come late, when the
//! consumer sleeps again. Then the consumer wakes, finds nothing and sleeps again.

use std::collections::VecDeque;

use super::{DONE, Ring, StreamRef};
use crate::sync::clock::Deadline;
use crate::sync::{AtomicU32, Ordering, fence, futex};
use crate::wait::block_until;

/// With more runners than this, the looks of the consumer would take longer than the stack.
pub(super) const FEW_RUNNERS: u32 = 16;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The word in which the consumer says that it sleeps until any item is finished.
pub(super) struct Nap {
    word: AtomicU32,
}

impl Nap {
    pub(super) fn new() -> Self {
        Self { word: AtomicU32::new(AWAKE) }
    }

    /// Wakes the consumer if it sleeps. The caller has finished an item. [NAP-1]
    #[inline]
    pub(super) fn end(&self) {
        // edge NAP fence: DONE → the consumer's look, or the consumer that `end_now` wakes. Or:
        // ASLEEP → the look below.
        fence(Ordering::SeqCst);
        if self.word.load(Ordering::Relaxed) == ASLEEP {
            self.end_now();
        }
    }

    #[cold]
    fn end_now(&self) {
        // Relaxed: the fence of `end` stands before it, so DONE comes with it.
        let ended =
            self.word.compare_exchange(ASLEEP, AWAKE, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if ended {
            futex::wake_one(&self.word);
        }
    }

    /// Says that the consumer is about to sleep. It looks once more before it does. [NAP-2]
    pub(super) fn announce(&self) {
        // An exchange, as is every change of this word. Relaxed: the fence orders it.
        self.word.swap(ASLEEP, Ordering::Relaxed);
        // edge NAP fence: ASLEEP → a runner's look. Or: DONE → the consumer's look.
        fence(Ordering::SeqCst);
    }

    /// Takes back what [`announce`](Self::announce) has said.
    pub(super) fn take_back(&self) {
        self.word.swap(AWAKE, Ordering::Relaxed);
    }

    /// Sleeps until a runner has called [`end`](Self::end). False if the deadline passes first.
    pub(super) fn sleep(&self, deadline: Option<&Deadline>) -> bool {
        // edge NAP acquire: DONE, from the runner that woke this thread → this thread's look.
        let woken = block_until(&self.word, 0, deadline, |word| word == AWAKE).is_some();
        if !woken {
            self.take_back();
        }
        woken
    }
}

/// What the consumer of a stream out of order knows of its slots.
#[derive(Default)]
pub(super) struct Looks {
    /// The slots whose outcome is there. The consumer takes the last one first.
    pub(super) done: Vec<u32>,
    /// The slots that were unfinished at the last look, oldest first. Unused with `Ready`.
    unfinished: VecDeque<u32>,
    /// The next number to look at. Unused with `Ready`.
    next: u64,
    /// The numbers below this one were claimed. Unused with `Ready`.
    claimed: u64,
}

impl Looks {
    /// Reserves all the room that the looks will need.
    pub(super) fn with_room_for(slots: usize, looks_itself: bool) -> Self {
        let (done, unfinished) = if looks_itself { (1, slots) } else { (slots, 0) };
        Self {
            done: Vec::with_capacity(done),
            unfinished: VecDeque::with_capacity(unfinished),
            ..Self::default()
        }
    }

    /// Begins with a later number than 0.
    #[cfg(all(test, not(loom)))]
    pub(super) fn start_at(&mut self, number: u64) {
        (self.next, self.claimed) = (number, number);
    }

    /// Finds the slot of a finished item, if there is one.
    fn find<A, T, E>(&mut self, ring: &Ring<A, T, E>) -> Option<u32> {
        // edge DONE acquire: the outcome, from its runner → the consumer.
        let is_done =
            |slot: u32| ring.slots[slot as usize].state.load(Ordering::Acquire) & DONE != 0;
        if let Some(at) = self.unfinished.iter().position(|slot| is_done(*slot)) {
            return self.unfinished.remove(at);
        }
        let mut is_fresh = false;
        loop {
            if self.next == self.claimed {
                if is_fresh {
                    return None;
                }
                // Once in a call: runners go on claiming, and a consumer that followed them would
                // look at every number of the window. Relaxed: a look that misses a claim misses
                // a DONE that no edge orders before it.
                self.claimed = ring.claimed.load(Ordering::Relaxed);
                is_fresh = true;
                continue;
            }
            // The place of a number is overwritten one ring later. All numbers from this one on
            // are ahead, so that later number is not put in yet.
            let slot = u32::try_from(ring.slot_of(self.next)).expect("counted in 32 bits");
            self.next += 1;
            if is_done(slot) {
                return Some(slot);
            }
            self.unfinished.push_back(slot);
        }
    }
}

impl<A, T, E> Ring<A, T, E> {
    /// Tells the consumer of a stream out of order that an item is finished. [NAP-1]
    #[inline]
    pub(super) fn tell_of_any(&self, slot: usize) {
        if self.looks_itself {
            self.nap.end();
        } else {
            self.ready.push(slot, &self.slots[slot].link);
        }
    }
}

impl<A, T, E> StreamRef<A, T, E> {
    /// Looks for a finished item of a stream out of order. True if there is one in `looks.done`.
    pub(super) fn look(&mut self) -> bool {
        if self.looks.done.is_empty() {
            // SAFETY: the consumer is an owner for as long as `self` lives.
            let ring = unsafe { Ring::<A, T, E>::of(self.header) };
            if ring.looks_itself {
                let found = self.looks.find(ring);
                self.looks.done.extend(found);
            } else {
                ring.ready.take(&mut self.looks.done, |slot| &ring.slots[slot].link);
            }
        }
        !self.looks.done.is_empty()
    }

    /// Takes what the runners push from now on, as with many runners.
    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn use_stack(&mut self) {
        // SAFETY: the consumer is an owner, and no other thread knows of the stream yet.
        let ring = unsafe { self.header.cast::<Ring<A, T, E>>().as_mut() };
        ring.looks_itself = false;
    }

    /// Sleeps until an item is finished. False if the deadline passes first.
    pub(super) fn sleep_for_any(&mut self, deadline: Option<&Deadline>) -> bool {
        if !self.ring().looks_itself {
            return self.ring().ready.wait(deadline);
        }
        self.ring().nap.announce();
        if self.look() {
            self.ring().nap.take_back();
            return true;
        }
        self.ring().nap.sleep(deadline)
    }
}
