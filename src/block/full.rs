//! What a full pool says of itself.

use std::fmt;

/// Says how full a pool was when it refused a submission.
///
/// The thread that was refused has read the numbers one after the other, after the refusal. So
/// they may not fit together to the last one.
///
/// ```
/// use millpond::{ThreadPool, WhenFull};
/// let pool = ThreadPool::builder()
///     .workers(1)
///     .thread_name_prefix("resize")
///     .max_queued(1)
///     .when_full(WhenFull::Refuse)
///     .build()?;
/// let (release, held) = std::sync::mpsc::channel::<()>();
/// pool.spawn(move || _ = held.recv())?; // keeps the worker
/// let refused = loop {
///     match pool.spawn(|| ()) {
///         Ok(()) => {}
///         Err(refused) => break refused,
///     }
/// };
/// let full = refused.full().expect("that is why");
/// assert_eq!((full.pool.as_str(), full.limit, full.workers), ("resize", 1, 1));
/// drop(release);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PoolFull {
    /// The pool's name. That is the first worker's thread name without the `-0` at its end: what
    /// was given to [`thread_name_prefix`](crate::Builder::thread_name_prefix), or `millpond`.
    pub pool: String,
    /// How many submissions the pool may hold: its [`max_queued`](crate::Builder::max_queued).
    pub limit: usize,
    /// How many places are used, by queued submissions and by permits.
    pub used: usize,
    /// How many of the used places belong to a [`Permit`](crate::Permit) that was not used yet.
    pub reserved: usize,
    /// How many submissions wait in line for a place.
    pub waiting: usize,
    /// How many workers were running something.
    pub running: usize,
    /// How many workers the pool has.
    pub workers: usize,
}

impl fmt::Display for PoolFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pool, limit, used, reserved, waiting, running, workers } = self;
        write!(
            f,
            "Pool is full: {pool} has {used} of {limit} places used ({reserved} by permits), \
             {waiting} waiting, {running} of {workers} workers running"
        )
    }
}
