//! What millpond costs, against its peers and against the floor of the machine, in one run.
//!
//! `cargo targets` measures the rows P1 to P25 of the targets and judges them. How:
//!
//! 1. A **row** (`row`) is a question: a piece of work, what is measured of it, and the bounds. `rows/` has a file for each
//!    question.
//! 2. A **contestant** does the work: ours, a peer, or the *floor*, the primitive that nobody can beat. Each runs in a process
//!    of its own (`race`), so that no pool's threads, heap or spin budget meets another's. A contestant checks its results
//!    before its time counts.
//! 3. Contestants take turns, A B C C B A, for several rounds: what the machine does to one it does to its neighbours, and a
//!    slow drift cancels out. Only the **ratio** within a turn counts (`judge`).
//! 4. A bound is *missed* only if the whole interval of the ratio is beyond it, and nothing is judged at all while other
//!    processes take too much of the machine (`noise`).
//!
//! What it does not measure: more than two workers doing work, other allocators, other systems than Linux.

mod alloc;
mod chart;
mod check;
mod cli;
mod host;
mod html;
mod json;
mod judge;
mod machine;
mod measure;
mod noise;
mod peers;
mod progress;
mod python;
mod race;
mod report;
mod row;
mod rows;
mod select;
mod work;

pub use alloc::Counting;
pub use cli::main;
