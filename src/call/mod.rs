#![doc = include_str!("README.md")]

mod submit;
#[forbid(unsafe_code)]
mod task;
#[forbid(unsafe_code)]
mod verbs;

pub use task::Task;
