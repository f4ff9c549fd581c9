//! The time that goes on outside of a model.

use std::time::{Duration, Instant};

/// Measures how long an exploration takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealTime(Instant);

impl RealTime {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
