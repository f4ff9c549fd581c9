//! A runner of a stream: it claims numbers, runs the items, puts the outcomes into the slots,
//! and leaves when there is nothing to claim.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::{ACTIVE, ASLEEP, Content, DONE, DROPPED, ENDED, ENTRY, NUDGED, Ring, Stream, WAITER};
use crate::block::{
    Each, Header, Outcome, Owner, PoolView, Reason, Taken, TaskError, TaskRef, Turn, VTable,
    catch_panic, drop_quietly, frame, stop_reason,
};
use crate::numbers::{Name, Shows};
use crate::sync::{Ordering, fence, futex, step};

/// What becomes of a runner that gives way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GaveWay {
    /// The runner is the stream's entry now, and must go into a queue.
    AsEntry,
    /// An entry lies in a queue already, the stream has ended, or no item is left: the runner
    /// has left the crew.
    Left,
    /// As `Left`, and the runner was the last active one after ENDED: it drops the function.
    Last,
}

impl<A, T, E> Ring<A, T, E> {
    /// Claims the next number, and returns it with the slot of its item. `seen` is what was
    /// published at the caller's last look. Until the claims are there, the call does not look.
    ///
    /// The call reads the slot number before it claims. The consumer overwrites it only for
    /// the number one ring further on. It publishes that number only when it has taken so many
    /// outcomes that a runner must have claimed this number. So a caller that read the new
    /// slot number fails its exchange.
    pub(super) fn claim(&self, seen: &mut u64) -> Option<(u64, usize)> {
        let mut number = self.claimed.load(Ordering::Relaxed);
        loop {
            if number >= *seen {
                // edge ITEM acquire: the item and its slot number, from the consumer → the runner
                // that claims the item.
                *seen = self.published.load(Ordering::Acquire);
                if number >= *seen {
                    return None;
                }
            }
            let slot = self.slot_of(number);
            // edge SLOT release: this runner's reading of the slot number → the consumer, which
            // overwrites it once enough outcomes have come.
            // edge SLOT acquire: the readings by the claimers of all earlier numbers → this
            // runner. The outcome of this number carries them on to the consumer.
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

    /// Publishes the outcome of a claimed number. Wakes the consumer if it sleeps for that one.
    pub(super) fn done(&self, slot: usize, outcome: Outcome<T, E>) {
        step::end();
        // SAFETY: from claim to DONE the content is the claimer's, which has taken the item
        // out.
        unsafe { self.put(slot, Content { outcome: ManuallyDrop::new(outcome) }) };
        let state = &self.slots[slot].state;
        // edge DONE release: the outcome, from this runner → the consumer.
        let before = state.swap(DONE, Ordering::Release);
        if let Some(bell) = &self.bell {
            return self.ring_if_asked(bell, slot, before);
        }
        if before & WAITER != 0 {
            futex::wake_one(state);
        }
        if !self.options.ordered {
            self.tell_of_any(slot);
        }
    }

    /// Refuses every number that no thread has claimed. Says whether there was any.
    pub(super) fn refuse(&self, reason: &Reason) -> bool {
        let mut any = false;
        let mut seen = 0;
        while let Some((_, slot)) = self.claim(&mut seen) {
            // SAFETY: this thread has claimed the number.
            drop_quietly(unsafe { self.take_item(slot) });
            self.done(slot, Err(reason.clone().into()));
            any = true;
        }
        any
    }

    pub(super) fn backlog(&self) -> u64 {
        let claimed = self.claimed.load(Ordering::Relaxed);
        // Relaxed: the number is a hint, and `claim` looks again. The fence of the edge RING
        // keeps a leaving runner's look from being too old. The edge CREW does so for a
        // consumer that marks itself asleep.
        self.published.load(Ordering::Relaxed).saturating_sub(claimed)
    }

    /// Counts an entry to be made, if an item waits for a runner that only an entry would
    /// bring. True if so: the caller makes the entry, and puts it into a queue. [RING-1]
    ///
    /// The caller has published the item, or has taken the entry, and then run a SeqCst fence.
    pub(super) fn needed_entry(&self) -> bool {
        let mut crew = self.crew.load(Ordering::Relaxed);
        while crew & (ENTRY | ENDED) == 0 && crew & ACTIVE < self.runners && self.backlog() > 0 {
            // Relaxed: the queue publishes the entry.
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

    /// Makes the caller, which has taken the entry, an active runner. False after ENDED.
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

    /// Takes the caller off the active runners. True if it was the last one after ENDED, and
    /// must drop the function. [RING-2]
    pub(super) fn leave_crew(&self) -> bool {
        // edge FUNCTION release: this runner's use of the function → the thread that drops it.
        // edge FUNCTION acquire: all other runners' uses → this runner, if it is the last.
        // edge CREW release: this runner's claims → a consumer that marks itself asleep later.
        let before = self.crew.fetch_sub(1, Ordering::AcqRel);
        before & (ENDED | DROPPED | ACTIVE) == ENDED | 1
    }

    /// Nudges a consumer that sleeps and could pull more. The caller is a runner that has left
    /// and sees no item.
    pub(super) fn nudge(&self) {
        if self.crew.load(Ordering::Relaxed) & ASLEEP == 0 {
            return;
        }
        // edge ASLEEP acquire: the awaited number, from the consumer → this runner.
        if self.crew.fetch_and(!ASLEEP, Ordering::Acquire) & ASLEEP != 0 {
            let state = &self.slots[self.slot_of(self.awaited.load(Ordering::Relaxed))].state;
            state.fetch_or(NUDGED, Ordering::Relaxed);
            futex::wake_one(state);
        }
    }

    /// Makes a runner that has left active again. False after ENDED: every item is claimed
    /// then.
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

    /// Turns the runner, which gives way, into the stream's entry. If there is an entry
    /// already, the runner leaves the active ones instead. One exchange does both. In two
    /// steps a worker could take the entry after this runner has seen it, and before this
    /// runner has left.
    fn stand_back(&self) -> GaveWay {
        let mut crew = self.crew.load(Ordering::Relaxed);
        loop {
            let leaves = crew & (ENTRY | ENDED) != 0;
            let next = if leaves { crew - 1 } else { (crew - 1) | ENTRY };
            // edge FUNCTION release: this runner's use of the function → the thread that drops
            // it.
            // edge FUNCTION acquire: all other runners' uses → this runner, if it is the last.
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

    /// Runs the item of one claimed number, and publishes its outcome.
    ///
    /// # Safety
    ///
    /// The caller is an owner and has claimed the number. Its item lies in this slot.
    pub(super) unsafe fn run_one(&self, number: u64, slot: usize) {
        // SAFETY: the caller has claimed the number.
        let item = unsafe { self.ring.take_item(slot) };
        let result = self.mapping.with(|mapping| {
            catch_panic(|| {
                // SAFETY: between claim and DONE a runner may use the function through `&`,
                // and no thread drops it.
                let mapping = unsafe { &*mapping };
                // SAFETY: `create` put the function there.
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
        let shows = || Shows::begin(ring.header.pool(), const { &Name(M::name) });
        let _shows = ring.options.counted.then(shows);
        if owner == Owner::Handle {
            // The consumer is a worker: it runs the oldest item that no thread has claimed.
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
            // edge RING fence: this runner's taking of the entry → the consumer's look. Or:
            // what the consumer published → the looks below.
            fence(Ordering::SeqCst);
            let run = || {
                // SAFETY: the entry made this worker a runner, which is an owner.
                unsafe { stream.run_for_a_turn(header, view) }
            };
            if let Some(gave_way) = frame::enter(header, run) {
                // This comes outside of the frame: the next runner of the entry may free the
                // block before `give_way` returns.
                // SAFETY: the entry is this runner's. The runner does not touch the stream
                // after it has given the entry away.
                let entry = (gave_way == GaveWay::AsEntry).then(|| unsafe { TaskRef::new(header) });
                let leaves = entry.is_none();
                view.give_way(entry);
                if !leaves {
                    return true;
                }
            }
        }
        if !ring.header.is_forked() {
            // SAFETY: the runner is an owner, and does not touch the stream afterwards.
            unsafe { Ring::<A, T, E>::leave(header) };
        }
        true
    }

    /// Runs items until none is left, or until the runner's turn is over. None: the runner has
    /// left the crew within its turn. Else the answer says how it gave way.
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
                        // SAFETY: `needed_entry` has counted an owner for this entry.
                        view.put_back(unsafe { TaskRef::new(header) });
                    }
                }
                if let Some(reason) = stop_reason(view) {
                    // SAFETY: this runner has claimed the number.
                    drop_quietly(unsafe { ring.take_item(slot) });
                    ring.done(slot, Err(reason.clone().into()));
                    ring.refuse(&reason);
                    break;
                }
                // SAFETY: the caller is an owner, and has claimed the number.
                unsafe { self.run_one(number, slot) };
                if ring.header.is_forked() {
                    // The item has forked. In the child the other items are the parent's.
                    return None;
                }
                in_chunk += 1;
                if in_chunk < chunk {
                    continue;
                }
                let over = turn.as_mut().is_some_and(|turn| turn.looks(in_chunk));
                in_chunk = 0;
                if over && ring.backlog() > 0 {
                    // SAFETY: the caller is an active runner.
                    return Some(unsafe { self.give_way(header) });
                }
            }
            if ring.leave_crew() {
                // SAFETY: this was the last active runner after ENDED.
                unsafe { Self::drop_function(header) };
                return None;
            }
            // edge RING fence: this runner's leaving of the crew → the consumer's look. Or:
            // what the consumer published → the look below.
            fence(Ordering::SeqCst);
            if ring.backlog() == 0 {
                ring.nudge();
                // The consumer may publish the next item at once, as an entry of its own. A runner
                // that would take that one next has had its turn.
                return turn.is_some_and(|turn| turn.is_over()).then_some(GaveWay::Left);
            }
            if !ring.rejoin_crew() {
                return None;
            }
        }
    }

    /// Lets a runner whose turn is over give way, and drops the function if that is left to
    /// the runner.
    ///
    /// # Safety
    ///
    /// The caller is an active runner. It is none afterwards.
    pub(super) unsafe fn give_way(&self, header: NonNull<Header>) -> GaveWay {
        let gave_way = self.ring.stand_back();
        if gave_way == GaveWay::Last {
            // SAFETY: this was the last active runner after ENDED.
            unsafe { Self::drop_function(header) };
        }
        gave_way
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
        // SAFETY: the entry is an owner, and the caller touches the stream no more.
        unsafe { Ring::<A, T, E>::leave(header) };
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
        if owner == Owner::Handle {
            return frame::enter(header, || ring.refuse(&reason));
        }
        // As an active runner: a consumer that goes then leaves the outcomes to this thread.
        let (mut any, mut active) = (false, ring.join_crew());
        while active {
            any |= frame::enter(header, || ring.refuse(&reason));
            if ring.leave_crew() {
                // SAFETY: this was the last active runner after ENDED.
                unsafe { Self::drop_function(header) };
                break;
            }
            // edge RING fence: this thread's leaving of the crew → the consumer's look. Or: what
            // the consumer published → the look below. [RING-3]
            fence(Ordering::SeqCst);
            active = ring.backlog() > 0 && ring.rejoin_crew();
        }
        // SAFETY: the entry is an owner, and the caller touches the stream no more.
        unsafe { Ring::<A, T, E>::leave(header) };
        any
    }
}
