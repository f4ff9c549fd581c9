//! The global allocator, watched: memory stays readable until the execution ends, so that use after free is *seen*, and what
//! is left then is a leak.

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

// SAFETY: it is an address to be freed, which belongs to nobody else, and `dealloc` may be called on any thread.
unsafe impl Send for Freed {}

impl Drop for Freed {
    fn drop(&mut self) {
        // SAFETY: `dealloc`'s caller vouched that `alloc` made it with this layout, and the execution whose threads knew the
        // address has ended.
        unsafe { std::alloc::dealloc(self.0.as_ptr(), self.1) }
    }
}

impl Drop for Blocks {
    /// The execution has ended, its threads' destructors included.
    fn drop(&mut self) {
        // After another failure shuttle ignores this one.
        assert!(self.alive.is_empty(), "blocks leaked: {:?}", self.alive);
    }
}

shuttle::lazy_static! {
    /// Locked within one step only.
    static ref BLOCKS: Mutex<Blocks> = Mutex::new(Blocks { alive: BTreeMap::new(), freed: Vec::new() });
}

fn blocks() -> MutexGuard<'static, Blocks> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether calls lie in slabs: each block is watched by itself here.
pub(crate) const IN_SLABS: bool = false;

/// Memory for one block, or the process's allocation-error handler.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: every block begins with a header, so the layout is never zero-sized.
    let memory = unsafe { std::alloc::alloc(layout) };
    let Some(memory) = NonNull::new(memory) else { std::alloc::handle_alloc_error(layout) };
    blocks().alive.insert(memory.addr().get(), layout);
    memory
}

/// Gives a block's memory back.
///
/// # Safety
///
/// `memory` came from [`alloc`] with the same `layout`, and nobody touches it any more.
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    let mut blocks = blocks();
    let known = blocks.alive.remove(&memory.addr().get());
    assert_eq!(known, Some(layout), "freed what is no block, or not with its layout");
    blocks.freed.push(Freed(memory, layout));
}

/// Says whether its block is in use: every access to the block is a `touch`, freeing it is the `end`.
#[derive(Debug)]
pub(crate) struct Alive(AtomicBool);

impl Alive {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(true))
    }

    pub(crate) fn touch(&self) {
        assert!(self.0.load(Ordering::Relaxed), "a block was touched after it was freed");
    }

    pub(crate) fn end(&self) {
        assert!(self.0.swap(false, Ordering::Relaxed), "a block was freed twice");
    }
}
