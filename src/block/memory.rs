//! The one door through which a block's memory comes and goes.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::header::Header;
use crate::sync::heap;

/// Memory for a block. A failing allocator ends in the process's allocation-error handler.
#[inline]
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    heap::alloc(layout)
}

/// Gives a block's memory back. What is in it is not dropped.
///
/// # Safety
///
/// The block came from [`alloc`] with this `layout`, and the caller is its last owner.
#[inline]
pub(crate) unsafe fn free(header: NonNull<Header>, layout: Layout) {
    // SAFETY: the caller is the last owner: the block is still there, and nobody else touches it.
    unsafe { header.as_ref() }.alive().end();
    // SAFETY: the caller's contract.
    unsafe { heap::dealloc(header.cast(), layout) }
}
