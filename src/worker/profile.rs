//! How long a worker looks for work before it sleeps.

use std::time::Duration;

/// Says how long a worker without work looks for some before it sleeps.
///
/// A worker that sleeps costs nothing. A submitter then has to wake it: that is a system call
/// for the submitter, and it takes the worker some microseconds.
///
/// | | looks for | after four looks in vain | use it for |
/// |---|---|---|---|
/// | [`Balanced`](Self::Balanced) | 40 µs | 1.5 µs, until it finds work again | all other pools |
/// | [`Latency`](Self::Latency) | 200 µs | 200 µs | requests in quick succession, free processors |
/// | [`Frugal`](Self::Frugal) | not at all | not at all | batteries, crowded machines |
///
/// While a worker looks, it yields to every other thread that wants the processor. If other
/// workers take a million submissions a second meanwhile, at most 2.5 µs of each yield count. Under
/// every profile an idle pool uses no processor time.
///
/// ```
/// use millpond::{Profile, ThreadPool};
/// let pool = ThreadPool::builder().workers(2).profile(Profile::Latency).build()?;
/// # Ok::<(), millpond::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Profile {
    /// The worker looks for about as long as a wake-up costs.
    #[default]
    Balanced,
    /// The worker looks for as long as the next request may take to come.
    Latency,
    /// The worker sleeps at once.
    Frugal,
}

impl Profile {
    /// How long a worker polls without giving up the processor. A hot caller comes back within
    /// this time.
    pub(super) fn pausing(self) -> Duration {
        match self {
            Self::Balanced | Self::Latency => Duration::from_nanos(1_500),
            Self::Frugal => Duration::ZERO,
        }
    }

    /// How long the worker then polls and yields, after `fruitless` spins in a row that found
    /// nothing.
    pub(super) fn yielding(self, fruitless: u32) -> Duration {
        match self {
            Self::Balanced if fruitless < 4 => Duration::from_micros(40),
            Self::Latency => Duration::from_micros(200),
            Self::Balanced | Self::Frugal => Duration::ZERO,
        }
    }
}
