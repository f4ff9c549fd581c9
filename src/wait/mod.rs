#![doc = include_str!("README.md")]

mod block;
mod spin;

pub(crate) use block::block_until;
pub(crate) use spin::spin_until;
