//! The model's primitives: the names of `real/`, on loom.
//!
//! loom explores the executions of a protocol and knows happens-before exactly where it is told about it. What it
//! is not told, or what it gets wrong, is put right here and nowhere else; the room's README says how.

pub(crate) mod atomic;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod execution;
pub(crate) mod futex;
pub(crate) mod heap;
pub(crate) mod identity;
pub(crate) mod local;
pub(crate) mod once;
pub(crate) mod thread;

pub(crate) use atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use local::local;
pub(crate) use once::OnceLock;
