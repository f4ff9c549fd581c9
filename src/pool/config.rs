//! The options of a pool that has not been started, and why a pool cannot be built.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use crate::block::UnobservedCallback;
use crate::sched::WhenFull;
use crate::worker::Profile;

/// Says what dropping the [`ThreadPool`](crate::ThreadPool) does.
///
/// A pool that is dropped on one of its own workers never waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum DropPolicy {
    /// Resolves queued work as `Terminated`, as leaving Python's `with` block does. Running tasks
    /// finish by themselves, and the drop does not wait for them.
    #[default]
    Terminate,
    /// Does what `Terminate` does, and then waits until the running tasks have finished.
    Join,
    /// Closes the pool, and waits until all accepted work has finished, and all work that accepted
    /// tasks submit meanwhile.
    ///
    /// A task that submits itself again and again keeps the drop waiting for ever, unless the pool
    /// closes [strictly](crate::Builder::strict_close). Open streams pull no more.
    Drain,
}

/// Says why [`Builder::build`](crate::Builder::build) made no pool.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The pool was to have no workers. It would never run anything.
    ZeroWorkers,
    /// The pool was to have more workers than it can count.
    TooManyWorkers {
        /// How many workers were asked for.
        asked: usize,
        /// How many workers a pool may have.
        limit: usize,
    },
    /// The limit of queued submissions was 0. Such a pool could take no work.
    ZeroMaxQueued,
    /// A thread's name contains a NUL byte, which the system cannot take.
    ThreadName {
        /// The name of the thread.
        name: String,
    },
    /// The system refused a thread. The threads that had been started are gone again.
    ///
    /// A process that comes near to the limit of its memory maps does not get this error. On Linux
    /// that limit is 65,530 maps, which is about 16,000 threads. The system then starts the thread
    /// and refuses it the second stack that Rust's standard library wants for signals. The library
    /// panics before any code of the pool runs in the thread, and that ends the process. Ask for
    /// fewer workers, or raise `vm.max_map_count`.
    Spawn {
        /// How many threads had been started.
        started: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroWorkers => f.write_str("Number of processes must be at least 1"),
            Self::TooManyWorkers { asked, limit } => {
                write!(f, "{asked} workers are more than the limit of {limit}")
            }
            Self::ZeroMaxQueued => f.write_str("Number of queued submissions must be at least 1"),
            Self::ThreadName { name } => write!(f, "the thread name {name:?} contains a NUL byte"),
            Self::Spawn { started, source } => {
                write!(f, "the system refused a thread when {started} had started: {source}")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A callback that hears a worker's index.
pub(crate) type WorkerCallback = Arc<dyn Fn(usize) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Config {
    pub(crate) workers: Option<usize>,
    pub(crate) name: Option<Box<dyn Fn(usize) -> String + Send>>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) initializer: Option<WorkerCallback>,
    pub(crate) on_exit: Option<WorkerCallback>,
    pub(crate) on_unobserved: Option<UnobservedCallback>,
    pub(crate) drop_policy: DropPolicy,
    pub(crate) profile: Profile,
    pub(crate) max_queued: Option<usize>,
    pub(crate) when_full: WhenFull,
    pub(crate) strict_close: bool,
    pub(crate) stats: bool,
    /// The timings take one in so many tasks as a sample. 0 is none.
    pub(crate) one_in: u32,
}

impl Config {
    /// The idle stack counts its seats in 16 bits, with 0 for none.
    pub(crate) const MAX_WORKERS: usize = 0xffff;

    /// Names each worker's thread, and checks the options.
    ///
    /// # Errors
    ///
    /// Says why there can be no such pool.
    pub(super) fn names(&self, workers: usize) -> Result<Vec<String>, BuildError> {
        if workers == 0 {
            return Err(BuildError::ZeroWorkers);
        }
        if workers > Self::MAX_WORKERS {
            return Err(BuildError::TooManyWorkers { asked: workers, limit: Self::MAX_WORKERS });
        }
        if self.max_queued == Some(0) {
            return Err(BuildError::ZeroMaxQueued);
        }
        let name = |index| match &self.name {
            Some(name) => name(index),
            None => format!("millpond-{index}"),
        };
        let names: Vec<String> = (0..workers).map(name).collect();
        match names.iter().find(|name| name.contains('\0')) {
            Some(name) => Err(BuildError::ThreadName { name: name.clone() }),
            None => Ok(names),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // covers F-15
    #[test]
    fn the_most_workers_are_as_many_as_can_be_counted() {
        let config = Config::default();
        assert_eq!(
            config.names(Config::MAX_WORKERS).map(|names| names.len()).ok(),
            Some(Config::MAX_WORKERS)
        );
        assert!(matches!(
            config.names(Config::MAX_WORKERS + 1),
            Err(BuildError::TooManyWorkers { asked: 0x1_0000, limit: 0xffff })
        ));
    }
}
