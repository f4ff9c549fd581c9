#![doc = include_str!("README.md")]

mod block;
mod frame;
mod queue;
mod scoped;
#[forbid(unsafe_code)]
mod verbs;

pub use frame::Scope;
