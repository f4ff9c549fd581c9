//! The queues: crossbeam's, as they are.

pub(crate) use crossbeam_deque::{Injector, Steal, Stealer, Worker};
