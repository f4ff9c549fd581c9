//! Slabs: memory for thirty-one calls at a time, so that most submissions ask no allocator.
//!
//! A thread cuts the calls that it submits from slabs of its own, for each size one that is open: it hands out the **cells** in
//! turn. Whoever frees the call in a cell, on whatever thread, gives it back by a count in the slab's head, and who gives back the
//! last frees the slab. The count begins with all cells; those that a thread has not handed out when it ends it gives back itself.
//!
//! So handing out a cell takes no atomic operation. Nor does giving it back, most often: cells of one slab that are freed by one
//! thread in a row are counted by that thread, and given back together when it frees one of another slab. A cell is handed out
//! anew only if the one that was handed out last comes back to the same thread: as when a call is submitted and awaited, again
//! and again.
//!
//! The price: a call that is kept keeps its slab, which is less than four KiB; and a thread keeps up to two slabs of each size.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use super::header::Header;
use super::memory;
use super::state::SlabCell;
use crate::sync::heap::{self, Alive};
use crate::sync::{AtomicU32, Ordering, fence, local};

/// How many cells a slab has.
const CELLS: u32 = SlabCell::CELLS;
/// What cells are aligned to, and the step from one size to the next.
const ALIGN: usize = 8;
/// The size of the smallest cell: no call is smaller.
const SMALLEST: usize = 56;
/// How many sizes there are; a larger call has an allocation of its own.
const SIZES: usize = 10;

/// The head of a slab; its cells follow.
#[repr(C, align(8))]
struct Slab {
    /// Cells that have not been given back, those that were never handed out among them.
    left: AtomicU32,
    alive: Alive,
}

impl Slab {
    fn layout(cell: Layout) -> Layout {
        let size = size_of::<Self>() + cell.size() * CELLS as usize;
        Layout::from_size_align(size, align_of::<Self>()).expect("cells are small")
    }

    fn create(cell: Layout) -> NonNull<Self> {
        let slab = heap::alloc(Self::layout(cell)).cast::<Self>();
        // SAFETY: the memory is fresh, and has room for the head and its alignment.
        unsafe { slab.write(Self { left: AtomicU32::new(CELLS), alive: Alive::new() }) };
        slab
    }

    /// # Safety
    ///
    /// The slab is alive, and its cells have this layout.
    #[inline]
    unsafe fn cell(slab: NonNull<Self>, index: u32, cell: Layout) -> NonNull<u8> {
        // SAFETY: the cells lie behind the head.
        let first = unsafe { slab.add(1) }.cast::<u8>();
        // SAFETY: the index is of one of them.
        unsafe { first.add(cell.size() * index as usize) }
    }

    /// # Safety
    ///
    /// `memory` is the cell with this index, of this layout.
    #[inline]
    unsafe fn of(memory: NonNull<u8>, index: u32, cell: Layout) -> NonNull<Self> {
        // SAFETY: the way of `cell`, back.
        let first = unsafe { memory.sub(cell.size() * index as usize) };
        // SAFETY: as above.
        unsafe { first.cast::<Self>().sub(1) }
    }

    /// Gives back so many cells; the last one frees the slab.
    ///
    /// # Safety
    ///
    /// The cells have this layout, are the caller's, and nobody touches them any more.
    #[inline]
    unsafe fn give_back(slab: NonNull<Self>, cells: u32, cell: Layout) {
        // SAFETY: as long as a cell has not been given back, the slab is alive.
        let head = unsafe { slab.as_ref() };
        // edge SLAB release: the last access to these cells → whoever frees the slab.
        if head.left.fetch_sub(cells, Ordering::Release) == cells {
            // edge SLAB acquire: everybody's last access to a cell → this thread.
            fence(Ordering::Acquire);
            head.alive.end();
            // SAFETY: it was made with this layout, and all cells are back: nobody knows it any more.
            unsafe { heap::dealloc(slab.cast(), Self::layout(cell)) };
        }
    }
}

/// A thread's slabs of one size: the one that it hands cells out of, and the one whose cells it gives back.
struct Open {
    /// May be gone once all cells are handed out.
    slab: Cell<NonNull<Slab>>,
    /// The index of the next cell: this one and those behind it are the thread's.
    next: Cell<u32>,
    /// The slab of the cell that was freed last.
    returning: Cell<NonNull<Slab>>,
    /// How many of its cells have been freed and not given back; as long as there are any it is alive.
    freed: Cell<u32>,
}

impl Open {
    const fn none() -> Self {
        let none = NonNull::dangling();
        Self {
            slab: Cell::new(none),
            next: Cell::new(CELLS),
            returning: Cell::new(none),
            freed: Cell::new(0),
        }
    }

    /// A cell, if one is left.
    #[inline]
    fn cut(&self, cell: Layout) -> Option<(NonNull<u8>, SlabCell)> {
        let index = self.next.get();
        if index == CELLS {
            return None;
        }
        self.next.set(index + 1);
        // SAFETY: with a cell that is not handed out the slab is alive; each size has an `Open` of its own.
        Some((unsafe { Slab::cell(self.slab.get(), index, cell) }, SlabCell::cell(index)))
    }

    #[cold]
    fn cut_from_another(&self, cell: Layout) -> (NonNull<u8>, SlabCell) {
        self.slab.set(Slab::create(cell));
        self.next.set(0);
        self.cut(cell).expect("a new slab has cells")
    }

    /// Takes back the cell that was handed out last, if it is this one, to hand it out next. (The slab may be another one than
    /// it was, at the same address and opened by another thread; then that has handed out all of it.)
    ///
    /// The caller owns the cell, and does so no longer if it is taken.
    #[inline]
    fn take_back(&self, slab: NonNull<Slab>, index: u32) -> bool {
        let last = self.next.get() == index + 1 && self.slab.get() == slab;
        if last {
            self.next.set(index);
        }
        last
    }

    /// Counts a cell as freed, if it is of the same slab as the one before.
    ///
    /// The caller owns the cell, and does so no longer if it is counted.
    #[inline]
    fn count(&self, slab: NonNull<Slab>) -> bool {
        let same = self.returning.get() == slab && self.freed.get() > 0;
        if same {
            self.freed.set(self.freed.get() + 1);
        }
        same
    }

    /// Gives back what was counted, and begins to count for another slab, of which one cell is freed; or for none.
    fn count_for(&self, slab: Option<NonNull<Slab>>, cell: Layout) {
        let before = self.returning.replace(slab.unwrap_or(NonNull::dangling()));
        let freed = self.freed.replace(u32::from(slab.is_some()));
        if freed > 0 {
            // SAFETY: these cells are this thread's, and it has just forgotten them.
            unsafe { Slab::give_back(before, freed, cell) };
        }
    }

    /// Gives back all that is the thread's, and takes and counts no more.
    fn close(&self, cell: Layout) {
        self.count_for(None, cell);
        let slab = self.slab.replace(NonNull::dangling());
        let handed_out = self.next.replace(CELLS);
        if handed_out < CELLS {
            // SAFETY: as above.
            unsafe { Slab::give_back(slab, CELLS - handed_out, cell) };
        }
    }
}

/// A thread's slabs of all sizes.
struct ThreadCache([Open; SIZES]);

local! {
    /// The calling thread's. A destructor of another thread-local may find it gone.
    static THREAD_CACHE: ThreadCache = const { ThreadCache([const { Open::none() }; SIZES]) };
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        for (size, open) in self.0.iter().enumerate() {
            let cell = Layout::from_size_align(SMALLEST + size * ALIGN, ALIGN);
            open.close(cell.expect("cells are small"));
        }
    }
}

/// Which size of cell a block of this layout needs exactly, if there is one.
const fn size(layout: Layout) -> Option<usize> {
    let fits = layout.size() >= SMALLEST
        && layout.size() % ALIGN == 0
        && layout.align() <= ALIGN
        && layout.size() < SMALLEST + SIZES * ALIGN;
    if fits { Some((layout.size() - SMALLEST) / ALIGN) } else { None }
}

/// Memory for a call, and where it lies. A failing allocator ends in the process's allocation-error handler.
#[inline]
pub(crate) fn alloc(layout: Layout) -> (NonNull<u8>, SlabCell) {
    let cut = |cache: &ThreadCache, size: usize| {
        let open = &cache.0[size];
        open.cut(layout).unwrap_or_else(|| open.cut_from_another(layout))
    };
    size(layout)
        .filter(|_| heap::IN_SLABS)
        .and_then(|size| THREAD_CACHE.try_with(|cache| cut(cache, size)).ok())
        .unwrap_or_else(|| (memory::alloc(layout), SlabCell::NONE))
}

/// Gives a call's memory back. What is in it is not dropped.
///
/// # Safety
///
/// The block came from [`alloc`] with this `layout`, knows its place, and the caller is its last owner.
#[inline]
pub(crate) unsafe fn free(header: NonNull<Header>, layout: Layout) {
    // SAFETY: the caller is the last owner: the block is still there.
    let block = unsafe { header.as_ref() };
    let place = block.state().slab_cell();
    if place == SlabCell::NONE {
        // SAFETY: the caller's contract.
        unsafe { memory::free(header, layout) };
    } else {
        block.alive().end();
        // SAFETY: the block lies in that cell.
        let slab = unsafe { Slab::of(header.cast(), place.index(), layout) };
        let size = size(layout).expect("only a block of a cell's size lies in a cell");
        let counted = THREAD_CACHE.try_with(|cache| {
            let open = &cache.0[size];
            if !open.take_back(slab, place.index()) && !open.count(slab) {
                open.count_for(Some(slab), layout);
            }
        });
        if counted.is_err() {
            // SAFETY: the cell is the last owner's, who touches it no more.
            unsafe { Slab::give_back(slab, 1, layout) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const CELL: Layout = match Layout::from_size_align(64, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!(),
    };

    #[test]
    fn cells_lie_side_by_side_and_find_their_slab() {
        let open = Open::none();
        assert_eq!(open.cut(CELL), None);
        let first = open.cut_from_another(CELL);
        let slab = open.slab.get();
        let cells: Vec<_> =
            std::iter::once(first).chain((1..CELLS).map(|_| open.cut(CELL).unwrap())).collect();
        assert_eq!(open.cut(CELL), None, "all are handed out");
        assert!(!open.take_back(slab, 3), "not the one that was handed out last");
        assert!(open.take_back(slab, 30) && open.take_back(slab, 29));
        assert_eq!((open.cut(CELL), open.cut(CELL)), (Some(cells[29]), Some(cells[30])));
        for (index, (memory, place)) in (0..).zip(cells) {
            assert_eq!(place, SlabCell::cell(index));
            assert_eq!(
                memory.addr().get(),
                slab.addr().get() + size_of::<Slab>() + CELL.size() * index as usize
            );
            // SAFETY: that is its index and layout.
            assert_eq!(unsafe { Slab::of(memory, index, CELL) }, slab);
            // SAFETY: the cell is this test's, and it is given back once.
            unsafe { Slab::give_back(slab, 1, CELL) };
        }
    }

    #[test]
    fn cells_that_are_freed_in_a_row_are_given_back_together() {
        let left = |slab: NonNull<Slab>| {
            // SAFETY: the test holds a cell of it.
            unsafe { slab.as_ref() }.left.load(Ordering::Relaxed)
        };
        let [one, other] = [Slab::create(CELL), Slab::create(CELL)];
        let open = Open::none();
        assert!(!open.count(one), "nothing was freed before");
        open.count_for(Some(one), CELL);
        assert!(open.count(one) && !open.count(other));
        assert_eq!(left(one), CELLS, "counted, and not given back");
        open.count_for(Some(other), CELL);
        assert_eq!((left(one), left(other)), (CELLS - 2, CELLS));
        open.close(CELL);
        assert_eq!(left(other), CELLS - 1);
        assert!(!open.count(other), "a closed one counts no more");
        for (slab, cells) in [(one, CELLS - 2), (other, CELLS - 1)] {
            // SAFETY: the cells are this test's.
            unsafe { Slab::give_back(slab, cells, CELL) };
        }
    }

    #[test]
    fn a_thread_gives_back_what_it_has_not_handed_out_and_opens_no_more() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                let (memory, place) = alloc(CELL);
                assert_eq!(place, SlabCell::NONE, "the slabs are closed");
                // SAFETY: it was allocated alone, with this layout.
                unsafe { heap::dealloc(memory, CELL) };
            }
        }
        std::thread_local!(static LATE: Late = const { Late });
        let left = std::thread::spawn(|| {
            // Destroyed last, since it is registered first.
            LATE.with(|_| ());
            THREAD_CACHE.with(|cache| {
                let (_, place) = cache.0[1].cut_from_another(CELL);
                assert_eq!(place, SlabCell::cell(0));
                cache.0[1].slab.get().as_ptr().expose_provenance()
            })
        });
        let slab = std::ptr::with_exposed_provenance_mut::<Slab>(left.join().unwrap());
        let slab = NonNull::new(slab).unwrap();
        // SAFETY: one cell has not been given back, so the slab is alive.
        assert_eq!(unsafe { slab.as_ref() }.left.load(Ordering::Relaxed), 1);
        // SAFETY: the last cell, whose thread has ended.
        unsafe { Slab::give_back(slab, 1, CELL) };
    }

    #[test]
    fn only_a_layout_that_fills_a_cell_lies_in_a_slab() {
        let of = |bytes, align| size(Layout::from_size_align(bytes, align).unwrap());
        assert_eq!((of(56, 8), of(64, 8), of(128, 4)), (Some(0), Some(1), Some(9)));
        assert_eq!((of(48, 8), of(60, 4), of(64, 16), of(136, 8)), (None, None, None, None));
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/slab.rs"]
mod models;
