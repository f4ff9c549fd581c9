//! What a task may ask before its function is called: a deadline, a function.

use std::time::Duration;

use super::Task;
use crate::block::{By, StartBy, StartIf};
use crate::sync::clock::{Deadline, Stopwatch};

impl<F, T, E, C, D, G> Task<F, T, E, C, D, G> {
    /// Lets the task expire if no thread has begun it by `time`.
    ///
    /// The function is not called then, and the result is
    /// [`TaskError::Expired`](crate::TaskError::Expired). The error callback hears of it. In a pool
    /// with a [limit](crate::Builder::max_queued) the place of the task is free.
    ///
    /// `time` is the latest time to *begin*. So subtract from your deadline the time that the task
    /// takes. A task that has begun in time goes on to its end. Of several calls of `start_by` the
    /// earliest time counts.
    ///
    /// The pool has no timer. A task that is overdue resolves at the first of these events:
    ///
    /// * A worker reaches the task in the queue.
    /// * A thread waits for the task beyond `time`, by [`get`](crate::AsyncResult::get),
    ///   [`wait`](crate::AsyncResult::wait), or one of the two with a time limit that is not zero.
    ///   That thread resolves the task itself, although every worker may be stuck.
    /// * A thread cancels the task, or terminates the pool. The result is
    ///   [`TaskError::Cancelled`](crate::TaskError::Cancelled) or
    ///   [`TaskError::Terminated`](crate::TaskError::Terminated) then.
    ///
    /// A future that is polled, and a thread in [`wait`](fn@crate::wait) or
    /// [`as_completed`](crate::as_completed), resolve no task.
    /// [`cancel_on_drop`](crate::AsyncResult::cancel_on_drop) suits them.
    ///
    /// ```
    /// use millpond::{TaskError, ThreadPool};
    /// use std::time::{Duration, Instant};
    /// let pool = ThreadPool::new(1)?;
    /// let (answer_by, run_time) = (Instant::now(), Duration::from_millis(2));
    /// let late = pool.task(|| 6 * 7).start_by(answer_by - run_time).apply_async()?;
    /// assert!(matches!(late.get(), Err(TaskError::Expired)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call keeps the time. It does not block, allocate, run your code or wake a thread.
    ///
    /// The task's block is 32 bytes larger, and the thread that begins the task reads the clock
    /// once. A thread that waits beyond `time` runs your error callback and the `Drop` of the
    /// closure, contains their panics, and may block for a short lock.
    #[allow(clippy::disallowed_types, reason = "the user says a time by the clock of std")]
    pub fn start_by(self, time: std::time::Instant) -> Task<F, T, E, C, D, StartBy<G>> {
        let Self { pool, job, gate, entrance } = self;
        let gate = StartBy { at: By(Deadline::at(time)), then: gate };
        Task { pool, job, gate, entrance }
    }

    /// Lets `admits` say, just before the function is called, whether to call it.
    ///
    /// `admits` hears how long the task has waited since the call of
    /// [`apply_async`](Task::apply_async). That includes the time for which a full pool made the
    /// submitter wait. If it says no, the function is not called, and the result is
    /// [`TaskError::Expired`](crate::TaskError::Expired). The error callback hears of it. If
    /// `admits` panics, that is the panic of the task. In a pool with a
    /// [limit](crate::Builder::max_queued) the task's place is free before `admits` is called.
    ///
    /// It is called on the thread that has claimed the task, at most once. Most often that is a
    /// worker. It is not called if the task is cancelled or overdue. Of several functions the one
    /// that was given first is asked first, until one says no.
    ///
    /// A [`Codel`](crate::Codel) sheds load in this way:
    ///
    /// ```
    /// use millpond::{Codel, TaskError, ThreadPool};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// let pool = ThreadPool::new(2)?;
    /// let codel = Arc::new(Codel::new(Duration::from_millis(5), Duration::from_millis(100)));
    /// let answers = (0..10).map(|i| {
    ///     let codel = Arc::clone(&codel);
    ///     pool.task(move || i * i).start_if(move |waited| codel.admit(waited)).apply_async()
    /// });
    /// for answer in answers.collect::<Result<Vec<_>, _>>()? {
    ///     match answer.get() {
    ///         Ok(square) => println!("{square}"),
    ///         Err(TaskError::Expired) => println!("too busy"),
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call keeps the function, and reads the clock. It does not block, allocate, run your code
    /// or wake a thread.
    ///
    /// The task's block is larger by the function and sixteen bytes. The submission reads the clock
    /// once, and so does the thread that asks.
    pub fn start_if<P>(self, admits: P) -> Task<F, T, E, C, D, StartIf<P, G>>
    where
        P: FnOnce(Duration) -> bool,
    {
        let Self { pool, job, gate, entrance } = self;
        let gate = StartIf { first: gate, admits, waited: Stopwatch::start() };
        Task { pool, job, gate, entrance }
    }
}
