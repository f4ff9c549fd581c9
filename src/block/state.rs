//! The state word of a task: one 32-bit atomic that is also the futex word.
//!
//! | bit | name | set | cleared |
//! |---|---|---|---|
//! | 0 | CLAIMED | by whoever takes the right to consume the work | never |
//! | 1 | DONE | when the outcome is in place | never |
//! | 2-3 | KIND | with DONE: 0 value, 1 failed, 2 cancelled, 3 terminated | never |
//! | 4 | WAITER | by a thread about to sleep on this word | never |
//! | 5 | WAKER | by the handle, when it lends the waker slot | by the handle, to take the slot back, before DONE |
//! | 6 | HANDLE | at birth | by the handle, when it gives up the result |
//! | 7 | QUEUE | at birth | by the queue's side, when its right is spent |
//! | 8 | WITHDRAWN | with CLAIMED, by the handle's side, when it takes the work back | never |
//! | 9 | ASKED | by the handle's side, to ask running work to stop | never |
//! | 10 | OUTSIDE | at birth, if the entry goes into the queue for submissions from outside | never |
//! | 27-31 | CELL | at birth: which cell of a slab the block lies in, or none | never |
//!
//! HANDLE and QUEUE are the two owners of the block. There is no reference count: whoever clears the last of the two
//! frees the block. A word of zero is a block that nobody owns, so it is never seen.
//!
//! Two rules hold at all times. *Not DONE implies QUEUE, or somebody who borrows the handle is running or withdrawing the
//! work*: so a handle that is dropped before DONE never frees. *After one's own bit is cleared one does not touch the
//! block; after HANDLE is cleared nobody but the completer touches the outcome.*
//!
//! All changes are read-modify-writes, so each continues the release sequence of those before it: an Acquire load that
//! sees a later value synchronises with every release that led to it.

use crate::sync::{AtomicU32, Ordering, fence};

const CLAIMED: u32 = 1;
const DONE: u32 = 1 << 1;
const KIND_SHIFT: u32 = 2;
const KIND: u32 = 0b11 << KIND_SHIFT;
pub(crate) const WAITER: u32 = 1 << 4;
const WAKER: u32 = 1 << 5;
const HANDLE: u32 = 1 << 6;
const QUEUE: u32 = 1 << 7;
const WITHDRAWN: u32 = 1 << 8;
const ASKED: u32 = 1 << 9;
const OUTSIDE: u32 = 1 << 10;
const CELL_SHIFT: u32 = u32::BITS - SlabCell::BITS;

/// What came of a task, as far as the state word tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Value = 0,
    Failed = 1,
    Cancelled = 2,
    Terminated = 3,
}

/// A state word as it was at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(u32);

impl Snapshot {
    pub(crate) const fn of(word: u32) -> Self {
        Self(word)
    }
    pub(crate) const fn is_claimed(self) -> bool {
        self.0 & CLAIMED != 0
    }
    pub(crate) const fn is_done(self) -> bool {
        self.0 & DONE != 0
    }
    pub(crate) const fn is_value(self) -> bool {
        self.is_done() && self.0 & KIND == 0
    }
    pub(crate) const fn is_cancelled(self) -> bool {
        self.is_done() && (self.0 & KIND) >> KIND_SHIFT == Kind::Cancelled as u32
    }
    pub(crate) const fn is_queued(self) -> bool {
        self.0 & QUEUE != 0
    }
    pub(crate) const fn is_outside(self) -> bool {
        self.0 & OUTSIDE != 0
    }
    pub(crate) const fn has_waker(self) -> bool {
        self.0 & WAKER != 0
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [
            (CLAIMED, "CLAIMED"),
            (DONE, "DONE"),
            (WAITER, "WAITER"),
            (WAKER, "WAKER"),
            (HANDLE, "HANDLE"),
            (QUEUE, "QUEUE"),
            (WITHDRAWN, "WITHDRAWN"),
            (ASKED, "ASKED"),
        ];
        let up = names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| name);
        f.debug_list().entries(up).finish()
    }
}

/// Where a block lies: in which cell of a slab, or in an allocation of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlabCell(u32);

impl SlabCell {
    const BITS: u32 = 5;
    /// How many cells of a slab there are words for; the last word says that a block lies in no slab.
    pub(crate) const CELLS: u32 = (1 << Self::BITS) - 1;
    pub(crate) const NONE: Self = Self(Self::CELLS);

    #[inline]
    pub(crate) const fn cell(index: u32) -> Self {
        Self(index)
    }

    #[inline]
    pub(crate) const fn index(self) -> u32 {
        self.0
    }
}

/// What a runner finds when it claims.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// The work is the caller's to consume; nobody had it.
    First,
    /// Somebody has claimed it before, to run or to resolve it.
    Joined,
    /// The submitter took the work back; there is none.
    Withdrawn,
}

/// What is left to do for whoever gave up its right to a block.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    /// It was the last owner: free the block.
    Free,
    /// The other owner frees it.
    Nothing,
}

/// What is left to do for whoever completed a task.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finish {
    /// The handle is gone: the outcome is the completer's to drop, and DONE is never set.
    Unobserved,
    /// Nobody waits.
    NoWaiter,
    /// Wake these. The completer's own right still holds the block.
    Wake { waker: bool, waiter: bool },
}

#[derive(Debug)]
pub(crate) struct State(AtomicU32);

impl State {
    /// Of a block with memory of its own.
    pub(crate) fn new(outside: bool) -> Self {
        Self::at(SlabCell::NONE, outside)
    }

    /// Owned by the queue and by a handle.
    pub(crate) fn at(place: SlabCell, outside: bool) -> Self {
        Self(AtomicU32::new(
            HANDLE | QUEUE | if outside { OUTSIDE } else { 0 } | place.0 << CELL_SHIFT,
        ))
    }

    /// Whether the entry went into the queue for submissions from outside.
    pub(crate) fn is_outside(&self) -> bool {
        // Relaxed: every value of the word says the same.
        Snapshot(self.0.load(Ordering::Relaxed)).is_outside()
    }

    /// Whether somebody has claimed the work, by a look that orders nothing.
    pub(crate) fn was_claimed(&self) -> bool {
        Snapshot(self.0.load(Ordering::Relaxed)).is_claimed()
    }

    /// Where the block lies.
    #[inline]
    pub(crate) fn slab_cell(&self) -> SlabCell {
        // Relaxed: every value of the word says the same.
        SlabCell(self.0.load(Ordering::Relaxed) >> CELL_SHIFT)
    }

    /// The word itself, for `wait` to sleep on and the completer to wake.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // edge RESULT acquire: outcome and all effects of the task → whoever sees DONE.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Takes the right to consume the work, or to take part in it.
    #[inline]
    pub(crate) fn claim(&self) -> Claim {
        // Relaxed: whoever claims has the block's first contents from elsewhere: the queue's side from the queue, whose
        // take acquires what the push released; the handle's side from whoever handed it the handle.
        let before = self.0.fetch_or(CLAIMED, Ordering::Relaxed);
        if before & WITHDRAWN != 0 {
            Claim::Withdrawn
        } else if before & CLAIMED != 0 {
            Claim::Joined
        } else {
            Claim::First
        }
    }

    /// Asks whoever runs the work to stop.
    pub(crate) fn ask(&self) {
        // Relaxed: a request, which carries nothing.
        self.0.fetch_or(ASKED, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ASKED != 0
    }

    /// Takes the work back for the submitter, unless somebody has claimed it.
    pub(crate) fn withdraw(&self) -> bool {
        // The submitter wrote the block itself.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & CLAIMED != 0 {
                return false;
            }
            let next = seen | CLAIMED | WITHDRAWN;
            match self.0.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Publishes the outcome. `spend_queue`: the caller runs by the queue's right alone and gives it up here if nobody
    /// has to be woken, so that the handle can free the block without another read-modify-write.
    #[inline]
    pub(crate) fn finish(&self, kind: Kind, spend_queue: bool) -> Finish {
        let outcome = DONE | (kind as u32) << KIND_SHIFT;
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & HANDLE == 0 {
                // edge LEFT acquire: the handle's last access → the completer, which drops the outcome and may free.
                fence(Ordering::Acquire);
                return Finish::Unobserved;
            }
            let no_waiter = seen & (WAITER | WAKER) == 0;
            let next =
                if no_waiter && spend_queue { (seen | outcome) & !QUEUE } else { seen | outcome };
            // edge RESULT release: outcome → whoever sees DONE.
            // edge WAKER acquire: the waker in the slot → the completer.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if no_waiter => return Finish::NoWaiter,
                Ok(_) => {
                    return Finish::Wake { waker: seen & WAKER != 0, waiter: seen & WAITER != 0 };
                }
                Err(now) => seen = now,
            }
        }
    }

    /// The queue's side gives up its right.
    pub(crate) fn leave_queue(&self) -> Duty {
        // edge LEFT release: this side's last access → whoever frees.
        // edge LEFT acquire: the handle's last access → this side, if it frees.
        let before = self.0.fetch_and(!QUEUE, Ordering::AcqRel);
        debug_assert!(before & QUEUE != 0, "the queue's right is spent once");
        if before & HANDLE == 0 { Duty::Free } else { Duty::Nothing }
    }

    /// The handle gives up its right, knowing that the outcome is no longer in the block.
    pub(crate) fn leave_handle(&self) -> Duty {
        // edge LEFT release and acquire: as in `leave_queue`.
        let before = self.0.fetch_and(!HANDLE, Ordering::AcqRel);
        debug_assert!(before & HANDLE != 0, "the handle's right is spent once");
        if before & QUEUE == 0 { Duty::Free } else { Duty::Nothing }
    }

    /// The handle gives up its right before DONE; the outcome will be the completer's to drop. Fails if the word is no
    /// longer `seen`. The rule above says that the queue's side is alive then, so there is never a block to free.
    pub(crate) fn abandon(&self, seen: Snapshot) -> Result<(), Snapshot> {
        debug_assert!(!seen.is_done() && !seen.has_waker());
        // edge LEFT release: the handle's last access → the completer.
        // edge RESULT acquire, on failure: the task may be DONE now.
        match self.0.compare_exchange(
            seen.0,
            seen.0 & !HANDLE,
            Ordering::Release,
            Ordering::Acquire,
        ) {
            Ok(_) => Ok(()),
            Err(now) => Err(Snapshot(now)),
        }
    }

    /// The handle lends the waker slot to the completer. Fails if the word is no longer `seen`.
    pub(crate) fn lend_waker(&self, seen: Snapshot) -> Result<(), Snapshot> {
        debug_assert!(!seen.is_done() && !seen.has_waker());
        // edge WAKER release: the waker in the slot → the completer.
        // edge RESULT acquire, on failure: the task may be DONE now.
        match self.0.compare_exchange(seen.0, seen.0 | WAKER, Ordering::Release, Ordering::Acquire)
        {
            Ok(_) => Ok(()),
            Err(now) => Err(Snapshot(now)),
        }
    }

    /// The handle takes the waker slot back. Fails if the word is no longer `seen`.
    pub(crate) fn take_back_waker(&self, seen: Snapshot) -> Result<Snapshot, Snapshot> {
        debug_assert!(!seen.is_done() && seen.has_waker());
        // Relaxed: only the handle writes the slot before DONE.
        // edge RESULT acquire, on failure: the task may be DONE now.
        let next = seen.0 & !WAKER;
        match self.0.compare_exchange(seen.0, next, Ordering::Relaxed, Ordering::Acquire) {
            Ok(_) => Ok(Snapshot(next)),
            Err(now) => Err(Snapshot(now)),
        }
    }
}

const _: () = assert!(
    CLAIMED | DONE | KIND | WAITER | WAKER | HANDLE | QUEUE | WITHDRAWN | ASKED | OUTSIDE
        == (1 << 11) - 1,
    "the bits do not overlap and leave no hole"
);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_a_place_of_its_own() {
        let bits = [CLAIMED, DONE, KIND, WAITER, WAKER, HANDLE, QUEUE, WITHDRAWN, ASKED, OUTSIDE];
        for (i, a) in bits.iter().enumerate() {
            for b in &bits[i + 1..] {
                assert_eq!(a & b, 0);
            }
        }
    }

    #[test]
    fn a_snapshot_names_the_bits_that_are_up() {
        assert_eq!(format!("{:?}", State::new(true).load()), r#"["HANDLE", "QUEUE"]"#);
    }
}
