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
static SMALL: AtomicU64 = AtomicU64::new(0);
static SMALL_BYTES: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// From this size an allocation is a queue's block or buffer, shared by many tasks, and not a task's own. The blocks of
/// crossbeam's injector have 63 slots of 16 bytes and more; no cell of a task that captures 24 bytes comes near.
const BLOCK: usize = 512;

/// What was allocated between two points in time, on all threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Allocations of less than 512 bytes: the tasks' own.
    pub(crate) small: u64,
    /// Their bytes.
    pub(crate) small_bytes: u64,
    /// Allocations of 512 bytes and more: the queues'.
    pub(crate) blocks: u64,
}

/// Counts what `f` allocates, and what all other threads allocate meanwhile.
pub(crate) fn count<R>(f: impl FnOnce() -> R) -> (R, Count) {
    let read = || {
        [SMALL.load(Ordering::Relaxed), SMALL_BYTES.load(Ordering::Relaxed), BLOCKS.load(Ordering::Relaxed)]
    };
    let before = read();
    ON.store(true, Ordering::SeqCst);
    let value = f();
    ON.store(false, Ordering::SeqCst);
    let after = read();
    let count = Count {
        small: after[0] - before[0],
        small_bytes: after[1] - before[1],
        blocks: after[2] - before[2],
    };
    (value, count)
}

fn note(size: usize) {
    if ON.load(Ordering::Relaxed) {
        if size < BLOCK {
            SMALL.fetch_add(1, Ordering::Relaxed);
            SMALL_BYTES.fetch_add(size as u64, Ordering::Relaxed);
        } else {
            BLOCKS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged, which keeps the contract; counting touches atomics alone,
// so it neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise (a layout of non-zero size) is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise (a live block of ours, with its layout) is the callee's: all ours are the system's.
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
