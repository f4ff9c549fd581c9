//! Slabs: memory for thirty-one calls at a time, so that most submissions ask no allocator.
//!
//! A thread cuts the calls that it submits from slabs of its own. For each size it has one
//! slab open, and hands out that slab's **cells** in turn. Any thread may free the call in a
//! cell. That thread gives the cell back by a count in the slab's head. The thread that gives
//! back the last cell has an **empty slab**. The count begins with all cells. When a thread
//! ends, it gives back the cells that it has not handed out.
//!
//! The thread keeps the empty slab in the process's depot for slabs of that size, and the next
//! thread that needs a slab takes it from there. So a program with a constant number of calls
//! in flight asks the allocator for almost none, whichever threads submit the calls and whichever
//! free them. A depot keeps thirty-two slabs at most. A thread that finds no free place frees
//! its slab, and when the last pool of the process goes, it frees the slabs of all depots. A
//! thread that has used up a slab, and finds the depot empty, allocates four slabs at once.
//!
//! This has a price. A call that is kept keeps its slab, which is less than four KiB. A thread
//! keeps up to two slabs of each size, and the depots together less than one MiB.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::depot::Depot;
use super::state::SlabCell;
use crate::sync::heap::{self, Alive};
use crate::sync::{AtomicU32, Ordering, shared};

/// How many cells a slab has.
pub(super) const CELLS: u32 = SlabCell::CELLS;
/// The alignment of a slab, and the largest alignment of a call in a cell.
const ALIGN: usize = 8;
/// The step from one size of cells to the next. Every call's size is a multiple of it.
const STEP: usize = size_of::<usize>();
/// The size of the smallest cell: no call is smaller.
const SMALLEST: usize = 7 * STEP;
/// How many sizes there are: up to 128 bytes on 64 bits, and up to 88 bytes on 32 bits. A larger
/// call has an allocation of its own.
pub(super) const SIZES: usize = if STEP == 8 { 10 } else { 16 };
/// How many empty slabs of one size the process keeps.
const EMPTY_SLABS: usize = if cfg!(loom) { 1 } else { 32 };

/// How many slabs more a thread allocates when it has used up a slab and the depot has none. A
/// thread that is interrupted keeps a slab from the others. So a program with a constant number of
/// calls in flight needs one more than ever before only if several threads are interrupted at once.
pub(super) const MORE: usize = 3;

/// The empty slabs of one size.
type Empty = Depot<Slab, EMPTY_SLABS>;

shared! {
    /// The process's empty slabs, a depot for each size.
    fn depots() -> [Empty; SIZES] = const {
        [const {
            Depot([const { crate::sync::AtomicPtr::new(std::ptr::null_mut()) }; EMPTY_SLABS])
        }; SIZES]
    };
}

/// Returns the depot of the empty slabs with such cells. In models there is none.
pub(super) fn depot(cell: Layout) -> Option<&'static Empty> {
    Some(&depots()?[size(cell)?])
}

/// Frees all empty slabs, now that the last pool is gone. A slab that a thread empties later
/// stays in its depot until the last pool goes again. [SLAB-4]
pub(super) fn free_empty() {
    for (depot, size) in depots().into_iter().flatten().zip(0..) {
        for slab in std::iter::from_fn(|| depot.take()).take(EMPTY_SLABS) {
            // SAFETY: the slab came out of the depot of its size, so it is empty and this
            // thread's alone.
            unsafe { Slab::free(slab, cell_of(size)) };
        }
    }
}

/// The layout of a cell of this size.
pub(super) fn cell_of(size: usize) -> Layout {
    Layout::from_size_align(SMALLEST + size * STEP, ALIGN).expect("cells are small")
}

/// The head of a slab. The cells follow it.
#[repr(C, align(8))]
pub(super) struct Slab {
    /// The cells that no thread has given back, those that were never handed out among them.
    pub(super) left: AtomicU32,
    alive: Alive,
}

impl Slab {
    fn layout(cell: Layout) -> Layout {
        let size = size_of::<Self>() + cell.size() * CELLS as usize;
        Layout::from_size_align(size, align_of::<Self>()).expect("cells are small")
    }

    fn create(cell: Layout) -> NonNull<Self> {
        let slab = heap::alloc(Self::layout(cell)).cast::<Self>();
        // SAFETY: the memory is fresh, and has the size and the alignment of the head.
        unsafe { slab.write(Self { left: AtomicU32::new(CELLS), alive: Alive::new() }) };
        slab
    }

    /// Takes an empty slab, or else makes one, and so many `more` for the depot. [SLAB-1]
    pub(super) fn open(cell: Layout, depot: Option<&Empty>, more: usize) -> NonNull<Self> {
        let Some(slab) = depot.and_then(Depot::take) else {
            for _ in 0..more {
                // SAFETY: a new slab is this thread's alone, and its cells have this layout.
                unsafe { Self::hand_on(Self::create(cell), cell, depot) };
            }
            return Self::create(cell);
        };
        // SAFETY: a slab in a depot is alive, and it became this thread's with the take.
        let head = unsafe { slab.as_ref() };
        head.alive.own();
        // Relaxed: the call in a cell makes its way to another thread by an edge of its own.
        head.left.store(CELLS, Ordering::Relaxed);
        slab
    }

    /// # Safety
    ///
    /// The slab is empty and the caller's alone, and its cells have this layout.
    unsafe fn free(slab: NonNull<Self>, cell: Layout) {
        // SAFETY: the slab is the caller's, so it is alive.
        unsafe { slab.as_ref() }.alive.end();
        // SAFETY: the slab was made with this layout, and no other thread knows it.
        unsafe { heap::dealloc(slab.cast(), Self::layout(cell)) };
    }

    /// # Safety
    ///
    /// The slab is alive, its cells have the layout `cell`, and `index` is less than their
    /// number.
    #[inline]
    pub(super) unsafe fn cell(slab: NonNull<Self>, index: u32, cell: Layout) -> NonNull<u8> {
        // SAFETY: the cells lie behind the head, in the slab's memory.
        let first = unsafe { slab.add(1) }.cast::<u8>();
        // SAFETY: `index` is that of a cell of the slab.
        unsafe { first.add(cell.size() * index as usize) }
    }

    /// # Safety
    ///
    /// `memory` is the cell `index` of a slab, and the slab's cells have the layout `cell`.
    #[inline]
    pub(super) unsafe fn of(memory: NonNull<u8>, index: u32, cell: Layout) -> NonNull<Self> {
        // SAFETY: `memory` lies this far behind the first cell.
        let first = unsafe { memory.sub(cell.size() * index as usize) };
        // SAFETY: the first cell follows the head.
        unsafe { first.cast::<Self>().sub(1) }
    }

    /// Gives back this number of cells. The thread that gives back the last cell keeps the
    /// slab in the depot, or else frees it. [SLAB-2]
    ///
    /// # Safety
    ///
    /// The cells have this layout, are the caller's, and no thread touches them any more. The
    /// depot, if there is one, is for slabs with such cells.
    #[inline]
    pub(super) unsafe fn give_back(
        slab: NonNull<Self>,
        cells: u32,
        cell: Layout,
        depot: Option<&Empty>,
    ) {
        // SAFETY: the caller has cells that no thread has given back, so the slab is alive.
        let head = unsafe { slab.as_ref() };
        // edge SLAB release: the last access to these cells → the thread that empties the slab.
        if head.left.fetch_sub(cells, Ordering::Release) == cells {
            // SAFETY: all cells are back, so no other thread knows the slab any more, and its
            // cells have this layout.
            unsafe { Self::keep(slab, cell, depot) };
        }
    }

    /// Keeps a slab whose last cell the caller has given back, or frees it. [SLAB-3]
    ///
    /// # Safety
    ///
    /// The slab is the caller's alone, its cells have this layout, and the depot is for slabs
    /// with such cells.
    #[cold]
    unsafe fn keep(slab: NonNull<Self>, cell: Layout, depot: Option<&Empty>) {
        // SAFETY: the slab is the caller's, so it is alive.
        let head = unsafe { slab.as_ref() };
        // edge SLAB acquire: every thread's last access to a cell → this thread, which hands
        // the slab on or frees it. (A load, for ThreadSanitizer knows no fences.)
        let _ = head.left.load(Ordering::Acquire);
        head.alive.own();
        // SAFETY: the slab is the caller's, and its cells have this layout.
        unsafe { Self::hand_on(slab, cell, depot) };
    }

    /// Puts a slab into the depot, or else frees it.
    ///
    /// # Safety
    ///
    /// The slab is the caller's alone, its cells have this layout, and the depot is for slabs
    /// with such cells.
    unsafe fn hand_on(slab: NonNull<Self>, cell: Layout, depot: Option<&Empty>) {
        if !depot.is_some_and(|depot| depot.keep(slab)) {
            // SAFETY: there was no place for the slab, so it is still the caller's alone.
            unsafe { Self::free(slab, cell) };
        }
    }
}

/// Returns which size of cell a block of this layout fills exactly, if there is one.
pub(super) const fn size(layout: Layout) -> Option<usize> {
    let fits = layout.size() >= SMALLEST
        && layout.size() % STEP == 0
        && layout.align() <= ALIGN
        && layout.size() < SMALLEST + SIZES * STEP;
    if fits { Some((layout.size() - SMALLEST) / STEP) } else { None }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/slab.rs"]
mod models;
