#![doc = include_str!("../README.md")]

mod alloc;
mod brief;
mod check;
mod cli;
mod compare;
mod counts;
mod curve;
mod curve_page;
mod document;
mod done;
mod host;
mod html;
mod judge;
mod machine;
mod measure;
mod noise;
mod page;
// For the criterion benches, which are another crate.
pub mod peers;
mod percentiles;
mod progress;
mod provenance;
mod published;
mod python;
mod race;
mod readme;
mod report;
mod row;
mod rows;
mod run;
mod saved;
mod select;
mod sentences;
mod shares;
mod show;
mod tally;
mod verdict;
mod work;

pub use alloc::Counting;
pub use cli::main;
pub use tally::Tally;
pub use work::work;

/// The page for those who know another pool: its programs compile and run here, where the other pools are.
#[cfg(doctest)]
#[doc = include_str!("../../docs/coming-from.md")]
struct ComingFrom;

/// The programs of the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
