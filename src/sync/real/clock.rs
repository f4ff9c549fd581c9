//! Time that only goes forward.

use std::time::{Duration, Instant};

/// A point in time up to which a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Makes the deadline of this time.
    pub(crate) fn at(time: Instant) -> Self {
        Self(time)
    }

    /// Makes the deadline that lies `limit` from now. Returns `None` if the clock cannot say
    /// that point: then there is no limit.
    pub(crate) fn after(limit: Duration) -> Option<Self> {
        Instant::now().checked_add(limit).map(Self)
    }

    /// As [`after`](Self::after), for a short wait that the pool limits by itself.
    pub(crate) fn soon(limit: Duration) -> Option<Self> {
        Self::after(limit)
    }

    pub(crate) fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// Says how much time is left: zero once the deadline has passed.
    pub(crate) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A clock that measures how long a piece of work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[inline]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the last lap, or since the start.
    #[inline]
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }

    #[inline]
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
