#![doc = include_str!("../README.md")]

pub mod broker;
mod flag;
mod leases;
mod link;
pub mod node;
pub mod work;

pub use flag::Flag;
