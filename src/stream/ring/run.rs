//! A runner: claims numbers, runs, puts outcomes, and leaves when there is nothing to claim.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::{ACTIVE, ASLEEP, Content, DONE, DROPPED, ENDED, ENTRY, NUDGED, Ring, Stream, WAITER};
use crate::block::{
    Each, Header, Outcome, Owner, PoolView, Reason, STOP, Taken, TaskError, TaskRef, Turn, VTable,
    catch_panic, drop_quietly, frame,
};
use crate::sync::{Ordering, fence, futex};

/// What becomes of a runner that gives way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GaveWay {
    /// It is the stream's entry now, and must go into a queue.
    AsEntry,
    /// An entry lies in a queue already, or the stream has ended: the runner has left the crew.
    Left,
    /// As `Left`, and it was the last active runner after ENDED: it has the function to drop.
    Last,
}

impl<A, T, E> Ring<A, T, E> {
    /// Takes the next number that nobody has, and says which slot its item lies in. `seen` is what was published when the caller looked
    /// last: while it has not come to that it does not look again.
    ///
    /// The place is read before the claim. It is overwritten only for the number one ring further on, which is published
    /// when so many outcomes have been taken that this number must have been claimed: then the exchange fails.
    pub(super) fn claim(&self, seen: &mut u64) -> Option<(u64, usize)> {
        let mut number = self.claimed.load(Ordering::Relaxed);
        loop {
            if number >= *seen {
                // edge ITEM acquire: the item, and its place → the runner that claims it.
                *seen = self.published.load(Ordering::Acquire);
                if number >= *seen {
                    return None;
                }
            }
            let slot = self.slot_of(number);
            // edge PLACE release: the reading of the place → the consumer, which overwrites it when so many outcomes have come.
            // edge PLACE acquire: that of all earlier claims, which the outcome of this number then brings along.
            match self.claimed.compare_exchange_weak(
                number,
                number + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((number, slot)),
                Err(now) => number = now,
            }
        }
    }

    /// Publishes the outcome of a claimed number, and wakes the consumer if it sleeps for it.
    pub(super) fn done(&self, slot: usize, outcome: Outcome<T, E>) {
        // SAFETY: from claim to DONE the content is the claimer's, and the item is gone from it.
        unsafe { self.put(slot, Content { outcome: ManuallyDrop::new(outcome) }) };
        let place = &self.slots[slot];
        // edge DONE release: the outcome → the consumer.
        let before = place.state.swap(DONE, Ordering::Release);
        if before & WAITER != 0 {
            futex::wake_one(&place.state);
        }
        if !self.options.ordered {
            self.ready.push(slot);
        }
    }

    /// Refuses every number that nobody has claimed; says whether there was any.
    pub(super) fn refuse(&self, reason: &Reason) -> bool {
        let mut any = false;
        let mut seen = 0;
        while let Some((_, slot)) = self.claim(&mut seen) {
            // SAFETY: claimed.
            drop_quietly(unsafe { self.take_item(slot) });
            self.done(slot, Err(reason.clone().into()));
            any = true;
        }
        any
    }

    pub(super) fn backlog(&self) -> u64 {
        let claimed = self.claimed.load(Ordering::Relaxed);
        // Relaxed: it only says whether there is one; `claim` looks again. That a leaving runner's look is not too old is the
        // RING fence's doing.
        self.published.load(Ordering::Relaxed).saturating_sub(claimed)
    }

    /// Makes an entry for a queue, if an item waits for a runner that only an entry would bring. [RING-1]
    ///
    /// The caller has put a SeqCst fence between the item's publication, or its own taking of the entry, and this call.
    pub(super) fn needed_entry(&self) -> bool {
        let mut crew = self.crew.load(Ordering::Relaxed);
        while crew & (ENTRY | ENDED) == 0 && crew & ACTIVE < self.runners && self.backlog() > 0 {
            // Relaxed: the entry is published with the queue.
            match self.crew.compare_exchange(
                crew,
                crew | ENTRY,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.owners.join();
                    return true;
                }
                Err(now) => crew = now,
            }
        }
        false
    }

    /// The caller has taken the entry, and is a runner now. False if the stream has ended.
    pub(super) fn join_crew(&self) -> bool {
        let mut crew = self.crew.load(Ordering::Relaxed);
        loop {
            let ended = crew & ENDED != 0;
            let next = (crew & !ENTRY) + u32::from(!ended);
            match self.crew.compare_exchange(crew, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return !ended,
                Err(now) => crew = now,
            }
        }
    }

    /// A runner leaves the active ones: true if it is the last one after ENDED, and has the function to drop. [RING-2]
    pub(super) fn leave_crew(&self) -> bool {
        // edge FUNCTION release: this runner's last use of the function → who drops it.
        // edge FUNCTION acquire: that of all others → this runner, if it is the last.
        let before = self.crew.fetch_sub(1, Ordering::AcqRel);
        before & (ENDED | DROPPED | ACTIVE) == ENDED | 1
    }

    /// A runner that has left and sees no item tells a consumer that sleeps and could pull more.
    fn nudge(&self) {
        if self.crew.load(Ordering::Relaxed) & ASLEEP == 0 {
            return;
        }
        // edge ASLEEP acquire: which outcome the consumer sleeps for → this runner.
        if self.crew.fetch_and(!ASLEEP, Ordering::Acquire) & ASLEEP != 0 {
            let state = &self.slots[self.slot_of(self.awaited.load(Ordering::Relaxed))].state;
            state.fetch_or(NUDGED, Ordering::Relaxed);
            futex::wake_one(state);
        }
    }

    /// A runner that has left, and sees an item, is active again. Not after ENDED: then every item is claimed.
    fn rejoin_crew(&self) -> bool {
        let mut crew = self.crew.load(Ordering::Relaxed);
        while crew & ENDED == 0 {
            match self.crew.compare_exchange(crew, crew + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => crew = now,
            }
        }
        false
    }

    /// A runner gives way: its place among the active ones becomes the stream's entry, or, if there is an entry already, is gone. Both
    /// in one exchange: an entry that is there when a runner looks may be taken before it has left.
    fn stand_back(&self) -> GaveWay {
        let mut crew = self.crew.load(Ordering::Relaxed);
        loop {
            let leaves = crew & (ENTRY | ENDED) != 0;
            let next = if leaves { crew - 1 } else { (crew - 1) | ENTRY };
            // edge FUNCTION release: this runner's last use of the function → who drops it.
            // edge FUNCTION acquire: that of all others → this runner, if it is the last.
            match self.crew.compare_exchange(crew, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if !leaves => return GaveWay::AsEntry,
                Ok(_) if crew & (ENDED | DROPPED | ACTIVE) == ENDED | 1 => return GaveWay::Last,
                Ok(_) => return GaveWay::Left,
                Err(now) => crew = now,
            }
        }
    }
}

impl<M: Each<A, T, E>, A, T, E> Stream<M, A, T, E> {
    pub(super) const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        entries: Some(Self::entries),
        retire: Self::retire,
        discard: Self::discard,
        free: Self::free,
        result: None,
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
            catch_panic(|| {
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

    /// # Safety
    ///
    /// See [`VTable::run`].
    pub(super) unsafe fn run(header: NonNull<Header>, view: &dyn PoolView, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let stream = unsafe { header.cast::<Self>().as_ref() };
        let ring = &stream.ring;
        if owner == Owner::Handle {
            // The consumer is a worker: it runs the oldest number that nobody has begun, and no more.
            return frame::enter(header, || {
                let claimed = ring.claim(&mut 0);
                if let Some((number, slot)) = claimed {
                    // SAFETY: the consumer is an owner, and has claimed the number.
                    unsafe { stream.run_one(number, slot) };
                }
                claimed.is_some()
            });
        }
        if ring.entries.taken() == Taken::Stale {
            view.stale_entry_left(ring.header.state().is_outside());
        }
        if ring.join_crew() {
            // edge RING fence: the entry gone → the consumer's look, or what the consumer published → the looks below.
            fence(Ordering::SeqCst);
            // SAFETY: the entry made this worker a runner, which is an owner.
            if let Some(gave_way) =
                frame::enter(header, || unsafe { stream.run_for_a_turn(header, view) })
            {
                // Outside of the frame: the next runner of the entry may free the block before this returns.
                // SAFETY: the entry is this runner's, which touches the stream no more once it has given it away.
                let entry = (gave_way == GaveWay::AsEntry).then(|| unsafe { TaskRef::new(header) });
                let leaves = entry.is_none();
                view.give_way(entry);
                if !leaves {
                    return true;
                }
            }
        }
        if !ring.header.is_forked() {
            // SAFETY: the runner is an owner, and touches the stream no more.
            unsafe { Ring::<A, T, E>::leave(header) };
        }
        true
    }

    /// Runs until nothing is left, and leaves the crew: None; or until others may have their turn.
    ///
    /// # Safety
    ///
    /// The caller is an active runner.
    unsafe fn run_for_a_turn(
        &self,
        header: NonNull<Header>,
        view: &dyn PoolView,
    ) -> Option<GaveWay> {
        let ring = &self.ring;
        let mut turn = Turn::begin(view);
        // How many items this runner does before it may give way.
        let chunk = ring.options.chunksize.unwrap_or(1);
        let (mut seen, mut sent, mut in_chunk) = (0, false, 0);
        loop {
            while let Some((number, slot)) = ring.claim(&mut seen) {
                if !sent {
                    sent = true;
                    if ring.needed_entry() {
                        // SAFETY: `needed_entry` has counted an owner for it.
                        view.put_back(unsafe { TaskRef::new(header) });
                    }
                }
                if let Some(reason) = self.stopping(view) {
                    // SAFETY: claimed.
                    drop_quietly(unsafe { ring.take_item(slot) });
                    ring.done(slot, Err(reason.clone().into()));
                    ring.refuse(&reason);
                    break;
                }
                // SAFETY: the caller is an owner, and has claimed the number.
                unsafe { self.run_one(number, slot) };
                if ring.header.is_forked() {
                    // In the child of a fork that the item made, the others are the parent's.
                    return None;
                }
                in_chunk += 1;
                if in_chunk < chunk {
                    continue;
                }
                let over = turn.as_mut().is_some_and(|turn| turn.looks(in_chunk));
                in_chunk = 0;
                if over && ring.backlog() > 0 {
                    let gave_way = ring.stand_back();
                    if gave_way == GaveWay::Last {
                        // SAFETY: the last active runner after ENDED.
                        unsafe { Self::drop_function(header) };
                    }
                    return Some(gave_way);
                }
            }
            if ring.leave_crew() {
                // SAFETY: the last active runner after ENDED.
                unsafe { Self::drop_function(header) };
                return None;
            }
            // edge RING fence: this runner gone from the crew → the consumer's look, or what the consumer published → the
            // look below.
            fence(Ordering::SeqCst);
            if ring.backlog() == 0 {
                ring.nudge();
                return None;
            }
            if !ring.rejoin_crew() {
                return None;
            }
        }
    }

    /// # Safety
    ///
    /// See [`VTable::retire`].
    unsafe fn retire(header: NonNull<Header>) -> bool {
        // SAFETY: the entry keeps the block alive.
        unsafe { Ring::<A, T, E>::of(header) }.entries.is_closed()
    }

    /// # Safety
    ///
    /// See [`VTable::discard`].
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the entry is an owner, and touches the stream no more.
        unsafe { Ring::<A, T, E>::leave(header) };
    }

    /// Why the pool begins no more items, if it does not.
    #[inline]
    fn stopping(&self, view: &dyn PoolView) -> Option<Reason> {
        match view.attention() {
            // Relaxed: a request, which carries nothing.
            Some(word) if word.load(Ordering::Relaxed) & STOP == 0 => None,
            _ => {
                // edge STOP acquire: the stage → this runner, which has seen STOP.
                fence(Ordering::Acquire);
                view.stopping()
            }
        }
    }

    /// # Safety
    ///
    /// See [`VTable::resolve`].
    pub(super) unsafe fn resolve(header: NonNull<Header>, reason: Reason, owner: Owner) -> bool {
        // SAFETY: the caller's right keeps the block alive.
        let ring = unsafe { Ring::<A, T, E>::of(header) };
        if owner == Owner::Queue {
            ring.entries.taken();
        }
        let mut any = frame::enter(header, || ring.refuse(&reason));
        if owner != Owner::Handle {
            if ring.join_crew() {
                // edge RING fence: the entry gone → the consumer's look, or what the consumer published → the look below.
                fence(Ordering::SeqCst); // [RING-3]
                any |= frame::enter(header, || ring.refuse(&reason));
                if ring.leave_crew() {
                    // SAFETY: the last active runner after ENDED.
                    unsafe { Self::drop_function(header) };
                }
                // edge RING fence: as in `run_for_a_turn`.
                fence(Ordering::SeqCst);
                any |= frame::enter(header, || ring.refuse(&reason));
            }
            // SAFETY: the entry is an owner, and touches the stream no more.
            unsafe { Ring::<A, T, E>::leave(header) };
        }
        any
    }
}
