//! A runner: claims numbers, runs, puts outcomes, and leaves when there is nothing to claim.

use std::ptr::NonNull;
use std::time::Duration;

use super::{Content, DONE, Ring, Stream, WAITER};
use crate::sync::clock::Stopwatch;
use crate::sync::{Ordering, fence, futex};
use crate::task::batch::{Each, Pace};
use crate::task::error::{Reason, TaskError};
use crate::task::frame;
use crate::task::header::{Header, Host, Side, TaskRef, VTable};
use crate::task::unwind::{call, drop_quietly};
use crate::task::work::Outcome;
use std::mem::ManuallyDrop;

/// A runner that has run for longer gives way to what waits outside; its stream's other tokens may be among that.
const TURN: Duration = Duration::from_micros(100);

impl<A, T, E> Ring<A, T, E> {
    /// Takes the next number that nobody has, and says which slot its item lies in.
    ///
    /// The place is read before the claim. It is overwritten only for the number one ring further on, which is published
    /// when so many outcomes have been taken that this number must have been claimed: then the exchange fails.
    fn claim(&self) -> Option<(u64, usize)> {
        let mut number = self.claimed.load(Ordering::Relaxed);
        loop {
            // edge ITEM acquire: the item, and its place → whoever claims it.
            if number >= self.published.load(Ordering::Acquire) {
                return None;
            }
            let slot = self.slot_of(number);
            // edge PLACE release: the reading of the place → the consumer, which overwrites it when so many outcomes have come.
            // edge PLACE acquire: that of all earlier claims, which the outcome of this number then brings along.
            match self.claimed.compare_exchange_weak(number, number + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Some((number, slot)),
                Err(now) => number = now,
            }
        }
    }

    /// Publishes the outcome of a claimed number, and wakes the consumer if it sleeps for it.
    fn done(&self, slot: usize, outcome: Outcome<T, E>) {
        // SAFETY: from claim to DONE the content is the claimer's, and the item is gone from it.
        unsafe { self.put(slot, Content { outcome: ManuallyDrop::new(outcome) }) };
        let place = &self.slots[slot];
        // edge DONE release: the outcome → the consumer.
        let before = place.state.swap(DONE, Ordering::Release);
        if before & WAITER != 0 {
            futex::wake_one(&place.state);
        }
        if !self.flow.ordered {
            self.ready.push(slot);
        }
    }

    /// Refuses every number that nobody has claimed; says whether there was any.
    pub(super) fn refuse(&self, reason: &Reason) -> bool {
        let mut any = false;
        while let Some((_, slot)) = self.claim() {
            // SAFETY: claimed.
            drop_quietly(unsafe { self.take_item(slot) });
            self.done(slot, Err(reason.clone().into()));
            any = true;
        }
        any
    }

    fn backlog(&self) -> u64 {
        let claimed = self.claimed.load(Ordering::Relaxed);
        // Relaxed: it only says whether there is one; `claim` looks again. That a leaving runner's look is not too old is the
        // RING fence's doing.
        self.published.load(Ordering::Relaxed).saturating_sub(claimed)
    }
}

impl<M: Each<A, T, E>, A, T, E> Stream<M, A, T, E> {
    pub(super) const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        progress: Self::progress,
        outcome: Self::outcome,
        drop_outcome: Self::drop_outcome,
        free: Self::free,
    };

    /// Runs one claimed number.
    ///
    /// # Safety
    ///
    /// The caller is an owner and has claimed the number, whose item lies in this slot.
    unsafe fn run_one(&self, number: u64, slot: usize) {
        // SAFETY: claimed.
        let item = unsafe { self.ring.take_item(slot) };
        let result = self.mapping.with(|mapping| {
            call(|| {
                // SAFETY: the mapping is dropped by the last owner, and shared by all until then.
                let mapping = unsafe { &*mapping };
                // SAFETY: it was there from the beginning.
                unsafe { mapping.assume_init_ref() }.each(item)
            })
        });
        let index = usize::try_from(number).ok();
        self.ring.done(
            slot,
            match result {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(TaskError::Failed { error, item: index }),
                Err(panic) => Err(TaskError::Panicked(panic.at(index.unwrap_or(usize::MAX)))),
            },
        );
    }

    /// Claims and runs up to `bite` numbers; false if there was none.
    ///
    /// # Safety
    ///
    /// The caller is an owner.
    unsafe fn run_some(&self, host: &dyn Host, bite: u32) -> bool {
        if let Some(reason) = host.stopping() {
            self.ring.refuse(&reason);
            return false;
        }
        for turn in 0..bite {
            let Some((number, slot)) = self.ring.claim() else { return turn > 0 };
            // SAFETY: claimed.
            unsafe { self.run_one(number, slot) };
            if self.ring.header.is_forked() {
                // In the child of a fork that the item made, the others are the parent's.
                return true;
            }
        }
        true
    }

    /// # Safety
    ///
    /// See [`VTable::run`].
    pub(super) unsafe fn run(header: NonNull<Header>, host: &dyn Host, side: Side) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let stream = unsafe { header.cast::<Self>().as_ref() };
        if side == Side::Handle {
            // The consumer is a worker: it runs the oldest number that nobody has begun, and no more.
            return frame::enter(header, || {
                // SAFETY: the consumer is an owner.
                unsafe { stream.run_some(host, 1) }
            });
        }
        let ring = &stream.ring;
        let mut pace = Pace::new(ring.flow.chunksize.is_none());
        // SAFETY: the token is an owner.
        while !frame::enter(header, || unsafe { stream.run_for_a_turn(host, &mut pace) }) {
            // Outside of the frame: whoever takes the token may free the block before this returns.
            // SAFETY: the token is this runner's, which touches the stream no more once it has given it away.
            if host.give_way(unsafe { TaskRef::new(header) }).is_none() {
                return true;
            }
        }
        if !ring.header.is_forked() {
            // SAFETY: the token is an owner, and touches the stream no more.
            unsafe { Ring::<A, T, E>::leave(header) };
        }
        true
    }

    /// Runs until nothing is left, and leaves the active runners: true; or until others may have their turn.
    ///
    /// # Safety
    ///
    /// The caller is an owner.
    unsafe fn run_for_a_turn(&self, host: &dyn Host, pace: &mut Pace) -> bool {
        let ring = &self.ring;
        let turn = Stopwatch::start();
        loop {
            let bite = ring.flow.chunksize.map_or_else(
                || pace.bite().min(Self::share(ring)),
                |items| u32::try_from(items).unwrap_or(u32::MAX),
            );
            // SAFETY: the caller is an owner.
            if unsafe { self.run_some(host, bite) } {
                if ring.header.is_forked() {
                    return true;
                }
                pace.bitten();
                if turn.elapsed() > TURN && ring.backlog() > 0 {
                    return false;
                }
                continue;
            }
            ring.active.fetch_sub(1, Ordering::Relaxed); // [RING-2]
            // edge RING fence: this runner gone from `active` → the consumer's look, or what the consumer published →
            // the look below.
            fence(Ordering::SeqCst);
            if ring.backlog() == 0 {
                return true;
            }
            ring.active.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How much one runner may take at once without leaving the others nothing.
    fn share(ring: &Ring<A, T, E>) -> u32 {
        let share = ring.backlog() / (2 * u64::from(ring.runners));
        u32::try_from(share).unwrap_or(u32::MAX).max(1)
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    pub(super) unsafe fn resolve(header: NonNull<Header>, reason: Reason, side: Side) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let ring = unsafe { Ring::<A, T, E>::of(header) };
        let mut any = frame::enter(header, || ring.refuse(&reason));
        if side == Side::Queue {
            ring.active.fetch_sub(1, Ordering::Relaxed); // [RING-3]
            // edge RING fence: this token gone from `active` → the consumer's look, or what the consumer published → the
            // look below.
            fence(Ordering::SeqCst);
            any |= frame::enter(header, || ring.refuse(&reason));
            // SAFETY: the token is an owner, and touches the stream no more.
            unsafe { Ring::<A, T, E>::leave(header) };
        }
        any
    }
}
