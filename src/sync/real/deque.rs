//! The deques: crossbeam's, as they are.

pub(crate) use crossbeam_deque::{Steal, Stealer, Worker};
