#![doc = include_str!("README.md")]

#[cfg(not(all(loom, feature = "loom")))]
#[path = "real/mod.rs"]
mod imp;
#[cfg(all(loom, feature = "loom"))]
#[path = "model/mod.rs"]
mod imp;

pub(crate) use imp::*;
