//! The model's primitives: the names of `real/`, on loom.
//!
//! loom explores the executions of a protocol, and it knows happens-before exactly where the
//! code tells it. This folder, and no other place, puts right what loom does not hear of and
//! what it gets wrong. The room's README says how.

pub(crate) mod atomic;
pub(crate) mod barrier;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod execution;
pub(crate) mod failure;
pub(crate) mod futex;
pub(crate) mod heap;
pub(crate) mod identity;
pub(crate) mod local;
pub(crate) mod once;
pub(crate) mod parker;
mod per_process;
mod shared;
pub(crate) mod thread;

pub(crate) use atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use local::local;
pub(crate) use once::OnceLock;
pub(crate) use per_process::PerProcess;
pub(crate) use shared::shared;
