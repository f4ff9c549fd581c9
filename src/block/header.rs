//! What every block begins with, and the two rights to it.
//!
//! # The field contract
//!
//! | field | who may touch it, and when |
//! |---|---|
//! | `state` | both owners, until they have cleared their own bit |
//! | `pool`, `vtable` | written at birth, read by both owners |
//! | `waker` | the handle's side while WAKER is down and DONE is not up; the completer once it has seen WAKER in `finish` |
//! | the work, behind the vtable | before CLAIMED the submitter; then whoever claimed it |
//! | the outcome, behind the vtable | before DONE the completer; after DONE the handle; if the handle left before DONE, the completer |

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::task::Waker;

use super::entries::Entries;
use super::error::Reason;
use super::pool_view::PoolView;
use super::state::{Duty, Finish, Kind, State};
use super::unwind;
use crate::sync::cell::UnsafeCell;
use crate::sync::heap::Alive;
use crate::sync::{futex, identity};

/// By which right a block is being run or resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// By a right taken from a queue, which is spent by the call.
    Queue,
    /// By a right that was meant for a queue and has not come into one. It is spent by the call. Only the entries of a block
    /// that counts them have it.
    Line,
    /// By borrowing the handle, which stays.
    Handle,
}

/// How a block is run, resolved and freed. Each function takes a pointer to the block's header.
#[derive(Debug)]
pub(crate) struct VTable {
    /// Does the work that nobody has started; says whether there was any.
    ///
    /// # Safety
    ///
    /// The caller holds the right that `Owner` names; but for `Owner::Handle` it is gone afterwards.
    pub(crate) run: unsafe fn(NonNull<Header>, &dyn PoolView, Owner) -> bool,
    /// Resolves all the work that nobody has started, without running it; says whether there was any.
    ///
    /// # Safety
    ///
    /// As for `run`.
    pub(crate) resolve: unsafe fn(NonNull<Header>, Reason, Owner) -> bool,
    /// Where the block counts its queue entries, if it does.
    ///
    /// # Safety
    ///
    /// The block is alive for as long as the result is used.
    pub(crate) entries: Option<unsafe fn(NonNull<Header>) -> NonNull<Entries>>,
    /// Whether an entry of the block has nothing left to do. If it says so, the entry must be given up by `discard`.
    ///
    /// # Safety
    ///
    /// The caller has an entry of the block.
    pub(crate) retire: unsafe fn(NonNull<Header>) -> bool,
    /// Gives up an entry of which `retire` has said that it has nothing left to do.
    ///
    /// # Safety
    ///
    /// The caller has such an entry; it is gone afterwards.
    pub(crate) discard: unsafe fn(NonNull<Header>),
    /// Frees the block, whose work and outcome are gone.
    ///
    /// # Safety
    ///
    /// The caller is the last owner.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// What a handle needs, if the block has a result.
    pub(crate) result: Option<ResultTable>,
}

/// What a handle asks of a block that has a result: of a call or a batch. Each function takes a pointer to the block's header.
#[derive(Debug)]
pub(crate) struct ResultTable {
    /// How many items are done, of how many.
    ///
    /// # Safety
    ///
    /// The caller has a right to the block.
    pub(crate) progress: unsafe fn(NonNull<Header>) -> (usize, usize),
    /// Where the outcome lies.
    ///
    /// # Safety
    ///
    /// The caller may touch the outcome, by the field contract, and does so for reading only if `Access` says so.
    pub(crate) outcome: unsafe fn(NonNull<Header>, Access) -> NonNull<()>,
    /// Drops the outcome; a panic of it is swallowed.
    ///
    /// # Safety
    ///
    /// The caller owns the outcome, by the field contract; it is gone afterwards.
    pub(crate) drop_outcome: unsafe fn(NonNull<Header>),
}

/// Whether the outcome is to be read or moved.
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

    /// Whether this is a copy, in a forked child, of a block whose pool is in the parent.
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
    /// The slot is the handle's side's (see the field contract) and empty.
    pub(crate) unsafe fn put_waker(&self, waker: Waker) {
        self.alive.touch();
        self.waker.with_mut(|slot| {
            // SAFETY: the slot is the caller's alone.
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
            // SAFETY: the slot is the caller's alone.
            let slot = unsafe { &*slot };
            // SAFETY: it holds a waker, and the caller does not look at it again before writing it.
            unsafe { slot.assume_init_read() }
        })
    }
}

/// The queue's right to a block: to run its work once, or to resolve it. Eight bytes. It must be spent; dropping it
/// leaks the block and leaves the handle waiting.
#[derive(Debug)]
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a block is made only from work and an outcome that are `Send` (or, for blocking calls, that the submitting
// frame outlives), and all that two owners share in it is atomic or governed by the state word.
unsafe impl Send for TaskRef {}

impl TaskRef {
    /// # Safety
    ///
    /// The block is alive and this right to it has not been made before.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// Tells this block from every other that is alive.
    #[inline]
    pub(crate) fn id(&self) -> NonNull<Header> {
        self.0
    }

    /// The right as a pointer, from which [`new`](Self::new) makes it again.
    pub(crate) fn into_id(self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(crate) fn is(&self, id: NonNull<Header>) -> bool {
        self.0 == id
    }

    /// Does all the work in the block that nobody has started.
    #[inline]
    pub(crate) fn run(self, view: &dyn PoolView) {
        // SAFETY: the queue's right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the right is the queue's, and `self` is consumed.
        unsafe { (vtable.run)(self.0, view, Owner::Queue) };
    }

    /// Gives the entry back, unless it is **stale**: has nothing left to do.
    ///
    /// # Errors
    ///
    /// The entry, if it is alive.
    pub(crate) fn retire(self) -> Result<Stale, Self> {
        // SAFETY: as in `run`.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the entry is the caller's.
        if unsafe { (vtable.retire)(self.0) } { Ok(Stale(self.0)) } else { Err(self) }
    }

    /// Resolves what nobody has started, without running it.
    pub(crate) fn resolve(self, reason: Reason) {
        // SAFETY: as in `run`.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: as in `run`.
        unsafe { (vtable.resolve)(self.0, reason, Owner::Queue) };
    }

    /// As [`resolve`](Self::resolve), for an entry that has not come into a queue. Of a block that is closed it only spends the
    /// right, unless units have been put back into it.
    pub(crate) fn turn_away(self, reason: Reason) {
        // SAFETY: as in `run`.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: the right was meant for a queue and is in none, and `self` is consumed.
        unsafe { (vtable.resolve)(self.0, reason, Owner::Line) };
    }

    /// Counts the entry as one without a place, if the block counts its entries. False if the block is closed: then the entry has
    /// nothing to do in a queue.
    #[inline]
    pub(crate) fn count(&self) -> bool {
        self.entries().is_none_or(|entries| {
            debug_assert!(!entries.have_places(), "an entry with a place is counted with it");
            entries.entered(1)
        })
    }

    /// As [`count`](Self::count), for an entry that is pushed, or run as if it had been, though the block may be closed.
    #[inline]
    pub(crate) fn count_anyhow(&self) {
        if let Some(entries) = self.entries() {
            entries.entered_anyhow();
        }
    }

    /// Whether an entry of this block holds a place while it is queued.
    pub(crate) fn has_place(&self) -> bool {
        self.entries().is_some_and(Entries::have_places)
    }

    /// Where the block counts its entries, if it does.
    #[inline]
    pub(crate) fn entries(&self) -> Option<&Entries> {
        // SAFETY: the queue's right keeps the block alive.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        let entries = vtable.entries?;
        // SAFETY: the right, and so the block, lives for as long as the result is used.
        let entries = unsafe { entries(self.0) };
        // SAFETY: it points into the block, and is changed through atomics alone as long as a right is left.
        Some(unsafe { entries.as_ref() })
    }
}

/// An entry that has nothing left to do. Dropping it gives up its right; no code of the user's runs.
#[must_use = "it is counted as stale until its drop"]
pub(crate) struct Stale(NonNull<Header>);

impl Stale {
    /// Whether it was counted among the entries from outside.
    pub(crate) fn is_outside(&self) -> bool {
        // SAFETY: the right keeps the block alive.
        unsafe { self.0.as_ref() }.state().is_outside()
    }
}

impl Drop for Stale {
    fn drop(&mut self) {
        // SAFETY: as in `TaskRef::run`.
        let vtable = unsafe { self.0.as_ref() }.vtable();
        // SAFETY: `retire` has said so of this entry.
        unsafe { (vtable.discard)(self.0) };
    }
}

/// What [`publish`] leaves to its caller.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Published {
    /// The handle was gone: the outcome is the caller's to drop. Its right to the block is unspent.
    Unobserved,
    /// The caller's right to the block is unspent.
    Unspent,
    /// The caller's right is spent; the block may be gone.
    Spent,
}

/// Publishes the outcome and wakes whoever waits. `spend_queue` as in [`State::finish`].
///
/// The wake-ups happen while the caller's right still holds the block: nothing is ever woken on freed memory.
///
/// # Safety
///
/// The outcome is in place; the caller claimed the work and holds a right to the block, and if `spend_queue`, the
/// queue's.
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
            // SAFETY: with waiters the right was not spent, so the block is still alive.
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
        // A task that has forked ends in the child too. Those who wait are in the parent.
        return;
    }
    if waker {
        // SAFETY: `finish` saw WAKER and so made the slot, with the waker in it, the completer's.
        let waker = unsafe { block.take_waker() };
        unwind::forget_panic(unwind::catch_panic(|| waker.wake()));
    }
    if waiter {
        view.about_to_wake();
        futex::wake_all(block.state().word());
    }
}

/// Carries out a duty.
///
/// # Safety
///
/// The duty came from giving up a right to this block.
#[inline]
pub(crate) unsafe fn discharge(header: NonNull<Header>, duty: Duty) {
    if duty == Duty::Free {
        // SAFETY: `Free` means that both owners have left, so nobody else can touch or free the block.
        let vtable = unsafe { header.as_ref() }.vtable();
        // SAFETY: the caller is the last owner.
        unsafe { (vtable.free)(header) };
    }
}
