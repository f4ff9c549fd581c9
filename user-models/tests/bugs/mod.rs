//! Four bugs of code that uses a pool, and their fixes. Each is a model that runs under loom and
//! under shuttle.

#![allow(dead_code, reason = "shuttle cannot find one of them")]

pub(crate) mod cache;
pub(crate) mod once;
pub(crate) mod queue;
pub(crate) mod service;
