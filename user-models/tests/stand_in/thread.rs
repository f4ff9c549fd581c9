//! Threads of the model's own.

pub(crate) use crate::millpond::model::thread::{JoinHandle, spawn, yield_now};
pub(crate) use std::thread::{Thread, ThreadId, current, panicking, park, sleep};
