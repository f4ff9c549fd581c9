#![doc = include_str!("README.md")]

mod async_result;
mod group;

pub use async_result::{AsyncResult, NotReady, Progress, Timeout};
pub use group::{AsCompleted, ReturnWhen, Waited, as_completed, wait};
