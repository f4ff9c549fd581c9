#![doc = include_str!("README.md")]

mod config;
mod threads;

pub(crate) use config::Config;
pub use config::{BuildError, DropPolicy};
pub use threads::JoinError;
pub(crate) use threads::Threads;
