//! The state word of a task: one 32-bit atomic, which is also the futex word.
//!
//! | bit | name | set | cleared |
//! |---|---|---|---|
//! | 0 | CLAIMED | by the thread that takes the right to consume the work | never |
//! | 1 | DONE | when the outcome is in place | never |
//! | 2-3 | KIND | with DONE: 0 value, 1 failed, 2 cancelled, 3 terminated | never |
//! | 4 | WAITER | by a thread about to sleep on this word | never |
//! | 5 | WAKER | by the handle, to lend its waker | by the handle, to take it back, before DONE |
//! | 6 | HANDLE | at birth | by the handle, when it gives up the result |
//! | 7 | QUEUE | at birth | by the thread that spends the queue's right |
//! | 8 | WITHDRAWN | with CLAIMED, by the submitter, to take the work back | never |
//! | 9 | ASKED | by the handle, or by a stream's consumer, to ask running work to stop | never |
//! | 10 | OUTSIDE | at birth, if the entry goes to the queue for submissions from outside | never |
//! | 27-31 | CELL | at birth: the slab cell that the block lies in, or none | never |
//!
//! HANDLE and QUEUE stand for the two owners of the block. There is no reference count: the
//! owner that clears the last of the two bits frees the block. A word of zero would be a block
//! without an owner, so no thread ever sees one.
//!
//! Two rules hold at all times.
//!
//! * *While DONE is down, QUEUE is up, or a thread that borrows the handle runs or withdraws
//!   the work.* So a handle that is dropped before DONE never frees the block.
//! * *An owner that has cleared its own bit does not touch the block. After HANDLE is cleared,
//!   only the completer touches the outcome.*
//!
//! Every change of the word is a read-modify-write, so each continues the release sequences of
//! the changes before it. An Acquire load that sees a later value synchronises with every
//! release that led to that value.

use crate::sync::{AtomicU32, Ordering, step};

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

/// How a task ended, as far as the state word tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Value = 0,
    Failed = 1,
    Cancelled = 2,
    Terminated = 3,
}

/// The state word as it was at one moment.
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

/// Where a block lies: in a slab cell, or in an allocation of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlabCell(u32);

impl SlabCell {
    const BITS: u32 = 5;
    /// How many cells of a slab the bits can name. The last value says that a block lies in no
    /// slab.
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
    /// The work is the caller's to consume: no thread had claimed it.
    First,
    /// Another thread has claimed the work before, to run or to resolve it.
    Joined,
    /// The submitter took the work back. There is none.
    Withdrawn,
}

/// The duty of the owner that gave up its right to a block.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    /// It was the last owner: it frees the block.
    Free,
    /// The other owner frees the block.
    Nothing,
}

/// The duty of the completer of a task.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finish {
    /// The handle is gone, and DONE is never set. The completer drops the outcome.
    Unobserved,
    /// There is no waiter.
    NoWaiter,
    /// The completer wakes these. Its own right still holds the block.
    Wake { waker: bool, waiter: bool },
}

#[derive(Debug)]
pub(crate) struct State(AtomicU32);

impl State {
    /// Makes the word of a block that has an allocation of its own.
    pub(crate) fn new(outside: bool) -> Self {
        Self::in_cell(SlabCell::NONE, outside)
    }

    /// Makes the word of a block in this slab cell. The queue and a handle own the block.
    pub(crate) fn in_cell(cell: SlabCell, outside: bool) -> Self {
        Self(AtomicU32::new(
            HANDLE | QUEUE | if outside { OUTSIDE } else { 0 } | cell.0 << CELL_SHIFT,
        ))
    }

    /// Says whether the entry went into the queue for submissions from outside.
    pub(crate) fn is_outside(&self) -> bool {
        // Relaxed: this bit never changes.
        Snapshot(self.0.load(Ordering::Relaxed)).is_outside()
    }

    /// Says whether a thread has claimed the work, by a look that orders nothing.
    pub(crate) fn was_claimed(&self) -> bool {
        Snapshot(self.0.load(Ordering::Relaxed)).is_claimed()
    }

    /// Says where the block lies.
    #[inline]
    pub(crate) fn slab_cell(&self) -> SlabCell {
        // Relaxed: these bits never change.
        SlabCell(self.0.load(Ordering::Relaxed) >> CELL_SHIFT)
    }

    /// Lends the word itself: waiters sleep on it, and the completer wakes them.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // edge RESULT acquire: the outcome and all effects of the task → the thread that sees
        // DONE.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// Takes the right to consume the work, or to take part in it.
    #[inline]
    pub(crate) fn claim(&self) -> Claim {
        // Relaxed: the claimer has the block's first contents from elsewhere. By the queue's
        // right it has them from the queue, whose take acquires what the push released. By the
        // handle's right it has them from the thread that gave it the handle.
        let before = self.0.fetch_or(CLAIMED, Ordering::Relaxed);
        if before & WITHDRAWN != 0 {
            Claim::Withdrawn
        } else if before & CLAIMED != 0 {
            Claim::Joined
        } else {
            Claim::First
        }
    }

    /// Asks the threads that run the work to stop.
    pub(crate) fn ask(&self) {
        // Relaxed: a request, which carries nothing.
        self.0.fetch_or(ASKED, Ordering::Relaxed);
    }

    /// Says whether a thread has asked the work to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ASKED != 0
    }

    /// Takes the work back for the submitter, unless a thread has claimed it.
    pub(crate) fn withdraw(&self) -> bool {
        // Relaxed: the submitter wrote the block itself.
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

    /// Publishes the outcome. `spend_queue` says that the caller runs by the queue's right
    /// alone. The call then gives that right up if there is no waiter, so that the handle can
    /// free the block without another read-modify-write.
    #[inline]
    pub(crate) fn finish(&self, kind: Kind, spend_queue: bool) -> Finish {
        step::end();
        let outcome = DONE | (kind as u32) << KIND_SHIFT;
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & HANDLE == 0 {
                // edge LEFT acquire: the handle's last access → the completer, which drops the
                // outcome and may free the block. (A load, for ThreadSanitizer knows no fences.)
                let _ = self.0.load(Ordering::Acquire);
                return Finish::Unobserved;
            }
            let no_waiter = seen & (WAITER | WAKER) == 0;
            let next =
                if no_waiter && spend_queue { (seen | outcome) & !QUEUE } else { seen | outcome };
            // edge RESULT release: the outcome → the thread that sees DONE.
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

    /// Gives up the queue's right.
    pub(crate) fn leave_queue(&self) -> Duty {
        // edge LEFT release: the queue's last access → the owner that frees the block.
        // edge LEFT acquire: the handle's last access → the queue, if it frees the block.
        let before = self.0.fetch_and(!QUEUE, Ordering::AcqRel);
        debug_assert!(before & QUEUE != 0, "the queue's right is spent once");
        if before & HANDLE == 0 { Duty::Free } else { Duty::Nothing }
    }

    /// Gives up the handle's right. The caller knows that the outcome is no longer in the
    /// block.
    pub(crate) fn leave_handle(&self) -> Duty {
        // edge LEFT release and acquire: the last access of the owner that leaves first → the
        // owner that frees the block.
        let before = self.0.fetch_and(!HANDLE, Ordering::AcqRel);
        debug_assert!(before & HANDLE != 0, "the handle's right is spent once");
        if before & QUEUE == 0 { Duty::Free } else { Duty::Nothing }
    }

    /// Gives up the handle's right before DONE, and leaves the outcome for the completer to
    /// drop. Fails if the word is no longer `seen`. By the first rule above QUEUE is up then,
    /// so the caller never has a block to free.
    pub(crate) fn abandon(&self, seen: Snapshot) -> Result<(), Snapshot> {
        debug_assert!(!seen.is_done() && !seen.has_waker());
        // edge LEFT release: the handle's last access → the completer.
        // edge RESULT acquire, on failure: the outcome, if the task is DONE now → the handle.
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

    /// Lends the handle's waker slot to the completer. Fails if the word is no longer `seen`.
    pub(crate) fn lend_waker(&self, seen: Snapshot) -> Result<(), Snapshot> {
        debug_assert!(!seen.is_done() && !seen.has_waker());
        // edge WAKER release: the waker in the slot → the completer.
        // edge RESULT acquire, on failure: the outcome, if the task is DONE now → the handle.
        match self.0.compare_exchange(seen.0, seen.0 | WAKER, Ordering::Release, Ordering::Acquire)
        {
            Ok(_) => Ok(()),
            Err(now) => Err(Snapshot(now)),
        }
    }

    /// Takes the waker slot back for the handle. Fails if the word is no longer `seen`.
    pub(crate) fn take_back_waker(&self, seen: Snapshot) -> Result<Snapshot, Snapshot> {
        debug_assert!(!seen.is_done() && seen.has_waker());
        // Relaxed: only the handle writes the slot before DONE.
        // edge RESULT acquire, on failure: the outcome, if the task is DONE now → the handle.
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
