#![doc = include_str!("README.md")]

#[forbid(unsafe_code)]
mod builder;
#[cfg_attr(not(test), forbid(unsafe_code))]
mod fed;
#[forbid(unsafe_code)]
mod imap;
#[forbid(unsafe_code)]
mod input;
mod open;
#[forbid(unsafe_code)]
mod permit;
mod ring;
#[forbid(unsafe_code)]
mod verbs;

pub use builder::Stream;
#[cfg(feature = "futures")]
pub use fed::ResultStream;
pub use fed::{Fed, Feeder, Results, SendError, SendErrorKind, Sending};
pub use imap::Imap;
