//! Time that stands still until a model moves it: [`expire`].

use super::execution::state;
use super::failure::dead;
use super::step;
use std::time::{Duration, Instant};

/// Moves the clock past every deadline, those made later included. Every thread that waits
/// until a deadline returns.
#[track_caller]
pub(crate) fn expire() {
    step::call("expire");
    if !dead() {
        let state = state();
        state.expired.set(true);
        state.wake(usize::MAX, |sleeper| sleeper.timed);
    }
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

    /// Makes the deadline of a short wait that the pool limits by itself. It has passed: no step
    /// of a model takes as long as that, and no thread may wait for a time that stands still.
    pub(crate) fn soon(_limit: Duration) -> Option<Self> {
        Some(Self(Duration::ZERO))
    }

    pub(crate) fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// Says how much time is left: zero once the deadline has passed.
    pub(crate) fn left(&self) -> Duration {
        if self.has_expired() { Duration::ZERO } else { self.0 }
    }

    pub(super) fn has_expired(&self) -> bool {
        // After a failure no thread moves the clock any more, and a destructor must not wait
        // for it.
        self.0.is_zero() || dead() || state().expired.get()
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
