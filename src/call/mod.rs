#![doc = include_str!("README.md")]

mod task;
mod verbs;

pub use task::Task;
