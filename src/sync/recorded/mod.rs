//! The types for the shared state of a user's model: loom's or shuttle's, and the trace hears of
//! every use. After a failure they leave the model's engine alone, so that a destructor which
//! uses them does not panic a second time.

mod atomic;
mod cell;
mod mutex;
mod thread;

pub use atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
    Ordering, fence,
};
pub use cell::UnsafeCell;
pub use mutex::{Condvar, Mutex, MutexGuard};
pub use thread::{JoinHandle, block_on, spawn, yield_now};

/// Which engine the model runs on.
mod engine {
    #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
    pub(super) use crate::sync::failure::operate;
    #[cfg(not(all(millpond_shuttle, feature = "shuttle")))]
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
    #[cfg(all(millpond_shuttle, feature = "shuttle"))]
    pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};

    /// Runs an operation: shuttle asks for no care while a panic unwinds.
    #[cfg(all(millpond_shuttle, feature = "shuttle"))]
    pub(super) fn operate<R>(operation: impl FnOnce() -> R) -> R {
        operation()
    }
}

/// Puts a name before the word for an operation, if there is a name.
fn named(name: Option<&str>, operation: impl std::fmt::Display) -> String {
    name.map_or_else(|| operation.to_string(), |name| format!("{name}.{operation}"))
}
