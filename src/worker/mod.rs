#![doc = include_str!("README.md")]

mod caller;
mod context;
mod profile;
mod scoped;
mod search;
mod streams;

pub(crate) use caller::{
    call_and_wait, help_with, is_foreign, map_and_wait, may_submit, may_wait, submit, submit_map,
    submit_nonblocking, wait_for,
};
pub(crate) use context::{Context, Place, current_id, current_pool, enlist, is_cancelled, place};
pub use profile::Profile;
pub use scoped::Scope;
pub(crate) use scoped::in_scope;
pub(crate) use streams::{end_stream, open_stream, send};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/worker.rs"]
mod models;
