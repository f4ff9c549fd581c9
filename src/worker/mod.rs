#![doc = include_str!("README.md")]

mod context;
mod current;
mod halves;
mod pool_view;
mod profile;
mod search;
mod submit;
mod wait;

pub(crate) use context::{Context, as_pool_view, push, take_back};
pub(crate) use current::{
    Caller, CallerKind, caller_kind, current_id, current_pool, enlist, is_cancelled, with_caller,
};
pub(crate) use halves::{Stood, give_back, run_stolen};
pub use profile::Profile;
pub(crate) use submit::{
    Entrance, Tie, accepted, admit_by, count_refusal, outlasts_close, refusal, refusal_by,
    run_at_once, submit, submit_borrowing, submit_by,
};
pub(crate) use wait::{help_with, is_foreign, outcome_of_borrowed, wait_for};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/worker.rs"]
mod models;
