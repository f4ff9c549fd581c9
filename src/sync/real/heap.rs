//! Where a block's memory comes from and goes to, and the mark that tells a model whether it is still there.

use std::alloc::Layout;
use std::ptr::NonNull;

/// Whether calls lie in slabs. Not where each block shall be watched by itself.
pub(crate) const IN_SLABS: bool = !cfg!(any(millpond_lone_blocks, fuzzing));

/// Memory for one block, or the process's allocation-error handler.
#[inline]
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
#[inline]
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller's contract is this function's.
    unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
}

/// Says to a model that its block is in use: every access to the block is a `touch`, freeing it is the `end`.
/// In the real pool it is nothing and takes no room.
#[derive(Debug)]
pub(crate) struct Alive;

impl Alive {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn touch(&self) {}

    #[inline]
    pub(crate) fn end(&self) {}
}
