#![doc = include_str!("README.md")]

mod block;
#[forbid(unsafe_code)]
mod builder;
#[forbid(unsafe_code)]
mod input;
#[forbid(unsafe_code)]
mod permit;
#[forbid(unsafe_code)]
mod star;
mod submit;
#[forbid(unsafe_code)]
mod try_verbs;
#[forbid(unsafe_code)]
mod verbs;

pub use builder::Batch;
pub use input::Input;
pub use star::star;
pub use verbs::default_chunksize;

#[cfg(all(test, loom, feature = "loom"))]
pub(crate) use block::{Batch as BatchBlock, BatchOptions, Map};
