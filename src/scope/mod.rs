#![doc = include_str!("README.md")]

mod block;
mod frame;
mod queue;
mod scoped;
mod verbs;

pub use frame::Scope;
