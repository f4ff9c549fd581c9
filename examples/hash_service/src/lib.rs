//! A web service whose requests cost processor time, on three thread pools, and a load for it.
//!
//! `docs/embedding.md` of the repository explains the choices. [`engine`] has the three pools,
//! [`service`] the requests and the end, [`load`] the generator.

pub mod engine;
pub mod load;
pub mod service;
pub mod work;
