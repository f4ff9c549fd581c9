//! The load: requests that come when they come, whether or not the ones before were answered.

mod cells;
mod client;
mod server;

pub use cells::{Plan, compare};
pub use client::{Answer, Client};
pub use server::Server;
