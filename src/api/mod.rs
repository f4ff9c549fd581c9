#![doc = include_str!("README.md")]

mod builder;
mod handle;
mod result;
mod task;
mod thread_pool;

pub use builder::Builder;
pub use handle::PoolHandle;
pub use result::{AsyncResult, NotReady, Timeout};
pub use task::Task;
pub use thread_pool::ThreadPool;
