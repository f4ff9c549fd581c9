//! Allocates and frees the memory of every block that does not lie in a slab cell.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::header::Header;
use crate::sync::heap;

/// Allocates memory for a block. If the allocator fails, the process's allocation-error
/// handler takes over.
#[inline]
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    heap::alloc(layout)
}

/// Gives a block's memory back, and drops nothing of its contents.
///
/// # Safety
///
/// The block came from [`alloc`] with this `layout`, and the caller is its last owner.
#[inline]
pub(crate) unsafe fn free(header: NonNull<Header>, layout: Layout) {
    // SAFETY: the caller is the last owner, so the block is still there and no other thread
    // touches it.
    unsafe { header.as_ref() }.alive().end();
    // SAFETY: the block came from `alloc` with this layout, and the caller is its last owner.
    unsafe { heap::dealloc(header.cast(), layout) }
}
