//! The items of a batch on their way in, and its values on their way out: two buffers whose elements move one by one, in any
//! order, on any thread. Where a value needs as much room as an item the two are one buffer: whoever took an item out puts its
//! value in the same place.

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::ptr::{self, NonNull};

use crate::block::drop_quietly;
use crate::sync::{AtomicPtr, Ordering};

/// What the items of a batch are made from.
pub(crate) enum Source<A> {
    Vector(Vec<A>),
    /// As many items as there are indices, and nothing in them: the mapping finds by index what it works on.
    Indices(usize),
}

impl<A> Source<A> {
    pub(in crate::batch) fn len(&self) -> usize {
        match self {
            Self::Vector(items) => items.len(),
            Self::Indices(count) => *count,
        }
    }

    /// Whether values of type `R` can lie where these items lie, without much room that nothing needs.
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

/// A vector whose elements are taken one by one.
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
        // From the vector's own pointer, which is good for its whole capacity.
        let first = NonNull::new(items.as_mut_ptr()).expect("a vector's pointer is not null");
        Self { first, len, capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    ///
    /// `index` is below `len`, and nobody else takes this item, before or after.
    #[inline]
    pub(super) unsafe fn take(&self, index: usize) -> A {
        // SAFETY: within the buffer.
        let item = unsafe { self.first.add(index) };
        // SAFETY: it was there, and is taken once.
        unsafe { item.read() }
    }

    /// The vector again.
    ///
    /// # Safety
    ///
    /// No item was taken, and `self` is not used any more.
    pub(super) unsafe fn take_all(&self) -> Vec<A> {
        // SAFETY: the parts of the vector it came from.
        unsafe { Vec::from_raw_parts(self.first.as_ptr(), self.len, self.capacity) }
    }

    /// Frees the buffer.
    ///
    /// # Safety
    ///
    /// Every item was taken, no values lie in it, and `self` is not used any more.
    pub(super) unsafe fn free(&self) {
        // SAFETY: the parts of the vector it came from, none of whose elements is there.
        drop(unsafe { Vec::from_raw_parts(self.first.as_ptr(), 0, self.capacity) });
    }
}

/// Values that were never written: after a failure.
struct Hole {
    indices: Range<usize>,
    below: *mut Hole,
}

/// A vector whose elements are put one by one.
pub(super) struct Results<R> {
    first: NonNull<R>,
    capacity: usize,
    /// A stack that is only pushed to until the batch is concluded, and exists only on the way of failure.
    holes: AtomicPtr<Hole>,
}

impl<R> Results<R> {
    pub(super) fn new(len: usize) -> Self {
        let mut results = ManuallyDrop::new(Vec::<R>::with_capacity(len));
        let capacity = results.capacity();
        let first = NonNull::new(results.as_mut_ptr()).expect("a vector's pointer is not null");
        Self { first, capacity, holes: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The values will lie where the items lie, which [`can_hold`](Source::can_hold) them.
    pub(super) fn in_place_of<A>(items: &Items<A>) -> Self {
        Self {
            first: items.first.cast(),
            capacity: items.capacity,
            holes: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// # Safety
    ///
    /// `index` is below `len`, and nobody else puts this value, before or after.
    #[inline]
    pub(super) unsafe fn put(&self, index: usize, value: R) {
        // SAFETY: within the buffer.
        let place = unsafe { self.first.add(index) };
        // SAFETY: it is the caller's, and nothing is there yet, or no longer: the item was taken.
        unsafe { place.write(value) };
    }

    /// Says that these values will never be put.
    pub(super) fn leave_hole(&self, indices: Range<usize>) {
        if indices.is_empty() || !std::mem::needs_drop::<R>() {
            return;
        }
        let hole = Box::into_raw(Box::new(Hole { indices, below: ptr::null_mut() }));
        let mut top = self.holes.load(Ordering::Relaxed);
        loop {
            // SAFETY: not yet pushed, so it is this thread's alone.
            unsafe { (*hole).below = top };
            // Relaxed: the concluder alone reads the stack, and it has acquired every runner's chunks.
            match self.holes.compare_exchange_weak(top, hole, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// The first `len` values.
    ///
    /// # Safety
    ///
    /// All of them were put and acquired, and `self` is not used any more.
    pub(super) unsafe fn take_all(&self, len: usize) -> Vec<R> {
        // SAFETY: the parts of the vector made in `new`, or of the items' vector, whose elements had the same size and alignment
        // (`in_place_of`); and its elements are there.
        unsafe { Vec::from_raw_parts(self.first.as_ptr(), len, self.capacity) }
    }

    /// Drops the first `len` values, but for the holes, each by itself, and frees the buffer.
    ///
    /// # Safety
    ///
    /// Every value below `len` was put and acquired, or is in a hole; `self` is not used any more.
    pub(super) unsafe fn free(&self, len: usize) {
        let mut at = 0;
        for hole in self.take_holes().into_iter().chain(std::iter::once(len..len)) {
            for index in at..hole.start {
                // SAFETY: within the buffer.
                let value = unsafe { self.first.add(index) };
                if std::mem::needs_drop::<R>() {
                    // SAFETY: not in a hole, so it is there, and it is visited once.
                    drop_quietly(unsafe { value.read() });
                }
            }
            at = hole.end;
        }
        // SAFETY: the parts of a vector, as in `take_all`, none of whose elements is there any more.
        drop(unsafe { Vec::from_raw_parts(self.first.as_ptr(), 0, self.capacity) });
    }

    /// The holes, in order.
    fn take_holes(&self) -> Vec<Range<usize>> {
        let mut holes = Vec::new();
        let mut at = self.holes.swap(ptr::null_mut(), Ordering::Relaxed);
        while !at.is_null() {
            // SAFETY: pushed once by `leave_hole`, which made it from a box, and taken off once, here.
            let hole = unsafe { Box::from_raw(at) };
            at = hole.below;
            holes.push(hole.indices);
        }
        holes.sort_unstable_by_key(|indices| indices.start);
        holes
    }
}
