//! Whole pools under shuttle's schedulers, through the public interface. See the README beside Cargo.toml.

mod batches;
mod calls;
mod controls;
mod endings;
mod groups;
mod harness;
mod items;
mod joins;
mod nesting;
mod page;
mod recorder;
mod streams;
mod time;
