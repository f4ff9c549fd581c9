//! Time that stands still until a model moves it.
//!
//! A model thread calls [`expire`], and every deadline has passed. Reading the clock depends on moving
//! it, so loom explores both orders.

use super::atomic::Depend;
use super::execution::{dead, state};
use std::cell::Cell;
use std::time::Duration;

pub(super) struct Clock {
    moved: Depend,
    expired: Cell<bool>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { moved: Depend::new(), expired: Cell::new(false) }
    }
}

/// Moves the clock past every deadline, those made later included: who waits until one returns.
pub(crate) fn expire() {
    if dead() {
        return;
    }
    let state = state();
    state.clock.moved.touch();
    state.clock.expired.set(true);
    super::futex::time_out();
}

/// A point in time up to which a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// `None` if the point lies beyond what the clock can say: then there is no limit.
    pub(crate) fn after(limit: Duration) -> Option<Self> {
        (limit != Duration::MAX).then_some(Self(limit))
    }

    pub(crate) fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// Zero once it has passed.
    pub(crate) fn left(&self) -> Duration {
        state().clock.moved.touch();
        if self.passed_unwatched() { Duration::ZERO } else { self.0 }
    }

    /// For a caller whose step depends on the clock's movement by other means.
    pub(super) fn passed_unwatched(&self) -> bool {
        // After a failure nobody moves the clock any more, and a destructor must not wait for it.
        self.0.is_zero() || state().clock.expired.get() || dead()
    }
}

/// A clock for measuring how long a piece of work took: no time at all.
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
