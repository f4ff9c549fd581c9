#![doc = include_str!("README.md")]

mod block;
mod builder;
mod star;
mod submit;
mod verbs;

pub use builder::Batch;
pub use star::star;
pub use verbs::default_chunksize;

#[cfg(all(test, loom, feature = "loom"))]
pub(crate) use block::{Batch as BatchBlock, BatchOptions, Map};
