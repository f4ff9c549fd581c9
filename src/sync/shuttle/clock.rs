//! Time that stands still, but for the leaps that it makes now and then when a thread reads
//! it.
//!
//! The schedule chooses whether a leap comes, and how far it goes. So every deadline may have
//! passed at its first reading or at its hundredth, and a piece of work may have taken any
//! time. Time goes forward only, and all threads share it.

use super::failure::failed;
use super::point::{choose, one_in, preempt};
use super::step;
use std::cell::Cell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One in so many readings finds that time has leapt.
const LEAP: usize = 8;

shuttle::lazy_static! {
    /// The time since the execution began. A thread holds the lock within one step only.
    static ref NOW: Mutex<Duration> = Mutex::new(Duration::ZERO);
}

thread_local! {
    /// Whether all deadlines have passed.
    static EXPIRED: Cell<bool> = const { Cell::new(false) };
}

/// Moves the clock past every deadline, those made later included. Every thread that waits
/// until a deadline returns.
#[track_caller]
pub(crate) fn expire() {
    preempt();
    step::call("expire");
    EXPIRED.set(true);
}

/// Takes back what [`expire`] has done: another execution begins.
pub(super) fn stand_still() {
    EXPIRED.set(false);
}

fn now() -> Duration {
    let leap = if one_in(LEAP) {
        Duration::from_micros(10_u64.pow(choose(8) as u32))
    } else {
        Duration::ZERO
    };
    let mut now = NOW.lock().expect("nobody panics holding it");
    *now += leap;
    *now
}

/// A point in time up to which a wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// Makes the deadline of this time, which has passed already or lies ahead.
    pub(crate) fn at(time: Instant) -> Self {
        Self(now() + time.saturating_duration_since(Instant::now()))
    }

    /// Makes the deadline that lies `limit` from now. Returns `None` if the clock cannot say
    /// that point: then there is no limit.
    pub(crate) fn after(limit: Duration) -> Option<Self> {
        now().checked_add(limit).map(Self)
    }

    /// As [`after`](Self::after), for a short wait that the pool limits by itself.
    pub(crate) fn soon(limit: Duration) -> Option<Self> {
        Self::after(limit)
    }

    pub(crate) fn passed(&self) -> bool {
        // After a failure a destructor must not wait for the clock.
        now() >= self.0 || EXPIRED.get() || failed()
    }
}

/// A clock that measures how long a piece of work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    /// Returns the time since the last lap, or since the start.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = now();
        now - std::mem::replace(&mut self.0, now)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        now() - self.0
    }
}
