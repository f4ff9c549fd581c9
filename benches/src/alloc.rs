//! A global allocator that counts, when asked to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The system's allocator, with a count of what passes through.
///
/// Off, as it is in all rows that measure time, it costs a load and a branch that is always predicted; and costs every
/// contestant the same.
#[derive(Debug, Clone, Copy)]
pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Counts what all threads allocate while `f` runs: how often, and how much.
pub(crate) fn count(f: impl FnOnce()) -> [u64; 2] {
    let read = || [ALLOCATIONS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed)];
    let before = read();
    ON.store(true, Ordering::SeqCst);
    f();
    ON.store(false, Ordering::SeqCst);
    let after = read();
    [after[0] - before[0], after[1] - before[1]]
}

fn note(size: usize) {
    if ON.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(size as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged, which keeps the contract; counting touches atomics
// alone, so it neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise (a layout of non-zero size) is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise (a live block of ours, with its layout) is the callee's: all ours are the
        // system's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // A buffer that grows is an allocation like any other.
        note(size);
        // SAFETY: as for `dealloc`, and the caller promises a non-zero size that does not overflow.
        unsafe { System.realloc(block, layout, size) }
    }
}
