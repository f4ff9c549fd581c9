#![doc = include_str!("README.md")]

mod block;
mod ready;
mod spin;

pub(crate) use block::block_until;
pub(crate) use ready::{Ready, ReadySet};
pub(crate) use spin::spin_until;
