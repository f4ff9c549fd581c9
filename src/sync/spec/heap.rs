//! The memory of blocks: the global allocator's. The models of the pool's own protocols watch
//! it; a user's model need not.

#[path = "../real/heap.rs"]
mod blocks;

use super::edge::forget_last;
use std::alloc::Layout;
use std::ptr::NonNull;

pub(crate) use blocks::{Alive, alloc};

/// Whether calls lie in slabs: not here, because a thread's cells would outlive its execution.
pub(crate) const IN_SLABS: bool = false;

/// Gives a block's memory back.
///
/// # Safety
///
/// `memory` came from [`alloc`] with the same `layout`, and no thread touches it any more.
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    // A block goes without drop glue, so its words do not say this.
    forget_last();
    // SAFETY: `blocks::dealloc` asks for what this function asks for.
    unsafe { blocks::dealloc(memory, layout) }
}
