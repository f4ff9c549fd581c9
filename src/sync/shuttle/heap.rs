//! The global allocator, watched. Freed memory stays readable until the execution ends, so
//! that use after free is *seen*. A block that is left then is a leak.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The blocks of one execution, by address.
struct Blocks {
    alive: BTreeMap<usize, Layout>,
    freed: Vec<Freed>,
}

struct Freed(NonNull<u8>, Layout);

// SAFETY: another thread may drop the value. It is an address to be freed, which no other
// thread owns, and any thread may call `dealloc`.
unsafe impl Send for Freed {}

impl Drop for Freed {
    fn drop(&mut self) {
        // SAFETY: the memory must come from `alloc` with this layout, and be out of use. The
        // caller of `dealloc` vouched for the first. The execution whose threads knew the
        // address has ended.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) }
    }
}

impl Drop for Blocks {
    /// Looks for leaks. The execution has ended, its threads' destructors included.
    fn drop(&mut self) {
        // If the execution has failed otherwise, shuttle ignores this failure.
        assert!(self.alive.is_empty(), "blocks leaked: {:?}", self.alive);
    }
}

shuttle::lazy_static! {
    /// A thread holds the lock within one step only.
    static ref BLOCKS: Mutex<Blocks> =
        Mutex::new(Blocks { alive: BTreeMap::new(), freed: Vec::new() });
}

fn blocks() -> MutexGuard<'static, Blocks> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether calls lie in slabs: not here, because each block is watched by itself.
pub(crate) const IN_SLABS: bool = false;

/// Allocates memory for one block. If there is none, calls the process's allocation-error
/// handler.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: the layout must not be zero-sized. Every block begins with a header, so it never
    // is.
    let memory = unsafe { std::alloc::alloc(layout) };
    let Some(memory) = NonNull::new(memory) else { std::alloc::handle_alloc_error(layout) };
    blocks().alive.insert(memory.addr().get(), layout);
    memory
}

/// Gives a block's memory back.
///
/// # Safety
///
/// `memory` came from [`alloc`] with the same `layout`, and no thread touches it any more.
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    let mut blocks = blocks();
    let known = blocks.alive.remove(&memory.addr().get());
    assert_eq!(known, Some(layout), "freed what is no block, or not with its layout");
    blocks.freed.push(Freed(memory, layout));
}

/// Says whether its block is in use: each access to the block is a `touch`, and the freeing of
/// it is the `end`.
#[derive(Debug)]
pub(crate) struct Alive(AtomicBool);

impl Alive {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(true))
    }

    pub(crate) fn touch(&self) {
        assert!(self.0.load(Ordering::Relaxed), "a block was touched after it was freed");
    }

    /// Says that the caller alone knows the block.
    pub(crate) fn own(&self) {
        self.touch();
    }

    pub(crate) fn end(&self) {
        assert!(self.0.swap(false, Ordering::Relaxed), "a block was freed twice");
    }
}
