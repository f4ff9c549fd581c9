//! The feeding half of a stream: it puts the items in, while the consumer takes the outcomes on
//! another thread.
//!
//! A fed stream has the same ring, and the same runners. The consumer's work is in two parts:
//!
//! | word | who writes it |
//! |---|---|
//! | `next`, `published`, the places, the empty slots | the feeding half, under the stream's lock |
//! | `taken`, the outcomes | the consumer, without the lock |
//! | how many items are in flight | both, under the lock |
//!
//! The consumer takes an outcome first, and gives its slot back under the lock afterwards. The
//! feeding half fills a slot only when the count, under the lock, says that one is free. So the
//! lock orders the consumer's last access to a slot before the next item in it.
//!
//! The consumer sleeps on its bell, and no thread sleeps on a slot. WAITER in the slot of the
//! awaited number asks its runner for a ring. If nothing is in flight, the slot has no item yet:
//! then the consumer asks under the lock, and the feeding half fills the slot with WAITER.
//! Out of order the mark is `Ready`'s.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::nap::Looks;
use super::{Bell, DONE, PENDING, Ring, StreamRef, WAITER};
use crate::block::{Header, TaskRef};
use crate::sync::Ordering;

/// The right to put items into a stream. A stream has at most one, which stands under a lock.
pub(crate) struct FeedRef<A, T, E> {
    header: NonNull<Header>,
    ring: PhantomData<Ring<A, T, E>>,
    next: u64,
    /// The slots that are empty. Used out of order only.
    free: Vec<u32>,
    window: usize,
}

// SAFETY: the half puts items in, so `A` must be `Send`. It is an owner of the block, and the
// last owner drops neither items nor outcomes. All else is atomic or governed by the slot states.
unsafe impl<A: Send, T: Send, E: Send> Send for FeedRef<A, T, E> {}

impl<A, T, E> FeedRef<A, T, E> {
    /// Says how many items may be in flight.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Puts an item in, and shows it to the runners. Returns an entry if only an entry would
    /// bring a runner: the caller puts it into a queue. `asked` says that the consumer waits for
    /// this item's outcome.
    ///
    /// Fewer items than the window are in flight, and the consumer has given their slots back.
    /// [FED-1]
    pub(crate) fn feed(&mut self, item: A, asked: bool) -> Option<TaskRef> {
        // SAFETY: the half is an owner for as long as `self` lives.
        let ring = unsafe { Ring::<A, T, E>::of(self.header) };
        let free = self.free.pop();
        let state = if asked { PENDING | WAITER } else { PENDING };
        // SAFETY: the window has room, so the slot of the number is free, or `free` is. A free
        // slot is this half's, and the consumer's last access to it came before, by the lock.
        unsafe { ring.fill(self.next, free, item, state) };
        self.next += 1;
        // SAFETY: the half is an owner, and the ring is that of the header.
        unsafe { Ring::<A, T, E>::publish(self.header, self.next) }
    }

    /// Takes back a slot whose outcome the consumer has taken. In order there is none to name.
    pub(crate) fn take_back(&mut self, slot: Option<u32>) {
        self.free.extend(slot);
    }
}

impl<A, T, E> Drop for FeedRef<A, T, E> {
    fn drop(&mut self) {
        // SAFETY: the half is an owner, and does not touch the stream afterwards.
        unsafe { Ring::<A, T, E>::leave(self.header) };
    }
}

impl<A, T, E> Ring<A, T, E> {
    /// Tells the consumer of a fed stream of an outcome, if it has asked. `before` is the state
    /// of the slot before DONE. [FED-2]
    pub(super) fn ring_if_asked(&self, bell: &Bell, slot: usize, before: u32) {
        let asked = match self.options.ordered {
            true => before & WAITER != 0,
            false => self.ready.push_quietly(slot, &self.slots[slot].link),
        };
        if asked {
            bell.ring();
        }
    }
}

impl<A, T, E> StreamRef<A, T, E> {
    /// Splits a fresh stream: the feeding half puts the items in from now on. `bell` wakes the
    /// consumer.
    pub(crate) fn split(&mut self, bell: Arc<Bell>) -> FeedRef<A, T, E> {
        debug_assert!(self.next == 0 && !self.can_grow(), "a fresh stream with a fixed window");
        self.ring().owners.join();
        // SAFETY: the block is alive and is a `Stream`, whose first field is the ring. No other
        // thread knows of it yet, since no entry was sent.
        let ring = unsafe { self.header.cast::<Ring<A, T, E>>().as_mut() };
        ring.bell = Some(bell);
        ring.looks_itself = false;
        if !ring.options.ordered {
            self.looks = Looks::with_room_for(ring.slots.len(), false);
        }
        FeedRef {
            header: self.header,
            ring: PhantomData,
            next: self.next,
            free: std::mem::take(&mut self.free),
            window: self.window.most,
        }
    }

    /// Learns which items the feeding half has put in.
    pub(crate) fn see_items(&mut self) {
        // Relaxed: the consumer takes what it has seen DONE, which carries the outcome. It asks for
        // a ring only after it has held the lock under which the feeding half filled the slot.
        self.next = self.ring().published.load(Ordering::Relaxed);
    }

    /// Gives out the slot of the outcome that was taken last, for the feeding half. None in
    /// order.
    pub(crate) fn emptied(&mut self) -> Option<u32> {
        self.free.pop()
    }

    /// Asks for a ring when the next outcome comes. False if it is there. In order its item is
    /// in the ring. [FED-2]
    pub(crate) fn ask(&self) -> bool {
        let ring = self.ring();
        if !ring.options.ordered {
            return self.looks.done.is_empty() && ring.ready.ask();
        }
        let state = &ring.slots[ring.slot_of(self.taken)].state;
        // Relaxed: the bit carries no data. Runner and consumer meet on this one word: either
        // the runner sees the bit, or this thread sees DONE, and looks again.
        state.fetch_or(WAITER, Ordering::Relaxed) & DONE == 0
    }
}
