//! The items of a batch on their way in, and its values on their way out. They lie in two
//! buffers, and the elements move one by one, in any order, on any thread.
//!
//! If a value needs as much room as an item, the two buffers are one. Then the runner that
//! took an item out puts the item's value in the same place.

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::{self, NonNull};

use crate::block::drop_quietly;
use crate::sync::{AtomicPtr, Ordering};

/// Where the items of a batch come from.
pub(crate) enum Source<A> {
    Vector(Vec<A>),
    /// So many items, with nothing in them. The mapping finds by index what it works on.
    Indices(usize),
}

impl<A> Source<A> {
    pub(in crate::batch) fn len(&self) -> usize {
        match self {
            Self::Vector(items) => items.len(),
            Self::Indices(count) => *count,
        }
    }

    /// Says whether values of type `R` can lie where these items lie, without much unused
    /// room.
    pub(super) fn can_hold<R>(&self) -> bool {
        let Self::Vector(items) = self else { return false };
        size_of::<A>() > 0
            && size_of::<A>() == size_of::<R>()
            && align_of::<A>() == align_of::<R>()
            && items.capacity() / 2 <= items.len()
    }
}

impl<A> From<Vec<A>> for Source<A> {
    fn from(items: Vec<A>) -> Self {
        Self::Vector(items)
    }
}

impl From<usize> for Source<()> {
    fn from(count: usize) -> Self {
        Self::Indices(count)
    }
}

/// A vector from which runners take the elements one by one.
pub(super) struct Items<A> {
    first: NonNull<A>,
    len: usize,
    capacity: usize,
}

impl<A> Items<A> {
    pub(super) fn new(items: Source<A>) -> Self {
        let items = match items {
            Source::Vector(items) => items,
            Source::Indices(len) => {
                assert!(size_of::<A>() == 0, "an index takes no memory");
                return Self { first: NonNull::dangling(), len, capacity: 0 };
            }
        };
        let mut items = ManuallyDrop::new(items);
        let (len, capacity) = (items.len(), items.capacity());
        // The vector's own pointer is good for the vector's whole capacity.
        let first = NonNull::new(items.as_mut_ptr()).expect("a vector's pointer is not null");
        Self { first, len, capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    ///
    /// `index` is below `len`, and no other call takes this item, before or after.
    #[inline]
    pub(super) unsafe fn take(&self, index: usize) -> A {
        // SAFETY: the item lies within the buffer.
        let item = unsafe { self.first.add(index) };
        // SAFETY: the item is in the buffer, and is taken once.
        unsafe { item.read() }
    }

    /// Makes the vector again.
    ///
    /// # Safety
    ///
    /// No item was taken, and the caller does not use `self` again.
    pub(super) unsafe fn take_all(&self) -> Vec<A> {
        // SAFETY: these are the parts of the vector that `new` took apart.
        unsafe { Vec::from_raw_parts(self.first.as_ptr(), self.len, self.capacity) }
    }

    /// Frees the buffer.
    ///
    /// # Safety
    ///
    /// Every item was taken, no values lie in the buffer, and the caller does not use `self`
    /// again.
    pub(super) unsafe fn free(&self) {
        // SAFETY: these are the parts of the vector that `new` took apart, and none of its
        // elements is there.
        drop(unsafe { Vec::from_raw_parts(self.first.as_ptr(), 0, self.capacity) });
    }
}

/// Values that no runner has written, because their items failed or were dropped.
struct Hole {
    indices: Range<usize>,
    below: *mut Hole,
}

/// A vector into which runners put the elements one by one.
pub(super) struct Results<R> {
    first: NonNull<R>,
    capacity: usize,
    /// A stack of the holes. Until the batch is concluded, runners only push. It is empty
    /// unless an item has failed or was dropped.
    holes: AtomicPtr<Hole>,
}

impl<R> Results<R> {
    pub(super) fn new(len: usize) -> Self {
        let mut results = ManuallyDrop::new(Vec::<R>::with_capacity(len));
        let capacity = results.capacity();
        let first = NonNull::new(results.as_mut_ptr()).expect("a vector's pointer is not null");
        Self { first, capacity, holes: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Lets the values lie where the items lie, which [`can_hold`](Source::can_hold) them.
    pub(super) fn in_place_of<A>(items: &Items<A>) -> Self {
        Self {
            first: items.first.cast(),
            capacity: items.capacity,
            holes: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// # Safety
    ///
    /// `index` is below `len`, and no other call puts this value, before or after.
    #[inline]
    pub(super) unsafe fn put(&self, index: usize, value: R) {
        // SAFETY: the place lies within the buffer.
        let place = unsafe { self.first.add(index) };
        // SAFETY: the place is the caller's. Nothing is there yet, or the item that was there
        // is taken.
        unsafe { place.write(value) };
    }

    /// Says that no runner will ever put these values.
    pub(super) fn leave_hole(&self, indices: Range<usize>) {
        if indices.is_empty() || !std::mem::needs_drop::<R>() {
            return;
        }
        let hole = Box::into_raw(Box::new(Hole { indices, below: ptr::null_mut() }));
        let mut top = self.holes.load(Ordering::Relaxed);
        loop {
            // SAFETY: the hole is not pushed yet, so it is this thread's alone.
            unsafe { (*hole).below = top };
            // Relaxed: only the concluder reads the stack, and it has acquired every runner's
            // chunks.
            match self.holes.compare_exchange_weak(top, hole, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Makes a vector of the first `len` values.
    ///
    /// # Safety
    ///
    /// They were all put, the caller has acquired them, and it does not use `self` again.
    pub(super) unsafe fn take_all(&self, len: usize) -> Vec<R> {
        // SAFETY: these are the parts of the vector made in `new`, or of the items' vector,
        // whose elements had the same size and alignment (`in_place_of`). The elements are
        // there.
        unsafe { Vec::from_raw_parts(self.first.as_ptr(), len, self.capacity) }
    }

    /// Drops the first `len` values one by one, without the holes, and frees the buffer.
    ///
    /// # Safety
    ///
    /// Every value below `len` was put and the caller has acquired it, or it is in a hole. The
    /// caller does not use `self` again.
    pub(super) unsafe fn free(&self, len: usize) {
        let mut at = 0;
        for hole in self.take_holes().into_iter().chain(std::iter::once(len..len)) {
            for index in at..hole.start {
                // SAFETY: the value lies within the buffer.
                let value = unsafe { self.first.add(index) };
                if std::mem::needs_drop::<R>() {
                    // SAFETY: the value is not in a hole, so it is there, and the loop visits
                    // it once.
                    drop_quietly(unsafe { value.read() });
                }
            }
            at = hole.end;
        }
        // SAFETY: these are the parts of a vector, as in `take_all`, and none of its elements
        // is there any more.
        drop(unsafe { Vec::from_raw_parts(self.first.as_ptr(), 0, self.capacity) });
    }

    /// Takes the holes off the stack, in the order of their indices.
    fn take_holes(&self) -> Vec<Range<usize>> {
        let mut holes = Vec::new();
        let mut at = self.holes.swap(ptr::null_mut(), Ordering::Relaxed);
        while !at.is_null() {
            // SAFETY: `leave_hole` made the hole from a box and pushed it once, and this loop
            // takes it off once.
            let hole = unsafe { Box::from_raw(at) };
            at = hole.below;
            holes.push(hole.indices);
        }
        holes.sort_unstable_by_key(|indices| indices.start);
        holes
    }
}
