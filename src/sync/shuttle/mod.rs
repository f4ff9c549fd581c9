//! The primitives of whole pools under shuttle: real ones, with a scheduling point before each
//! operation.
//!
//! shuttle runs the threads of one execution as coroutines on **one OS thread** and changes
//! between them where the code asks it to. So this folder models blocking, time and memory
//! alone. The rest is the real thing behind a [`Step`].

mod atomic;
pub(crate) mod barrier;
#[path = "../real/cell.rs"]
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod deque;
pub(crate) mod futex;
pub(crate) mod heap;
#[path = "../real/identity.rs"]
pub(crate) mod identity;
#[path = "../real/per_process.rs"]
mod per_process;
#[path = "../model/shared.rs"]
mod shared;
mod step;
pub(crate) mod thread;

use step::Step;

pub(crate) use atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
pub(crate) use per_process::PerProcess;
pub(crate) use shared::shared;
pub(crate) use shuttle::thread_local as local;
// The scheduler changes no threads inside a call of it, so no thread waits for another one
// there.
pub(crate) use std::sync::OnceLock;
// shuttle's executions are sequentially consistent, so a fence changes nothing and is no step.
pub(crate) use std::sync::atomic::{Ordering, fence};
