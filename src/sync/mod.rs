#![doc = include_str!("README.md")]

// In a build with `--cfg loom` or `--cfg millpond_loom`, the feature `loom` chooses the
// specification, and `loom-internals` the model of the real pool.

#[cfg(not(any(
    all(any(loom, millpond_loom), feature = "loom"),
    all(millpond_shuttle, feature = "shuttle")
)))]
#[path = "real/mod.rs"]
mod imp;
#[cfg(all(millpond_shuttle, feature = "shuttle"))]
#[path = "shuttle/mod.rs"]
mod imp;
#[cfg(all(any(loom, millpond_loom), feature = "loom", feature = "loom-internals"))]
#[path = "model/mod.rs"]
#[allow(
    dead_code,
    reason = "it offers what the real one does, whether or not a protocol uses it today"
)]
mod imp;
#[cfg(all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")))]
#[path = "spec/mod.rs"]
#[allow(dead_code, reason = "as above, and the harness of `model` uses the rest")]
mod imp;

#[cfg(all(
    any(loom, millpond_loom),
    feature = "loom",
    not(feature = "loom-internals"),
    millpond_shuttle,
    feature = "shuttle"
))]
compile_error!("a build has loom or shuttle: give it the flag of one, with its feature");

mod lock;
#[cfg(any(
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")),
    all(millpond_shuttle, feature = "shuttle")
))]
pub(crate) mod real_time;
#[cfg(any(
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")),
    all(millpond_shuttle, feature = "shuttle")
))]
pub(crate) mod recorded;
#[cfg(not(any(
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")),
    all(millpond_shuttle, feature = "shuttle")
)))]
pub(crate) mod step;
#[cfg(not(any(
    millpond_shuttle,
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals"))
)))]
#[cfg_attr(not(millpond_table), allow(dead_code, reason = "not every system needs it"))]
mod table;
#[cfg(any(
    all(any(loom, millpond_loom), feature = "loom", not(feature = "loom-internals")),
    all(millpond_shuttle, feature = "shuttle")
))]
pub(crate) mod trace;

pub(crate) use imp::*;
pub(crate) use lock::Lock;
