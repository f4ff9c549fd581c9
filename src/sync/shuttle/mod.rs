//! The primitives of whole pools under shuttle: real ones, with a scheduling point before each
//! operation.
//!
//! shuttle runs the threads of one execution as coroutines on **one OS thread** and changes
//! between them where the code asks it to. So this folder models blocking, time and memory
//! alone. The rest is the real thing behind a [`Step`].

pub(crate) mod barrier;
#[path = "../real/cell.rs"]
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod execution;
pub(crate) mod failure;
pub(crate) mod futex;
pub(crate) mod heap;
#[path = "../real/identity.rs"]
pub(crate) mod identity;
#[path = "../real/per_process.rs"]
mod per_process;
mod point;
#[path = "atomic.rs"]
pub(crate) mod recorded_atomic;
#[path = "../model/shared.rs"]
mod shared;
pub(crate) mod step;
pub(crate) mod thread;

use point::Step;

pub(crate) use per_process::PerProcess;
pub(crate) use recorded_atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
pub(crate) use shared::shared;
pub(crate) use shuttle::thread_local as local;
// The scheduler changes no threads inside a call of it, so no thread waits for another one
// there.
pub(crate) use std::sync::OnceLock;
// shuttle's executions are sequentially consistent, so a fence changes nothing and is no step.
pub(crate) use std::sync::atomic::{Ordering, fence};
