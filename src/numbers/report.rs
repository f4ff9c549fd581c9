use std::time::Duration;

use super::Histogram;
use crate::sync::thread::ThreadId;

/// Tells what a pool has done so far, and what it has to do: see [`Pool::stats`].
///
/// A call counts as one submission. So does a task of a scope, whether its function is called by a
/// worker or by the scope's own thread. A batch counts as one, whatever the number of its items,
/// and so does a stream. A batch runs from its first item to its outcome. A stream runs from its
/// opening until it has yielded its end, or is dropped.
///
/// Every submission is in one place: `submitted` is the sum of `queued`, `running`, `completed`,
/// `failed`, `cancelled`, `terminated` and `expired`. While submitters and workers are busy, the
/// numbers are of slightly different moments, and a submission that moves on meanwhile may be
/// counted at its earlier place. When a handle says that its task is done, the task's end is
/// counted.
///
/// [`Pool::stats`]: crate::Pool::stats
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Whether the pool [counts](crate::Builder::stats). If not, only the first three numbers below
    /// are known, and all others are 0 or empty. `running` and `queued` are then what
    /// [`active`](crate::Pool::active) and [`queued`](crate::Pool::queued) say.
    pub counted: bool,
    /// How many workers the pool has.
    pub workers: usize,
    /// How many submissions have begun and not ended. A task that waits for another one runs too.
    pub running: u64,
    /// How many submissions have not begun.
    pub queued: u64,
    /// For how long the oldest queued submission has been queued, at least. None if none is queued.
    ///
    /// The pool does not look at the clock for each submission. It compares with earlier calls of
    /// `stats`: so the number is too small by at most the time between two calls, and 0 at the
    /// first call that finds the submission.
    pub oldest_queued: Option<Duration>,
    /// How many submissions the pool has taken.
    pub submitted: u64,
    /// How many of them have a value.
    pub completed: u64,
    /// How many of them have failed: the function returned an error, or it panicked, or the input
    /// or a callback did.
    pub failed: u64,
    /// How many of them were cancelled: a call before it began, a batch before all its items had. A
    /// stream that is dropped before its end counts here.
    pub cancelled: u64,
    /// How many of them were resolved because the pool was terminated or broken.
    pub terminated: u64,
    /// How many of them were not begun in time.
    pub expired: u64,
    /// How many submissions the pool has refused, and given back. `submitted` does not count them.
    pub refused: u64,
    /// For how long each worker has had work, by its index.
    ///
    /// A worker has work from the moment in which it finds a task to the moment in which it finds
    /// none. So the time in which a task blocks counts, and the time in which the worker spins or
    /// sleeps does not.
    pub busy: Vec<Duration>,
}

/// Tells what one worker runs at this moment: see [`Pool::running`](crate::Pool::running).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Running {
    /// The worker's index.
    pub worker: usize,
    /// The worker's thread.
    pub thread: ThreadId,
    /// The name of the function's type, as [`std::any::type_name`] has it. For a closure it tells
    /// the function in which the closure stands.
    pub type_name: &'static str,
    /// For how long it has run, at least.
    pub at_least: Duration,
    /// Whether `at_least` is the exact time.
    ///
    /// The pool knows when a task began if its worker had no task before, and if the task is one of
    /// those whose [times](crate::Builder::timings) are measured. For the others it compares with
    /// earlier calls of [`running`](crate::Pool::running) and [`stats`](crate::Pool::stats). So the
    /// time is too small by at most the time between two calls. At the first call it is 0.
    pub exact: bool,
}

/// How long tasks were queued, and how long they ran: see [`Pool::timings`](crate::Pool::timings).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Timings {
    /// One in so many tasks was measured.
    pub one_in: u32,
    /// From the submission to the moment in which a worker began the task.
    pub queued: Histogram,
    /// From there until the task and its callbacks had ended.
    pub ran: Histogram,
}
