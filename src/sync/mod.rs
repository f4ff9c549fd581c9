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
#[cfg(not(millpond_shuttle))]
#[cfg_attr(not(millpond_table), allow(dead_code, reason = "not every system needs it"))]
mod table;

pub(crate) use imp::*;
pub(crate) use lock::Lock;
