//! The consumer's side of a stream: it puts items in, and takes outcomes out.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;

use super::nap::Looks;
use super::wake_batch::WakeBatch;
use super::{
    ACTIVE, Content, DONE, DROPPED, ENDED, FREE, PENDING, Ring, Stream, StreamOptions, Window,
};
use crate::block::{
    Each, Header, Outcome, Owner, Places, PoolView, Reason, State, TaskRef, drop_outcome,
    drop_quietly, frame, registry,
};
use crate::sync::{Ordering, fence, step};

/// The consumer's right to a stream. A stream has one, which threads do not share.
pub(crate) struct StreamRef<A, T, E> {
    pub(super) header: NonNull<Header>,
    ring: PhantomData<Ring<A, T, E>>,
    /// The next number to be put in.
    pub(super) next: u64,
    /// How many outcomes the consumer has taken.
    pub(super) taken: u64,
    pub(super) wake_batch: WakeBatch,
    pub(super) window: Window,
    /// The slots that are empty. Used out of order only.
    pub(super) free: Vec<u32>,
    /// Which slots are finished. Used out of order only.
    pub(super) looks: Looks,
}

// SAFETY: the consumer puts items in and takes outcomes out, so both must be `Send`. All else
// is atomic or governed by the slot states.
unsafe impl<A: Send, T: Send, E: Send> Send for StreamRef<A, T, E> {}
// SAFETY: a shared reference gives out nothing that lies in the ring.
unsafe impl<A: Send, T: Send, E: Send> Sync for StreamRef<A, T, E> {}

impl<A, T, E> Ring<A, T, E> {
    /// Puts an item into the slot of its number or, out of order, into the `free` slot. No
    /// runner sees it before [`publish`](Self::publish).
    ///
    /// # Safety
    ///
    /// The slot is free and the caller's. The number is the next to be published.
    #[inline]
    pub(super) unsafe fn fill(&self, number: u64, free: Option<u32>, item: A, state: u32) {
        let slot = if self.options.ordered {
            self.slot_of(number)
        } else {
            let slot = free.expect("as many free slots as the ring has room");
            // Relaxed: `publish` publishes the slot number with the number.
            self.slot_numbers[self.index_of(number)].store(slot, Ordering::Relaxed);
            slot as usize
        };
        // Relaxed: `publish` publishes the state with the number.
        self.slots[slot].state.store(state, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { self.put(slot, Content { item: ManuallyDrop::new(item) }) };
    }

    /// Shows the runners the items up to `next`. Returns an entry if only an entry would bring
    /// a runner. [RING-1]
    ///
    /// # Safety
    ///
    /// The caller is an owner of the block, whose ring is of this type, and has filled the slots.
    #[inline]
    pub(super) unsafe fn publish(header: NonNull<Header>, next: u64) -> Option<TaskRef> {
        // SAFETY: the caller is an owner.
        let ring = unsafe { Self::of(header) };
        // edge ITEM release: the items and their slot numbers, from the consumer → the runner that
        // claims them.
        ring.published.store(next, Ordering::Release);
        // edge RING fence: what the consumer published → the look of a runner that leaves or
        // has taken the entry. Or: that runner's change of the crew → the look below.
        fence(Ordering::SeqCst);
        // SAFETY: `needed_entry` has counted an owner for this entry.
        ring.needed_entry().then(|| unsafe { TaskRef::new(header) })
    }
}

impl<A, T, E> StreamRef<A, T, E> {
    /// Makes a stream with no items yet. `outside` says that its first entry goes into the
    /// queue for submissions from outside. The call allocates the block and its slots.
    ///
    /// # Safety
    ///
    /// Items and outcomes may go to another thread, and other threads may call the function.
    /// None of them borrows anything that could end before the last owner has left.
    pub(crate) unsafe fn create<M: Each<A, T, E>>(
        mapping: M,
        options: StreamOptions,
        window: Window,
        runners: usize,
        pool: u32,
        outside: bool,
        places: Option<Arc<dyn Places>>,
    ) -> Self {
        let header =
            Header::new(State::new(outside), pool, const { &Stream::<M, A, T, E>::VTABLE });
        let header =
            Stream::<M, A, T, E>::create(mapping, options, window, runners, header, places);
        let mut stream = Self {
            header,
            ring: PhantomData,
            next: 0,
            taken: 0,
            // Two wake-up batches and two items for each runner fill the window. So, while the
            // consumer sleeps for one batch, at least another is left to run.
            wake_batch: WakeBatch::new((window.most.saturating_sub(2 * runners) / 2) as u64),
            window,
            free: Vec::new(),
            looks: Looks::default(),
        };
        if !options.ordered {
            let slots = stream.ring().slots.len();
            stream.free =
                (0..u32::try_from(slots).expect("slots are counted in 32 bits")).rev().collect();
            stream.looks = Looks::with_room_for(slots, stream.ring().looks_itself);
        }
        stream
    }

    pub(super) fn ring(&self) -> &Ring<A, T, E> {
        // SAFETY: the consumer is an owner for as long as `self` lives.
        unsafe { Ring::of(self.header) }
    }

    /// Returns a pointer that tells this stream's entry from all others.
    pub(crate) fn id(&self) -> NonNull<Header> {
        self.header
    }

    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn header(&self) -> NonNull<Header> {
        self.header
    }

    #[cfg(all(test, loom, feature = "loom"))]
    pub(super) fn wake_batch(&mut self) -> &mut WakeBatch {
        &mut self.wake_batch
    }

    pub(crate) fn pool(&self) -> u32 {
        self.ring().header.pool()
    }

    pub(crate) fn is_running_here(&self) -> bool {
        frame::is_running(self.header)
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.ring().options.ordered
    }

    /// Says how many items are ahead: they were put in, and their outcomes were not taken.
    pub(crate) fn ahead(&self) -> u64 {
        self.next - self.taken
    }

    /// Says how many outcomes were taken, and how many items were put in.
    pub(crate) fn progress(&self) -> (usize, usize) {
        let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
        (count(self.taken), count(self.next))
    }

    /// Says whether the consumer should pull no more. A window of `most` items is full. A window
    /// that can grow also has enough, below `most`, while enough items wait for a runner. It
    /// reopens when runners claim them, though no result was taken: a consumer that sleeps then
    /// needs a nudge.
    pub(crate) fn has_enough(&self) -> bool {
        self.ahead() >= self.window.most as u64
            || self.can_grow()
                // This holds wherever the next line does, and reads nothing that runners write.
                && self.ahead() >= self.window.least as u64
                && self.ring().backlog() >= self.enough()
    }

    pub(super) fn can_grow(&self) -> bool {
        self.window.least < self.window.most
    }

    /// Says how many waiting items are enough: twice the wake-up batch. So the workers have as
    /// much as a wake-up batch to go on with.
    fn enough(&self) -> u64 {
        (2 * self.wake_batch.items()).clamp(self.window.least as u64, self.window.most as u64)
    }

    /// Puts an item in. No runner sees it before [`publish`](Self::publish). The ring must not
    /// be full.
    pub(crate) fn put(&mut self, item: A) {
        debug_assert!(!self.has_enough());
        let free = self.free.pop();
        // SAFETY: the window has room, so the slot of the number is free, or `free` is. A free
        // slot is the consumer's, and nothing is in it.
        unsafe { self.ring().fill(self.next, free, item, PENDING) };
        self.next += 1;
    }

    /// Shows the runners what was put in. Returns an entry if only an entry would bring a
    /// runner: the caller puts it into a queue. [RING-1]
    #[inline]
    pub(crate) fn publish(&mut self) -> Option<TaskRef> {
        // SAFETY: the consumer is an owner, and the ring is that of the header.
        unsafe { Ring::<A, T, E>::publish(self.header, self.next) }
    }

    /// Takes the next outcome, if it is there.
    pub(crate) fn try_take(&mut self) -> Option<Outcome<T, E>> {
        if self.ahead() == 0 {
            return None;
        }
        let slot = if self.ring().options.ordered { self.oldest_done()? } else { self.any_done()? };
        let ring = self.ring();
        // SAFETY: the consumer saw DONE with Acquire, or took the slot from `ready`, which acquires
        // too. So the outcome is the consumer's.
        let outcome = unsafe { ring.take_outcome(slot) };
        // Relaxed: no thread but the consumer looks at a free slot.
        ring.slots[slot].state.store(FREE, Ordering::Relaxed);
        if !ring.options.ordered {
            self.free.push(u32::try_from(slot).expect("slots are counted in 32 bits"));
        }
        self.taken += 1;
        Some(outcome)
    }

    pub(super) fn oldest_done(&self) -> Option<usize> {
        let slot = self.ring().slot_of(self.taken);
        // edge DONE acquire: the outcome, from its runner → the consumer.
        (self.ring().slots[slot].state.load(Ordering::Acquire) & DONE != 0).then_some(slot)
    }

    fn any_done(&mut self) -> Option<usize> {
        self.look();
        self.looks.done.pop().map(|slot| slot as usize)
    }

    /// Runs the oldest item that no thread has begun, on this thread.
    pub(crate) fn help(&self, view: &dyn PoolView) {
        step::pass();
        // SAFETY: the consumer is an owner, and stays one.
        unsafe { (self.ring().header.vtable().run)(self.header, view, Owner::Handle) };
    }

    /// Refuses all items that no thread has begun.
    pub(crate) fn refuse(&self, reason: &Reason) {
        frame::enter(self.header, || self.ring().refuse(reason));
    }

    /// Says whether there is an item that no thread has begun.
    pub(crate) fn has_backlog(&self) -> bool {
        self.ring().claimed.load(Ordering::Relaxed) < self.next
    }
}

impl<A, T, E> Drop for StreamRef<A, T, E> {
    /// Drops the items that no thread has begun. Running items finish, and the last active
    /// runner drops their outcomes. The function is dropped here if no runner can be using it.
    /// That is always so if every outcome was taken.
    fn drop(&mut self) {
        // This comes before any user code: the `Drop` of an item may wait for a place.
        let header = &self.ring().header;
        let stale = self.ring().entries.close();
        registry::entries_died(header.pool(), header.state().is_outside(), stale as usize);
        self.refuse(&Reason::Cancelled);
        self.ring().header.state().ask();
        while let Some(outcome) = self.try_take() {
            drop_outcome(outcome, drop_quietly, 0, true);
        }
        let ring = self.ring();
        // If the consumer has acquired every outcome and no number is left to claim, no runner
        // uses the function. Some runners may still be active.
        let unused = self.ahead() == 0;
        let bits = if unused { ENDED | DROPPED } else { ENDED };
        // edge FUNCTION acquire: the runners' last uses of the function → this thread, if no
        // runner is active.
        // edge FUNCTION release: this thread's uses, as a worker that helped → the last active
        // runner.
        let before = ring.crew.fetch_or(bits, Ordering::AcqRel);
        let unused = unused || before & ACTIVE == 0;
        if unused {
            // SAFETY: no runner uses the function, and none will drop it.
            unsafe { (ring.drop_function)(self.header) };
        }
        // SAFETY: the consumer is an owner, and does not touch the stream afterwards.
        unsafe { Ring::<A, T, E>::leave(self.header) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::Nobody;
    use crate::block::Plain;
    use std::convert::Infallible;

    // covers F-47
    #[test]
    fn a_stream_goes_on_beyond_four_thousand_million_items() {
        const SLOTS: usize = 3;
        // The limit is passed at every place in the ring.
        for (before, ordered) in (0..8).flat_map(|before| [(before, true), (before, false)]) {
            let start = u64::from(u32::MAX) - before;
            let options =
                StreamOptions { chunksize: Some(1), buffersize: None, ordered, counted: false };
            // SAFETY: the test borrows nothing.
            let mut stream: StreamRef<u64, u64, Infallible> = unsafe {
                StreamRef::create(
                    Plain(|item: u64| item),
                    options,
                    Window { least: SLOTS, most: SLOTS },
                    1,
                    1,
                    true,
                    None,
                )
            };
            (stream.next, stream.taken) = (start, start);
            stream.ring().published.store(start, Ordering::Relaxed);
            stream.ring().claimed.store(start, Ordering::Relaxed);
            stream.looks.start_at(start);
            let mut taken = Vec::new();
            for round in 0..6 {
                while !stream.has_enough() {
                    stream.put(stream.next);
                }
                if let Some(entry) = stream.publish() {
                    assert!(entry.count());
                    entry.run(&Nobody);
                }
                assert!(!stream.has_backlog());
                // In some rounds the test leaves one outcome where it is.
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
            assert_eq!(
                taken,
                (start..stream.next).collect::<Vec<_>>(),
                "ordered: {ordered}, from {start}"
            );
            assert!(stream.next > u64::from(u32::MAX) + SLOTS as u64);
        }
    }
}
