//! Time that stands still until a model moves it.
//!
//! Once a model thread has called [`expire`], every deadline has passed. Each reading of the
//! clock depends on its movement, so loom explores both orders.

use super::execution::state;
use super::failure::dead;
use std::time::{Duration, Instant};

/// Moves the clock past every deadline, those made later included. Every thread that waits
/// until a deadline returns.
pub(crate) fn expire() {
    if dead() {
        return;
    }
    let state = state();
    state.clock.moved.touch();
    state.clock.expired.set(true);
    state.table.time_out();
}

/// A point in time up to which a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// Makes the deadline of this time, which has passed already or lies ahead.
    pub(crate) fn at(time: Instant) -> Self {
        Self(time.saturating_duration_since(Instant::now()))
    }

    /// Makes the deadline that lies `limit` from now. Returns `None` if the clock cannot say
    /// that point: then there is no limit.
    pub(crate) fn after(limit: Duration) -> Option<Self> {
        (limit != Duration::MAX).then_some(Self(limit))
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
        state().clock.moved.touch();
        if self.passed_unwatched() { Duration::ZERO } else { self.0 }
    }

    /// Says whether the deadline has passed, for a caller whose step depends on the clock's
    /// movement by other means.
    pub(super) fn passed_unwatched(&self) -> bool {
        // After a failure no thread moves the clock any more, and a destructor must not wait
        // for it.
        self.0.is_zero() || state().clock.expired.get() || dead()
    }
}

/// A clock that measures how long a piece of work took: here, no time at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(());

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(())
    }

    pub(crate) fn lap(&mut self) -> Duration {
        Duration::ZERO
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}
