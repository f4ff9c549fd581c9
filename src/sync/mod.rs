#![doc = include_str!("README.md")]

#[cfg(not(any(all(loom, feature = "loom"), millpond_shuttle)))]
#[path = "real/mod.rs"]
mod imp;
#[cfg(millpond_shuttle)]
#[path = "shuttle/mod.rs"]
mod imp;
#[cfg(all(loom, feature = "loom"))]
#[path = "model/mod.rs"]
#[allow(
    dead_code,
    reason = "it offers what the real one does, whether or not a protocol uses it today"
)]
mod imp;

mod lock;

pub(crate) use imp::*;
pub(crate) use lock::Lock;
