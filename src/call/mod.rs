#![doc = include_str!("README.md")]

#[forbid(unsafe_code)]
mod gates;
#[forbid(unsafe_code)]
mod permit;
mod submit;
#[forbid(unsafe_code)]
mod task;
#[forbid(unsafe_code)]
mod verbs;

pub use task::Task;
