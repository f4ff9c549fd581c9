//! Models of the protocols, one file each, and what they have in common.

pub(crate) mod harness;
mod invariants;
mod litmus;
mod primitives;
mod storage;
