//! The primitives of the specification: the pool inside a user's model.
//!
//! The pool's own words, cells and queues are plain memory, and a stretch of the pool's code is
//! one step. loom hears of three things: who sleeps, the steps of the API, and the edges that
//! the API promises. The room's README says how.

mod atomic;
pub(crate) mod barrier;
#[path = "../real/cell.rs"]
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
mod edge;
pub(crate) mod execution;
#[path = "../model/failure.rs"]
pub(crate) mod failure;
pub(crate) mod futex;
pub(crate) mod heap;
#[path = "../model/identity.rs"]
pub(crate) mod identity;
#[path = "../model/local.rs"]
pub(crate) mod local;
mod once;
#[path = "../model/per_process.rs"]
mod per_process;
#[path = "../model/atomic.rs"]
pub(crate) mod recorded_atomic;
#[path = "../model/shared.rs"]
mod shared;
pub(crate) mod step;
pub(crate) mod thread;

pub(crate) use atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use local::local;
pub(crate) use once::OnceLock;
pub(crate) use per_process::PerProcess;
pub(crate) use shared::shared;
