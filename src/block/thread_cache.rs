//! A thread's slabs: those that it cuts calls from, and those whose cells it gives back.
//!
//! A thread hands out a cell without an atomic operation. Most often it gives a cell back
//! without one too. A thread that frees several cells of one slab in a row counts them itself,
//! and gives them back together when it frees a cell of another slab. A thread hands out a
//! cell again only if the cell that it handed out last comes back to it. That happens when a
//! thread submits a call and waits for it, again and again.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use super::header::Header;
use super::memory;
use super::slab::{CELLS, MORE, SIZES, Slab, cell_of, depot, size};
use super::state::SlabCell;
use crate::sync::{heap, local};

/// A thread's slabs of one size: the slab that it hands cells out of, and the slab whose cells
/// it gives back.
struct Open {
    /// The slab may be gone once the thread has handed out all its cells.
    slab: Cell<NonNull<Slab>>,
    /// The index of the next cell. This cell and those behind it are the thread's.
    next: Cell<u32>,
    /// The slab of the cell that this thread freed last.
    returning: Cell<NonNull<Slab>>,
    /// How many of that slab's cells this thread has freed and not given back. While there are
    /// any, the slab is alive.
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

    /// Hands out a cell of the open slab, if one is left.
    #[inline]
    fn cut(&self, cell: Layout) -> Option<(NonNull<u8>, SlabCell)> {
        let index = self.next.get();
        if index == CELLS {
            return None;
        }
        self.next.set(index + 1);
        // SAFETY: `index` is that of a cell that was not handed out, so the slab is alive.
        // Each size has an `Open` of its own, so the slab's cells have this layout.
        Some((unsafe { Slab::cell(self.slab.get(), index, cell) }, SlabCell::cell(index)))
    }

    /// How many slabs more than the next one may be allocated: none before the thread has used up
    /// a slab of this size.
    fn more(&self) -> usize {
        if self.slab.get() == NonNull::dangling() { 0 } else { MORE }
    }

    #[cold]
    fn cut_from_another(&self, cell: Layout) -> (NonNull<u8>, SlabCell) {
        self.slab.set(Slab::open(cell, depot(cell), self.more()));
        self.next.set(0);
        self.cut(cell).expect("a new slab has cells")
    }

    /// Takes back the cell that was handed out last, if it is this one. The thread hands it
    /// out next.
    ///
    /// The slab may be another one than before, if another thread opened a new slab at the
    /// same address. That is possible only after this thread had handed out all cells of the
    /// old slab. So the cell is then the last one of the new slab, and the other thread has
    /// handed out all of that.
    ///
    /// The caller owns the cell. If the call takes the cell, the caller no longer owns it.
    #[inline]
    fn take_back(&self, slab: NonNull<Slab>, index: u32) -> bool {
        let last = self.next.get() == index + 1 && self.slab.get() == slab;
        if last {
            self.next.set(index);
        }
        last
    }

    /// Counts a cell as freed, if it is of the slab of the cell that was freed before.
    ///
    /// The caller owns the cell. If the call counts the cell, the caller no longer owns it.
    #[inline]
    fn count(&self, slab: NonNull<Slab>) -> bool {
        let same = self.returning.get() == slab && self.freed.get() > 0;
        if same {
            self.freed.set(self.freed.get() + 1);
        }
        same
    }

    /// Gives back the cells that were counted, and begins to count for `slab`. The caller has
    /// freed one cell of `slab`, which is the first to be counted. Without a slab the count is
    /// 0.
    fn count_for(&self, slab: Option<NonNull<Slab>>, cell: Layout) {
        let before = self.returning.replace(slab.unwrap_or(NonNull::dangling()));
        let freed = self.freed.replace(u32::from(slab.is_some()));
        if freed > 0 {
            // SAFETY: the cells were this thread's, it has just forgotten them, and the slab's
            // cells have this layout.
            unsafe { Slab::give_back(before, freed, cell, depot(cell)) };
        }
    }

    /// Gives back every cell that is the thread's. After that the thread hands out and counts
    /// no more cells.
    fn close(&self, cell: Layout) {
        self.count_for(None, cell);
        let slab = self.slab.replace(NonNull::dangling());
        let handed_out = self.next.replace(CELLS);
        if handed_out < CELLS {
            // SAFETY: the cells that were not handed out were this thread's, and it has just
            // forgotten them.
            unsafe { Slab::give_back(slab, CELLS - handed_out, cell, depot(cell)) };
        }
    }
}

/// A thread cache: a thread's slabs of all sizes.
struct ThreadCache([Open; SIZES]);

local! {
    /// The calling thread's cache. The destructor of another thread-local may find it gone.
    static THREAD_CACHE: ThreadCache = const { ThreadCache([const { Open::none() }; SIZES]) };
}

impl Drop for ThreadCache {
    fn drop(&mut self) {
        for (size, open) in self.0.iter().enumerate() {
            open.close(cell_of(size));
        }
    }
}

/// Allocates memory for a call, and says in which slab cell it lies. If the allocator fails,
/// the process's allocation-error handler takes over.
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

/// Gives a call's memory back, and drops nothing of its contents.
///
/// # Safety
///
/// The block came from [`alloc`] with this `layout`, and its state word names its slab cell.
/// The caller is its last owner.
#[inline]
pub(crate) unsafe fn free(header: NonNull<Header>, layout: Layout) {
    // SAFETY: the caller is the last owner, so the block is still there.
    let block = unsafe { header.as_ref() };
    let slab_cell = block.state().slab_cell();
    if slab_cell == SlabCell::NONE {
        // SAFETY: the block came from `memory::alloc` with this layout, and the caller is its
        // last owner.
        unsafe { memory::free(header, layout) };
    } else {
        block.alive().end();
        // SAFETY: the block lies in the slab cell `slab_cell`, and its layout is that of the cell.
        let slab = unsafe { Slab::of(header.cast(), slab_cell.index(), layout) };
        let size = size(layout).expect("only a block of a cell's size lies in a cell");
        let counted = THREAD_CACHE.try_with(|cache| {
            let open = &cache.0[size];
            if !open.take_back(slab, slab_cell.index()) && !open.count(slab) {
                open.count_for(Some(slab), layout);
            }
        });
        if counted.is_err() {
            // SAFETY: the cell is the caller's, as the last owner, and the caller touches it
            // no more.
            unsafe { Slab::give_back(slab, 1, layout, depot(layout)) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::depot::Depot;
    use super::*;
    use crate::sync::Ordering;

    const CELL: Layout = match Layout::from_size_align(64, 8) {
        Ok(layout) => layout,
        Err(_) => panic!(),
    };

    #[test]
    fn cells_lie_side_by_side_and_find_their_slab() {
        let open = Open::none();
        assert_eq!((open.cut(CELL), open.more()), (None, 0));
        let first = open.cut_from_another(CELL);
        assert_eq!(open.more(), MORE);
        let slab = open.slab.get();
        let cells: Vec<_> =
            std::iter::once(first).chain((1..CELLS).map(|_| open.cut(CELL).unwrap())).collect();
        assert_eq!(open.cut(CELL), None, "all are handed out");
        assert!(!open.take_back(slab, 3), "not the one that was handed out last");
        assert!(open.take_back(slab, 30) && open.take_back(slab, 29));
        assert_eq!((open.cut(CELL), open.cut(CELL)), (Some(cells[29]), Some(cells[30])));
        for (index, (memory, slab_cell)) in (0..).zip(cells) {
            assert_eq!(slab_cell, SlabCell::cell(index));
            assert_eq!(
                memory.addr().get(),
                slab.addr().get() + size_of::<Slab>() + CELL.size() * index as usize
            );
            // SAFETY: the cell has this index and this layout.
            assert_eq!(unsafe { Slab::of(memory, index, CELL) }, slab);
            // SAFETY: the cell is this test's, and the test gives it back once.
            unsafe { Slab::give_back(slab, 1, CELL, None) };
        }
    }

    #[test]
    fn cells_that_are_freed_in_a_row_are_given_back_together() {
        let left = |slab: NonNull<Slab>| {
            // SAFETY: the test holds a cell of the slab, so the slab is alive.
            unsafe { slab.as_ref() }.left.load(Ordering::Relaxed)
        };
        let [one, other] = [Slab::open(CELL, None, 0), Slab::open(CELL, None, 0)];
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
            unsafe { Slab::give_back(slab, cells, CELL, None) };
        }
    }

    #[test]
    fn whoever_finds_no_kept_slab_makes_so_many_more_and_the_next_ones_take_those() {
        let depot = Depot::new();
        let slab = Slab::open(CELL, Some(&depot), MORE);
        let kept: Vec<_> = (0..MORE).map(|_| depot.take().expect("it is there")).collect();
        assert!(depot.take().is_none() && !kept.contains(&slab));
        kept.iter().for_each(|slab| assert!(depot.keep(*slab)));
        assert!(kept.contains(&Slab::open(CELL, Some(&depot), MORE)), "no further one is made");
        let left: Vec<_> = std::iter::from_fn(|| depot.take()).collect();
        assert_eq!(left.len(), MORE - 1);
        for slab in kept.into_iter().chain([slab]) {
            // SAFETY: all cells of the slab are this test's.
            unsafe { Slab::give_back(slab, CELLS, CELL, None) };
        }
    }

    #[test]
    #[cfg_attr(millpond_lone_blocks, ignore = "it counts cells, of which this build has none")]
    fn a_thread_gives_back_what_it_has_not_handed_out_and_opens_no_more() {
        static AFTER_THE_CACHE: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                let is_closed = THREAD_CACHE.try_with(|_| ()).is_err();
                let (memory, slab_cell) = alloc(CELL);
                assert_eq!(slab_cell == SlabCell::NONE, is_closed);
                if is_closed {
                    *AFTER_THE_CACHE.lock().unwrap() += 1;
                    // SAFETY: the memory is an allocation of its own, with this layout.
                    unsafe { heap::dealloc(memory, CELL) };
                } else {
                    // SAFETY: the cell has this index and this layout.
                    let slab = unsafe { Slab::of(memory, slab_cell.index(), CELL) };
                    // SAFETY: the cell is this destructor's, which gives it back once.
                    unsafe { Slab::give_back(slab, 1, CELL, None) };
                }
            }
        }
        std::thread_local! {
            static FIRST: Late = const { Late };
            static LAST: Late = const { Late };
        }
        let left = std::thread::spawn(|| {
            // Systems destroy the values in the order of their first uses or in the reverse, so
            // one of the two is destroyed after the cache.
            FIRST.with(|_| ());
            let slab = THREAD_CACHE.with(|cache| {
                let open = &cache.0[size(CELL).unwrap()];
                let (_, slab_cell) = open.cut_from_another(CELL);
                assert_eq!(slab_cell, SlabCell::cell(0));
                open.slab.get().as_ptr().expose_provenance()
            });
            LAST.with(|_| ());
            slab
        });
        let slab = std::ptr::with_exposed_provenance_mut::<Slab>(left.join().unwrap());
        let slab = NonNull::new(slab).unwrap();
        // Windows goes by the age of the keys, and makes a destroyed value anew if it is used.
        assert!(*AFTER_THE_CACHE.lock().unwrap() > 0 || cfg!(windows));
        // SAFETY: one cell has not been given back, so the slab is alive.
        assert_eq!(unsafe { slab.as_ref() }.left.load(Ordering::Relaxed), 1);
        // SAFETY: this is the last cell, and the thread that had it has ended.
        unsafe { Slab::give_back(slab, 1, CELL, None) };
    }

    #[test]
    fn only_a_layout_that_fills_a_cell_lies_in_a_slab() {
        const WORD: usize = size_of::<usize>();
        let of = |bytes, align| size(Layout::from_size_align(bytes, align).unwrap());
        let largest = (6 + SIZES) * WORD;
        assert_eq!(largest, if WORD == 8 { 128 } else { 88 });
        let inside = (of(7 * WORD, WORD), of(8 * WORD, 8), of(largest, 4));
        assert_eq!(inside, (Some(0), Some(1), Some(SIZES - 1)));
        let outside = (of(6 * WORD, WORD), of(7 * WORD + 2, 2), of(64, 16), of(largest + WORD, 8));
        assert_eq!(outside, (None, None, None, None));
    }
}
