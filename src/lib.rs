//! millpond

mod api;
mod pool;
mod sched;
mod sync;
mod task;
mod wait;
mod worker;

pub use api::{AsyncResult, Batch, Builder, NotReady, PoolHandle, Task, ThreadPool, Timeout, default_chunksize};
pub use pool::{BuildError, DropPolicy, JoinError};
pub use task::{Each, Fallible, Notify, Panic, Plain, Run, Spread, Star, SubmitError, SubmitErrorKind, TaskError, Tell};

/// What the pools of this process have cost the system. With the feature `counters`, for benches and tests.
#[cfg(feature = "counters")]
pub mod counters {
    /// Wake-ups issued so far, each a system call: of workers by submitters, and of waiters by workers.
    #[must_use]
    pub fn wakes() -> u64 {
        crate::sync::futex::count::wakes()
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../loom-tests/models/mod.rs"]
mod models;
