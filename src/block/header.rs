//! What every block begins with, and the two rights to a block.
//!
//! # The field contract
//!
//! The **completer** is the thread that writes the outcome.
//!
//! | field | who may touch it, and when |
//! |---|---|
//! | `state` | each owner, until it has cleared its own bit |
//! | `pool`, `vtable` | the submitter writes them at birth, both owners read them |
//! | the due time, behind the vtable | the submitter writes it at birth, both owners read it |
//! | `waker` | the handle, while WAKER and DONE are down |
//! | `waker`, lent | the completer, once it has seen WAKER in `finish` |
//! | the work, behind the vtable | before CLAIMED the submitter; then the thread that claimed it |
//! | the outcome, behind the vtable | before DONE the completer; after DONE the handle |
//! | the outcome, if the handle left before DONE | the completer |

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::Waker;

use super::entries::Entries;
use super::error::Reason;
use super::pool_view::PoolView;
use super::state::{Duty, Finish, Kind, State};
use super::unwind;
use crate::sync::cell::UnsafeCell;
use crate::sync::clock::Deadline;
use crate::sync::heap::Alive;
use crate::sync::{futex, identity};

/// The owner by whose right a thread runs or resolves a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// The queue. The right was taken from a queue, and the call spends it.
    Queue,
    /// The line. The right was meant for a queue and never came into one. The call spends it.
    /// Only a block that counts its entries gives such a right.
    Line,
    /// The handle. The call borrows the handle, and the handle stays.
    Handle,
}

/// How a thread runs, resolves and frees a block. Each function takes a pointer to the header.
#[derive(Debug)]
pub(crate) struct VTable {
    /// Does the work that no thread has started. Says whether there was any.
    ///
    /// # Safety
    ///
    /// The caller holds this `Owner`'s right. The call spends it, except for `Owner::Handle`.
    pub(crate) run: unsafe fn(NonNull<Header>, &dyn PoolView, Owner) -> bool,
    /// Resolves all work that no thread has started, and runs none. Says whether there was
    /// any.
    ///
    /// # Safety
    ///
    /// As for `run`.
    pub(crate) resolve: unsafe fn(NonNull<Header>, Reason, Owner) -> bool,
    /// Says where the block counts its queue entries, if it does.
    ///
    /// # Safety
    ///
    /// The block is alive for as long as the caller uses the result.
    pub(crate) entries: Option<unsafe fn(NonNull<Header>) -> NonNull<Entries>>,
    /// Says whether an entry of the block has nothing left to do. If so, `discard` must
    /// follow.
    ///
    /// # Safety
    ///
    /// The caller has an entry of the block.
    pub(crate) retire: unsafe fn(NonNull<Header>) -> bool,
    /// Gives up an entry after `retire` has said that it has nothing left to do.
    ///
    /// # Safety
    ///
    /// The caller has such an entry. The call spends it.
    pub(crate) discard: unsafe fn(NonNull<Header>),
    /// Frees the block, whose work and outcome are gone.
    ///
    /// # Safety
    ///
    /// The caller is the last owner.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// The functions that a handle needs, if the block has a result.
    pub(crate) result: Option<ResultTable>,
}

/// The functions that a handle calls on a block with a result: a call or a batch. Each
/// function takes a pointer to the block's header.
#[derive(Debug)]
pub(crate) struct ResultTable {
    /// Returns how many items are done, and how many there are.
    ///
    /// # Safety
    ///
    /// The caller has a right to the block.
    pub(crate) progress: unsafe fn(NonNull<Header>) -> (usize, usize),
    /// Returns the place where the outcome lies.
    ///
    /// # Safety
    ///
    /// The caller may touch the outcome, by the field contract; it only reads with `Read`.
    pub(crate) outcome: unsafe fn(NonNull<Header>, Access) -> NonNull<()>,
    /// Drops the outcome, and swallows a panic of its `Drop`.
    ///
    /// # Safety
    ///
    /// The caller owns the outcome, by the field contract. The outcome is gone afterwards.
    pub(crate) drop_outcome: unsafe fn(NonNull<Header>),
    /// Says by when the work must have begun. A block whose work has no such deadline has no
    /// such function.
    ///
    /// # Safety
    ///
    /// The caller has a right to the block.
    pub(crate) due: Option<unsafe fn(NonNull<Header>) -> Option<Deadline>>,
}

/// Whether the caller reads or moves the outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    Move,
}

#[derive(Debug)]
#[repr(C)]
pub(crate) struct Header {
    state: State,
    pool: u32,
    vtable: &'static VTable,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    alive: Alive,
}

impl Header {
    pub(crate) fn new(state: State, pool: u32, vtable: &'static VTable) -> Self {
        Self {
            state,
            pool,
            vtable,
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            alive: Alive::new(),
        }
    }

    #[inline]
    pub(crate) fn state(&self) -> &State {
        self.alive.touch();
        &self.state
    }

    #[inline]
    pub(crate) fn pool(&self) -> u32 {
        self.alive.touch();
        self.pool
    }

    /// Says whether this block is a forked child's copy, whose pool is in the parent.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        identity::is_forked(self.pool())
    }

    #[inline]
    pub(crate) fn vtable(&self) -> &'static VTable {
        self.alive.touch();
        self.vtable
    }

    #[inline]
    pub(crate) fn alive(&self) -> &Alive {
        &self.alive
    }

    /// Puts a waker into the slot.
    ///
    /// # Safety
    ///
    /// The caller holds the handle. The slot is the handle's (see the field contract) and
    /// empty.
    pub(crate) unsafe fn put_waker(&self, waker: Waker) {
        self.alive.touch();
        self.waker.with_mut(|slot| {
            // SAFETY: only the caller may touch the slot.
            let slot = unsafe { &mut *slot };
            slot.write(waker);
        });
    }

    /// Takes the waker out of the slot.
    ///
    /// # Safety
    ///
    /// The slot is the caller's (see the field contract) and holds a waker.
    pub(crate) unsafe fn take_waker(&self) -> Waker {
        self.alive.touch();
        self.waker.with_mut(|slot| {
            // SAFETY: only the caller may touch the slot.
            let slot = unsafe { &*slot };
            // SAFETY: the slot holds a waker, and the caller writes it before it reads it
            // again.
            unsafe { slot.assume_init_read() }
        })
    }
}

/// The queue's right to a block: to run the block's work once, or to resolve it. It takes
/// eight bytes. Its holder must spend it: a dropped right leaks the block and leaves the
/// handle waiting.
#[derive(Debug)]
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a block is made only of work and an outcome that are `Send` (or, for blocking calls,
// that the submitting frame outlives). All else that the two owners share in it is atomic or
// governed by the state word.
unsafe impl Send for TaskRef {}

impl TaskRef {
    /// # Safety
    ///
    /// The block is alive, and this right to it has not been made before.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// Returns a pointer that tells this block from every other living block.
    #[inline]
    pub(crate) fn id(&self) -> NonNull<Header> {
        self.0
    }

    /// Returns the right as a pointer. [`new`](Self::new) makes the right of it again.
    pub(crate) fn into_id(self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(crate) fn is(&self, id: NonNull<Header>) -> bool {
        self.0 == id
    }

    /// Does all work in the block that no thread has started.
    #[inline]
    pub(crate) fn run(self, view: &dyn PoolView) {
        self.run_if_any(view);
    }

    /// Does what `run` does, and says whether there was anything to do.
    #[inline]
    pub(crate) fn run_if_any(self, view: &dyn PoolView) -> bool {
        // SAFETY: the queue's right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the right is the queue's, and `self` is consumed.
        unsafe { (vtable.run)(self.0, view, Owner::Queue) }
    }

    /// Makes a **stale entry**, one with nothing left to do, into a `Stale`. Otherwise the error is
    /// the entry, which may have something left to do.
    pub(crate) fn retire(self) -> Result<Stale, Self> {
        // SAFETY: the queue's right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the entry is the caller's.
        if unsafe { (vtable.retire)(self.0) } { Ok(Stale(self.0)) } else { Err(self) }
    }

    /// Resolves, without running it, all work that no thread has started.
    pub(crate) fn resolve(self, reason: Reason) {
        self.resolve_by(reason, Owner::Queue);
    }

    /// Resolves the work by the right of its `owner`. Says whether there was any.
    pub(crate) fn resolve_by(self, reason: Reason, owner: Owner) -> bool {
        // SAFETY: the right, the queue's or the line's, keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the right is that of the owner, and `self` is consumed.
        unsafe { (vtable.resolve)(self.0, reason, owner) }
    }

    /// Resolves the work of an entry that never came into a queue. If the block is closed, this
    /// only spends the right, unless a runner has put chunks back into the block.
    pub(crate) fn turn_away(self, reason: Reason) {
        self.resolve_by(reason, Owner::Line);
    }

    /// Counts the entry as one without a place, if the block counts its entries. Returns false
    /// if the block is closed: the entry has nothing to do in a queue then.
    #[inline]
    pub(crate) fn count(&self) -> bool {
        self.entries().is_none_or(|entries| {
            debug_assert!(!entries.have_places(), "an entry with a place is counted with it");
            entries.entered(1)
        })
    }

    /// Says whether an entry of this block holds a place while it is queued.
    pub(crate) fn has_place(&self) -> bool {
        self.entries().is_some_and(Entries::have_places)
    }

    /// Returns the block's count of its entries, if it has one.
    #[inline]
    pub(crate) fn entries(&self) -> Option<&Entries> {
        // SAFETY: the queue's right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        let entries = vtable.entries?;
        // SAFETY: the right lives for as long as the result is used, and so does the block.
        let entries = unsafe { entries(self.0) };
        // SAFETY: the pointer points into the block. As long as a right is left, threads
        // change the count through atomics alone.
        Some(unsafe { entries.as_ref() })
    }
}

/// An entry that has nothing left to do. Its drop gives up the right, and runs no code of the
/// user's.
#[must_use = "it is counted as stale until its drop"]
pub(crate) struct Stale(NonNull<Header>);

impl Stale {
    /// Says whether the entry was counted among those from outside.
    pub(crate) fn is_outside(&self) -> bool {
        // SAFETY: the right keeps the block alive.
        unsafe { self.0.as_ref() }.state().is_outside()
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        // SAFETY: the right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: `retire` has said of this entry that it has nothing left to do.
        unsafe { (vtable.discard)(self.0) };
    }
}

/// What [`publish`] leaves to its caller.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Published {
    /// The handle was gone: the caller must drop the outcome. The caller's right to the block
    /// is unspent.
    Unobserved,
    /// The caller's right to the block is unspent.
    Unspent,
    /// The caller's right is spent. The block may be gone.
    Spent,
}

/// Publishes the outcome and wakes the waiters. `spend_queue` is as in [`State::finish`].
///
/// The caller's right still holds the block while the call wakes them, so no wake-up touches
/// freed memory.
///
/// # Safety
///
/// The outcome is in place. The caller claimed the work and holds a right to the block. If
/// `spend_queue`, that right is the queue's.
#[inline]
pub(crate) unsafe fn publish(
    header: NonNull<Header>,
    kind: Kind,
    spend_queue: bool,
    view: &dyn PoolView,
) -> Published {
    // SAFETY: the caller's right keeps the block alive up to the end of `finish`.
    let block = unsafe { header.as_ref() };
    match block.state().finish(kind, spend_queue) {
        Finish::Unobserved => Published::Unobserved,
        Finish::NoWaiter if spend_queue => Published::Spent,
        Finish::NoWaiter => Published::Unspent,
        Finish::Wake { waker, waiter } => {
            // SAFETY: there are waiters, so `finish` did not spend the right, and the block is
            // still alive.
            unsafe { wake_slow(header, waker, waiter, view) };
            Published::Unspent
        }
    }
}

/// # Safety
///
/// The caller holds a right to the block, and `finish` has told it to wake these.
#[cold]
unsafe fn wake_slow(header: NonNull<Header>, waker: bool, waiter: bool, view: &dyn PoolView) {
    // SAFETY: the caller's right keeps the block alive.
    let block = unsafe { header.as_ref() };
    if block.is_forked() {
        // A task that forked ends in the child too. The threads that wait for it are in the
        // parent.
        return;
    }
    if waker {
        // SAFETY: `finish` saw WAKER, so the slot and the waker in it are the completer's.
        let waker = unsafe { block.take_waker() };
        unwind::forget_panic(unwind::catch_panic(|| waker.wake()));
    }
    if waiter {
        view.about_to_wake();
        futex::wake_all(block.state().word());
    }
}

/// Frees the block if `duty` says so.
///
/// # Safety
///
/// The duty came from giving up a right to this block.
#[inline]
pub(crate) unsafe fn discharge(header: NonNull<Header>, duty: Duty) {
    if duty == Duty::Free {
        // SAFETY: `Free` says that both owners have left, so no other thread touches or frees
        // the block.
        let vtable = unsafe { header.as_ref() }.vtable();
        // SAFETY: the caller is the last owner.
        unsafe { (vtable.free)(header) };
    }
}
