//! A stream that is fed: its items come from feeders, on other threads than its consumer's.

#[cfg(feature = "futures")]
mod as_stream;
mod error;
mod feeder;
mod results;
mod sending;
mod shared;
mod verbs;

#[cfg(feature = "futures")]
pub use as_stream::ResultStream;
pub use error::{SendError, SendErrorKind};
pub use feeder::Feeder;
pub use results::Results;
pub use sending::Sending;
pub use verbs::Fed;
