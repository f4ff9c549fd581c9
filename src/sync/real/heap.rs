//! The memory of blocks, and the mark that tells a model whether a block is still there.

use std::alloc::Layout;
use std::ptr::NonNull;

/// Whether calls lie in slabs. They do not where a tool is to watch each block by itself.
pub(crate) const IN_SLABS: bool = !cfg!(any(millpond_lone_blocks, fuzzing));

/// Allocates memory for one block. If there is none, calls the process's allocation-error
/// handler.
#[inline]
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
#[inline]
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: the memory must come from `alloc` with this layout, and be out of use. The
    // caller vouches for both.
    unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
}

/// Tells a model that its block is in use: each access to the block is a `touch`, and the
/// freeing of it is the `end`. In the real pool it does nothing and takes no room.
#[derive(Debug)]
pub(crate) struct Alive;

impl Alive {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn touch(&self) {}

    /// Says that the caller alone knows the block.
    #[inline]
    pub(crate) fn own(&self) {}

    #[inline]
    pub(crate) fn end(&self) {}
}
