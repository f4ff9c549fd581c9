#![doc = include_str!("README.md")]

mod codel;

pub use codel::Codel;
