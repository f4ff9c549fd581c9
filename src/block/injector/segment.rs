//! A segment of the [injector](super::injector): a fixed number of slots, each with room for one
//! entry, and the memory for them.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::sync::cell::UnsafeCell;
use crate::sync::heap::{self, Alive};
use crate::sync::{AtomicPtr, AtomicU32, Ordering};

/// How many slots a segment has.
pub(super) const SLOTS: usize = if cfg!(loom) { 2 } else { 63 };

pub(super) struct Slot<T> {
    pub(super) entry: UnsafeCell<MaybeUninit<T>>,
    /// 1 while the entry is in the slot.
    pub(super) full: AtomicU32,
}

pub(super) struct Segment<T> {
    pub(super) next: AtomicPtr<Self>,
    // count taken: the slots of a segment that takers have emptied. Each slot is counted once,
    // before the segment is used again.
    pub(super) taken: AtomicU32,
    pub(super) alive: Alive,
    pub(super) slots: [Slot<T>; SLOTS],
}

impl<T> Segment<T> {
    pub(super) fn create() -> NonNull<Self> {
        let segment = heap::alloc(Layout::new::<Self>()).cast::<Self>();
        let slot =
            |_| Slot { entry: UnsafeCell::new(MaybeUninit::uninit()), full: AtomicU32::new(0) };
        let fresh = Self {
            next: AtomicPtr::new(ptr::null_mut()),
            taken: AtomicU32::new(0),
            alive: Alive::new(),
            slots: std::array::from_fn(slot),
        };
        // SAFETY: the memory is fresh, and has the size and the alignment of a segment.
        unsafe { segment.write(fresh) };
        segment
    }

    /// Counts a slot as taken. If it was the last one, the segment is the caller's alone, and is as
    /// good as fresh. Else another thread may free it at once. [INJECT-3]
    ///
    /// # Safety
    ///
    /// The caller has claimed the slot at the head, and uses the segment no more if the answer is
    /// false.
    #[inline]
    pub(super) unsafe fn count_taken(segment: NonNull<Self>) -> bool {
        // SAFETY: the slot is not counted yet, so the segment is alive.
        let taken = unsafe { &(*segment.as_ptr()).taken };
        // edge TAKEN release: this thread's last access to the segment → the taker that ends it.
        // edge TAKEN acquire: the last accesses of all other takers → this thread, if it ends it.
        if taken.fetch_add(1, Ordering::AcqRel) as usize + 1 < SLOTS {
            return false;
        }
        // SAFETY: all slots are counted, so the segment is this thread's.
        let own = unsafe { segment.as_ref() };
        // Relaxed: the depot carries both to the next user.
        own.taken.store(0, Ordering::Relaxed);
        own.next.store(ptr::null_mut(), Ordering::Relaxed);
        true
    }

    /// # Safety
    ///
    /// The segment came from [`create`](Self::create), and no other thread uses it any more.
    pub(super) unsafe fn free(segment: NonNull<Self>) {
        // SAFETY: the segment is the caller's, so it is alive.
        unsafe { segment.as_ref() }.alive.end();
        // SAFETY: the segment was made with this layout, and no other thread knows it. Its fields
        // need no drop: an entry that is in a slot does not drop with the slot.
        unsafe { heap::dealloc(segment.cast(), Layout::new::<Self>()) };
    }
}
