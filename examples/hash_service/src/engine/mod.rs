//! The three pools, behind one call.

pub mod blocking;
pub mod mill;
pub mod on_rayon;

use std::time::{Duration, Instant};

use clap::ValueEnum;

use blocking::Blocking;
use mill::Mill;
use on_rayon::OnRayon;

/// Which pool the service stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// millpond: limit, deadline, CoDel, cancel on drop.
    Millpond,
    /// millpond without CoDel.
    MillpondDeadline,
    /// `spawn_blocking` behind two semaphores: limit, deadline, cancel on drop.
    SpawnBlocking,
    /// rayon with a oneshot channel: limit, deadline, cancel on drop.
    Rayon,
}

impl Kind {
    /// The name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Millpond => "millpond",
            Self::MillpondDeadline => "millpond-deadline",
            Self::SpawnBlocking => "spawn-blocking",
            Self::Rayon => "rayon",
        }
    }
}

/// How the pool is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which pool.
    pub kind: Kind,
    /// How many requests run at a time.
    pub workers: usize,
    /// How many requests may be queued.
    pub max_queued: usize,
    /// Whether a request waits for a place while the queue is full. If not, it is refused.
    /// Only millpond knows how to.
    pub wait: bool,
}

/// One piece of work with its times.
pub struct Job<F> {
    /// When the request came.
    pub arrived: Instant,
    /// The latest time to begin: the deadline, less the time that the work takes.
    pub start_by: Instant,
    /// What to do.
    pub work: F,
}

/// Why a request has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The queue was full.
    Full,
    /// The request had waited for too long, so its work was not begun.
    Expired,
    /// The pool takes no more work.
    Closed,
    /// The work panicked.
    Failed(String),
}

/// What a pool tells of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gauges {
    /// Threads for the work.
    pub workers: usize,
    /// Requests that run.
    pub running: usize,
    /// Requests that are queued.
    pub queued: usize,
}

/// A pool of one of the three kinds.
pub enum Engine {
    /// On millpond.
    Mill(Mill),
    /// On `spawn_blocking`.
    Blocking(Blocking),
    /// On rayon.
    Rayon(OnRayon),
}

impl Engine {
    /// Starts a pool.
    ///
    /// # Errors
    ///
    /// The system refused a thread, or a limit is zero.
    pub fn new(options: Options) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match options.kind {
            Kind::Millpond => Self::Mill(Mill::new(options, true)?),
            Kind::MillpondDeadline => Self::Mill(Mill::new(options, false)?),
            Kind::SpawnBlocking => Self::Blocking(Blocking::new(options)),
            Kind::Rayon => Self::Rayon(OnRayon::new(options)?),
        })
    }

    /// Does one piece of work. It blocks no thread of the runtime. If the future is dropped, work
    /// that has not begun is not done.
    ///
    /// # Errors
    ///
    /// The work was not done, or panicked: see [`Denied`].
    pub async fn run<F>(&self, job: Job<F>) -> Result<u64, Denied>
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        match self {
            Self::Mill(mill) => mill.run(job).await,
            Self::Blocking(blocking) => blocking.run(job).await,
            Self::Rayon(rayon) => rayon.run(job).await,
        }
    }

    /// Says how busy the pool is.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        match self {
            Self::Mill(mill) => mill.gauges(),
            Self::Blocking(blocking) => blocking.gauges(),
            Self::Rayon(rayon) => rayon.gauges(),
        }
    }

    /// Closes the pool and waits for the accepted work. Says whether all of it ended in time.
    pub async fn drain(&self, limit: Duration) -> bool {
        match self {
            Self::Mill(mill) => mill.drain(limit).await,
            Self::Blocking(blocking) => blocking.drain(limit).await,
            Self::Rayon(rayon) => rayon.drain(limit).await,
        }
    }
}
