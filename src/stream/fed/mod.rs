//! A stream that is fed: its items come from feeders, on other threads than its consumer's.

mod error;
mod feeder;
mod results;
mod sending;
mod shared;
mod verbs;

pub use error::{SendError, SendErrorKind};
pub use feeder::Feeder;
pub use results::Results;
pub use sending::Sending;
pub use verbs::Fed;
