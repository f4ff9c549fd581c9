#![doc = include_str!("README.md")]

mod base;
mod builder;
mod config;
mod current;
mod handle;
mod permit;
mod shutdown;
mod stats;
mod thread_pool;
mod threads;

pub use base::{Pool, PoolState};
pub use builder::Builder;
pub use config::{BuildError, DropPolicy};
pub use current::is_cancelled;
pub use handle::PoolHandle;
pub use permit::{Permit, Reserve};
pub use shutdown::{Drain, LastWorker, Report, Shutdown};
pub use thread_pool::ThreadPool;
pub use threads::JoinError;
