#![doc = include_str!("README.md")]

mod builder;
mod imap;
mod input;
mod open;
mod ring;
mod verbs;

pub use builder::Stream;
pub use imap::Imap;
