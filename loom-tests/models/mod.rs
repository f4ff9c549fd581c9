//! Models of the protocols, and what they have in common. A protocol has a file, and a folder of the
//! same name beside it if one file would be too long.

pub(crate) mod harness;
mod invariants;
mod litmus;
mod primitives;
mod storage;
