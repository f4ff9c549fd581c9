#![doc = include_str!("README.md")]

mod books;
mod histogram;
mod look;
mod page;
mod report;
mod seat;

pub(crate) use books::{Books, Slip, count_end, count_left};
pub use histogram::Histogram;
pub(crate) use page::End;
pub use report::{PoolStats, Running, Timings};
pub(crate) use seat::{Name, Seat, Shows, begins_busy, ends_busy, sit};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/numbers.rs"]
mod models;
