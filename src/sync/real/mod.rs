//! The real primitives: the standard library's, crossbeam's deque, the system's futex.

pub(crate) mod barrier;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod futex;
pub(crate) mod heap;
pub(crate) mod identity;
#[cfg_attr(not(millpond_table), allow(dead_code, reason = "not every system needs it"))]
pub(crate) mod parker;
mod per_process;
mod shared;
pub(crate) mod thread;

pub(crate) use per_process::PerProcess;
pub(crate) use shared::shared;
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::thread_local as local;
