//! How long a worker looks for work before it sleeps.

use std::time::Duration;

/// What a worker does when there is no work: how long it looks for some before it sleeps. Asleep it costs nothing, and a
/// submission has to wake it, which is a system call for the submitter and takes the worker some microseconds.
///
/// | | looks for | after looking in vain four times | for |
/// |---|---|---|---|
/// | [`Balanced`](Self::Balanced) | 10 µs | 1.5 µs, until it finds something again | all that has no wish |
/// | [`Latency`](Self::Latency) | 200 µs | 200 µs | requests that come in quick succession, on processors to spare |
/// | [`Frugal`](Self::Frugal) | not at all | not at all | batteries, crowded machines |
///
/// While it looks it yields to every other thread that wants the processor. With any of them an idle pool uses no processor
/// time.
///
/// ```
/// use millpond::{Profile, ThreadPool};
/// let pool = ThreadPool::builder().workers(2).profile(Profile::Latency).build()?;
/// # Ok::<(), millpond::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Profile {
    /// About as long as a wake-up costs.
    #[default]
    Balanced,
    /// For as long as the next request may take to come.
    Latency,
    /// It sleeps at once.
    Frugal,
}

impl Profile {
    /// How long a worker polls without giving up the processor: a hot caller comes back within this.
    pub(super) fn pausing(self) -> Duration {
        match self {
            Self::Balanced | Self::Latency => Duration::from_nanos(1_500),
            Self::Frugal => Duration::ZERO,
        }
    }

    /// How long it then polls and yields, after so many fruitless spins in a row.
    pub(super) fn yielding(self, fruitless: u32) -> Duration {
        match self {
            Self::Balanced if fruitless < 4 => Duration::from_micros(10),
            Self::Latency => Duration::from_micros(200),
            Self::Balanced | Self::Frugal => Duration::ZERO,
        }
    }
}
