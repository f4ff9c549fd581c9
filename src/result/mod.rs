#![doc = include_str!("README.md")]

mod async_result;
mod cancel_on_drop;
mod group;
mod progress;

pub use async_result::{AsyncResult, NotReady, Timeout};
pub use cancel_on_drop::CancelOnDrop;
pub use group::{AsCompleted, ReturnWhen, Waited, as_completed, wait};
pub use progress::Progress;
