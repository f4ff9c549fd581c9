//! The consumer's side of a stream: put items in, take outcomes out.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use super::stride::Stride;
use super::{Content, DONE, FREE, Flow, PENDING, Ring, Stream, WAITER, Window};
use crate::sync::clock::{Deadline, Stopwatch};
use crate::sync::{Ordering, fence};
use crate::task::batch::Each;
use crate::task::entries::{Places, Uncounted};
use crate::task::error::Reason;
use crate::task::frame;
use crate::task::header::{Header, Host, Side, TaskRef};
use crate::task::unwind::drop_quietly;
use crate::task::work::{Outcome, drop_outcome};
use crate::wait::{block_until, spin_until};

/// The consumer's right to a stream. There is one, and it is not shared.
pub(crate) struct StreamRef<A, T, E> {
    header: NonNull<Header>,
    ring: PhantomData<Ring<A, T, E>>,
    /// The next number to be put in.
    next: u64,
    /// How many outcomes have been taken.
    taken: u64,
    stride: Stride,
    window: Window,
    /// Slots with nothing in them. Out of order only.
    free: Vec<u32>,
    /// Slots whose outcome is there, the last to be taken first. Out of order only.
    done: Vec<u32>,
}

// SAFETY: it puts items in and takes outcomes out, so both must be `Send`; all else is atomic or governed by slot states.
unsafe impl<A: Send, T: Send, E: Send> Send for StreamRef<A, T, E> {}
// SAFETY: a shared reference lends nothing that is in the ring.
unsafe impl<A: Send, T: Send, E: Send> Sync for StreamRef<A, T, E> {}

/// The tokens that a refill asks to be put into queues.
pub(crate) struct Pulled {
    header: NonNull<Header>,
    left: u32,
    has_places: bool,
}

impl Pulled {
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Whether they hold places while they are queued.
    pub(crate) fn has_places(&self) -> bool {
        self.has_places
    }

    /// All of them, for whoever finds them places.
    pub(crate) fn uncounted(self) -> Uncounted {
        // SAFETY: `publish` has counted an owner for each.
        unsafe { Uncounted::new(self.header, self.left) }
    }
}

impl Iterator for Pulled {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: `publish` has counted an owner for each.
        let token = unsafe { TaskRef::new(self.header) };
        token.count();
        Some(token)
    }
}

impl<A, T, E> StreamRef<A, T, E> {
    /// A stream of nothing yet. Allocates the block and its slots. Its tokens hold `places` while they are queued, if there are
    /// any.
    ///
    /// # Safety
    ///
    /// Items and outcomes may go to another thread, the function may be called from other threads, and none of them borrows
    /// anything that could end before the last owner has left.
    pub(crate) unsafe fn create<M: Each<A, T, E>>(
        mapping: M,
        flow: Flow,
        window: Window,
        runners: usize,
        pool: u32,
        places: Option<Arc<dyn Places>>,
    ) -> Self {
        let vtable = const { &Stream::<M, A, T, E>::VTABLE };
        let header = Stream::<M, A, T, E>::create(mapping, flow, window, runners, pool, places, vtable);
        let mut stream = Self {
            header,
            ring: PhantomData,
            next: 0,
            taken: 0,
            stride: Stride::new(window.most as u64 / 2),
            window,
            free: Vec::new(),
            done: Vec::new(),
        };
        if !flow.ordered {
            let slots = stream.ring().slots.len();
            stream.free = (0..u32::try_from(slots).expect("slots are counted in 32 bits")).rev().collect();
            stream.done.reserve(slots);
        }
        stream
    }

    fn ring(&self) -> &Ring<A, T, E> {
        // SAFETY: the consumer is an owner as long as `self` lives.
        unsafe { Ring::of(self.header) }
    }

    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn header(&self) -> NonNull<Header> {
        self.header
    }

    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn stride(&mut self) -> &mut Stride {
        &mut self.stride
    }

    pub(crate) fn pool(&self) -> u32 {
        self.ring().header.pool()
    }

    pub(crate) fn is_running_here(&self) -> bool {
        frame::is_running(self.header)
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.ring().flow.ordered
    }

    /// Items that were put in and whose outcome was not taken.
    pub(crate) fn ahead(&self) -> u64 {
        self.next - self.taken
    }

    /// Outcomes taken, and items put in.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        (count(self.taken), count(self.next))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.ahead() >= self.ahead_at_most()
    }

    /// Whether it is time to refill: fetching a few at a time wakes fewer workers than one by one.
    pub(crate) fn is_low(&self) -> bool {
        self.ahead() <= self.ahead_at_most() / 2
    }

    /// How many items may be ahead: twice the stride, so that the workers have as much to go on with.
    fn ahead_at_most(&self) -> u64 {
        (2 * self.stride.items()).clamp(self.window.least as u64, self.window.most as u64)
    }

    /// Puts an item in; no runner sees it before [`publish`](Self::publish). The ring must not be full.
    pub(crate) fn put(&mut self, item: A) {
        debug_assert!(!self.is_full());
        let slot = if self.ring().flow.ordered {
            self.ring().slot_of(self.next)
        } else {
            let slot = self.free.pop().expect("as many free slots as the ring has room");
            let ring = self.ring();
            // Relaxed: published with the number.
            ring.places[ring.place_of(self.next)].store(slot, Ordering::Relaxed);
            slot as usize
        };
        let ring = self.ring();
        // Relaxed: published with the number.
        ring.slots[slot].state.store(PENDING, Ordering::Relaxed);
        // SAFETY: a free slot is the consumer's, and nothing is in it.
        unsafe { ring.put(slot, Content { item: ManuallyDrop::new(item) }) };
        self.next += 1;
    }

    /// Shows what was put in to the runners, and gives the tokens for more of them, if there are too few. [RING-1]
    pub(crate) fn publish(&mut self) -> Pulled {
        let ring = self.ring();
        // edge ITEM release: the items and their places → whoever claims them.
        ring.published.store(self.next, Ordering::Release);
        // edge RING fence: what was published → a leaving runner's look, or that runner gone from `active` → the look below.
        fence(Ordering::SeqCst);
        let backlog = self.next - ring.claimed.load(Ordering::Relaxed).min(self.next);
        let active = ring.active.load(Ordering::Relaxed);
        let useful = u32::try_from(backlog).unwrap_or(u32::MAX).min(ring.runners);
        let tokens = useful.saturating_sub(active);
        // Relaxed: the consumer is an owner, so the count is not at its end.
        ring.owners.fetch_add(tokens, Ordering::Relaxed);
        ring.active.fetch_add(tokens, Ordering::Relaxed);
        Pulled { header: self.header, left: tokens, has_places: ring.entries.have_places() }
    }

    /// The next outcome, if it is there.
    pub(crate) fn try_take(&mut self) -> Option<Outcome<T, E>> {
        if self.ahead() == 0 {
            return None;
        }
        let slot = if self.ring().flow.ordered { self.oldest_done()? } else { self.any_done()? };
        let ring = self.ring();
        // SAFETY: DONE was seen with Acquire, so the outcome is the consumer's.
        let outcome = unsafe { ring.take_outcome(slot) };
        // Relaxed: nobody but the consumer looks at a free slot.
        ring.slots[slot].state.store(FREE, Ordering::Relaxed);
        if !ring.flow.ordered {
            self.free.push(u32::try_from(slot).expect("slots are counted in 32 bits"));
        }
        self.taken += 1;
        Some(outcome)
    }

    fn oldest_done(&self) -> Option<usize> {
        let slot = self.ring().slot_of(self.taken);
        // edge DONE acquire: the outcome → the consumer.
        (self.ring().slots[slot].state.load(Ordering::Acquire) == DONE).then_some(slot)
    }

    fn any_done(&mut self) -> Option<usize> {
        if self.done.is_empty() {
            let mut done = std::mem::take(&mut self.done);
            self.ring().ready.take(&mut done);
            self.done = done;
        }
        self.done.pop().map(|slot| slot as usize)
    }

    /// Waits until an outcome is there, or until the deadline; false then. There must be something ahead.
    ///
    /// Sleeping, it lets the workers get a stride ahead before it is woken, but keeps no outcome back for longer than the
    /// stride may last.
    pub(crate) fn wait(&mut self, deadline: Option<&Deadline>) -> bool {
        if spin_until(self.stride.spin(), || self.is_any_done()) {
            return true;
        }
        let watch = Stopwatch::start();
        self.sleep_for_a_stride(deadline);
        let any = self.sleep(deadline);
        self.stride.slept(watch.elapsed());
        any
    }

    fn is_any_done(&self) -> bool {
        if self.ring().flow.ordered { self.oldest_done().is_some() } else { self.ring().ready.is_any() }
    }

    /// Sleeps until an outcome is there, or until the deadline; false then.
    fn sleep(&self, deadline: Option<&Deadline>) -> bool {
        let ring = self.ring();
        if ring.flow.ordered {
            let state = &ring.slots[ring.slot_of(self.taken)].state;
            block_until(state, WAITER, deadline, |state| state & DONE != 0).is_some()
        } else {
            ring.ready.wait(deadline)
        }
    }

    /// Sleeps until the item at the end of the stride is done, whatever is done before it; not for long.
    fn sleep_for_a_stride(&self, deadline: Option<&Deadline>) {
        let last = (self.taken + self.stride.items()).min(self.next) - 1;
        if last == self.taken {
            return;
        }
        let ring = self.ring();
        let limit = Deadline::after(Stride::LONGEST).expect("within the clock");
        let limit = deadline.map_or(limit, |deadline| limit.min(*deadline));
        // Out of order its outcome may have been taken, and the slot been used again: then this is the item of another number,
        // or none, and the wait ends with that, or with the limit.
        let state = &ring.slots[ring.slot_of(last)].state;
        let _ = block_until(state, WAITER, Some(&limit), |state| state & PENDING == 0);
    }

    /// Runs, here, the oldest item that nobody has begun.
    pub(crate) fn help(&self, host: &dyn Host) {
        // SAFETY: the consumer is an owner, and stays one.
        unsafe { (self.ring().header.vtable().run)(self.header, host, Side::Handle) };
    }

    /// Refuses all items that nobody has begun.
    pub(crate) fn refuse(&self, reason: &Reason) {
        frame::enter(self.header, || self.ring().refuse(reason));
    }

    /// Whether some item has not been begun.
    pub(crate) fn has_backlog(&self) -> bool {
        self.ring().claimed.load(Ordering::Relaxed) < self.next
    }
}

impl<A, T, E> Drop for StreamRef<A, T, E> {
    /// Items that nobody has begun are dropped; those that are running finish, and their outcomes are dropped by whoever is
    /// last.
    fn drop(&mut self) {
        // Before any user code: the `Drop` of an item may wait for a place.
        self.ring().entries.close();
        self.refuse(&Reason::Cancelled);
        self.ring().header.state().ask();
        while let Some(outcome) = self.try_take() {
            drop_outcome(outcome, drop_quietly, 0, true);
        }
        // SAFETY: the consumer is an owner, and touches the stream no more.
        unsafe { Ring::<A, T, E>::leave(self.header) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::task::Plain;
    use crate::task::header::Nobody;
    use std::convert::Infallible;

    #[test]
    fn f47_a_stream_goes_on_beyond_four_thousand_million_items() {
        const SLOTS: usize = 3;
        // Wherever in the ring the limit is passed.
        for (before, ordered) in (0..8).flat_map(|before| [(before, true), (before, false)]) {
            let start = u64::from(u32::MAX) - before;
            let flow = Flow { chunksize: Some(1), buffersize: None, ordered };
            // SAFETY: it borrows nothing.
            let mut stream: StreamRef<u64, u64, Infallible> = unsafe {
                StreamRef::create(
                    Plain(|item: u64| item),
                    flow,
                    Window { least: SLOTS, most: SLOTS },
                    1,
                    1,
                    None,
                )
            };
            (stream.next, stream.taken) = (start, start);
            stream.ring().published.store(start, Ordering::Relaxed);
            stream.ring().claimed.store(start, Ordering::Relaxed);
            let mut taken = Vec::new();
            for round in 0..6 {
                while !stream.is_full() {
                    stream.put(stream.next);
                }
                stream.publish().for_each(|token| token.run(&Nobody));
                assert!(!stream.has_backlog());
                // In some rounds a part stays where it is.
                for _ in 0..SLOTS - round % 2 {
                    taken.push(stream.try_take().expect("it has run").expect("no item fails"));
                }
            }
            while let Some(rest) = stream.try_take() {
                taken.push(rest.expect("no item fails"));
            }
            if !ordered {
                taken.sort_unstable();
            }
            assert_eq!(taken, (start..stream.next).collect::<Vec<_>>(), "ordered: {ordered}, from {start}");
            assert!(stream.next > u64::from(u32::MAX) + SLOTS as u64);
        }
    }
}
