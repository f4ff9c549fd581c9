//! Memory that stays readable until its execution has ended, so that use after free is *seen*.
//!
//! Were a block's memory freed at once, loom's objects in it would be gone with it, and an access too late would read
//! whatever lies there by then. So a freed block goes to a graveyard, and the next execution begins by emptying it.
//! That an access came too late is then a race on the block's [`Alive`].

use super::cell::UnsafeCell;
use super::execution::dead;
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

struct Graveyard(Vec<(NonNull<u8>, Layout)>);

impl Graveyard {
    fn empty(&mut self) {
        for (memory, layout) in self.0.drain(..) {
            // SAFETY: `dealloc`'s caller vouched that `alloc` made it with this layout; `drain` frees it once; and
            // the execution whose threads knew the address has ended.
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

/// Frees what the executions so far have given back.
pub(super) fn bury() {
    GRAVEYARD.with_borrow_mut(Graveyard::empty);
}

/// Whether calls lie in slabs: each block is watched by itself here.
pub(crate) const IN_SLABS: bool = false;

/// Memory for one block, or the process's allocation-error handler.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: every block begins with a header, so the layout is never zero-sized.
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
/// `memory` came from [`alloc`] with the same `layout`, and nobody touches it any more.
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    GRAVEYARD.with_borrow_mut(|graveyard| graveyard.0.push((memory, layout)));
}

/// Says to loom that its block is in use: every access to the block is a read of `mark`, freeing it is a write. A
/// block that never ends is a leak.
pub(crate) struct Alive {
    mark: UnsafeCell<()>,
    /// Taken by the end: the block's memory is given back without drop glue.
    tracked: Cell<Option<loom::alloc::Track<()>>>,
}

// SAFETY: threads of a model share one OS thread, which changes between them only inside loom's operations: no two
// are ever inside the `Cell` at once. `mark` checks its own accesses.
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
