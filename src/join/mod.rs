#![doc = include_str!("README.md")]

mod half;
#[forbid(unsafe_code)]
mod verbs;

#[cfg(all(test, loom, feature = "loom"))]
pub(crate) use half::join_on;
