//! millpond

mod api;
mod pool;
mod sched;
mod sync;
mod task;
mod wait;
mod worker;

pub use api::{AsyncResult, Builder, NotReady, PoolHandle, Task, ThreadPool, Timeout};
pub use pool::{BuildError, DropPolicy, JoinError};
pub use task::{Fallible, Notify, Panic, Plain, Run, SubmitError, SubmitErrorKind, TaskError, Tell};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../loom-tests/models/mod.rs"]
mod models;
