//! Memory that stays readable until its execution has ended, so that use after free is *seen*.
//!
//! If the allocator took a block's memory back at once, loom's objects in the block would be
//! gone with it, and a late access would read whatever lies there by then. So a freed block
//! goes to a graveyard, and the next execution begins by emptying it. loom then reports a late
//! access as a race on the block's [`Alive`].

use super::cell::UnsafeCell;
use super::failure::dead;
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

struct Graveyard(Vec<(NonNull<u8>, Layout)>);

impl Graveyard {
    fn empty(&mut self) {
        for (memory, layout) in self.0.drain(..) {
            // SAFETY: the memory must come from `alloc` with this layout, be freed once, and
            // be out of use. The caller of `dealloc` vouched for the first. `drain` yields
            // each entry once. The execution whose threads knew the address has ended.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
        }
    }
}

impl Drop for Graveyard {
    fn drop(&mut self) {
        self.empty();
    }
}

thread_local!(static GRAVEYARD: RefCell<Graveyard> = const { RefCell::new(Graveyard(Vec::new())) });

/// Frees the memory that the executions so far have given back.
pub(super) fn bury() {
    GRAVEYARD.with_borrow_mut(Graveyard::empty);
}

/// Whether calls lie in slabs: not here, because the model watches each block by itself.
pub(crate) const IN_SLABS: bool = false;

/// Allocates memory for one block. If there is none, calls the process's allocation-error
/// handler.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: the layout must not be zero-sized. Every block begins with a header, so it never
    // is.
    let memory = unsafe { std::alloc::alloc(layout) };
    match NonNull::new(memory) {
        Some(memory) => memory,
        None => std::alloc::handle_alloc_error(layout),
    }
}

/// Gives a block's memory back.
///
/// # Safety
///
/// `memory` came from [`alloc`] with the same `layout`, and no thread touches it any more.
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    GRAVEYARD.with_borrow_mut(|graveyard| graveyard.0.push((memory, layout)));
}

/// Tells loom that its block is in use: each access to the block is a read of `mark`, and the
/// freeing of it is a write. A block that never ends is a leak.
pub(crate) struct Alive {
    mark: UnsafeCell<()>,
    /// The block's memory goes back without drop glue, so `end` takes this out.
    tracked: Cell<Option<loom::alloc::Track<()>>>,
}

// SAFETY: no two threads may be inside the `Cell` at once. The threads of a model share one OS
// thread, and loom changes between them only inside its own operations. `mark` checks its own
// accesses.
unsafe impl Sync for Alive {}

impl Alive {
    pub(crate) fn new() -> Self {
        Self {
            mark: UnsafeCell::new(()),
            tracked: Cell::new((!dead()).then(|| loom::alloc::Track::new(()))),
        }
    }

    pub(crate) fn touch(&self) {
        self.mark.with(|_| ());
    }

    /// Says that the caller alone knows the block.
    pub(crate) fn own(&self) {
        self.mark.with_mut(|_| ());
    }

    pub(crate) fn end(&self) {
        if !dead() {
            self.mark.with_mut(|_| ());
            assert!(self.tracked.take().is_some(), "a block was freed twice");
        }
    }
}

impl std::fmt::Debug for Alive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alive")
    }
}
