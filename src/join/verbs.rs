use std::panic::resume_unwind;

use super::half::{join_in_turn, join_on};
use crate::block::TaskError;
use crate::pool::Pool;
use crate::sync::step;
use crate::worker::{Caller, Tie, refusal, with_caller};

/// Two functions at once.
impl Pool {
    /// Calls both functions, perhaps at the same time, waits for both, and gives both values.
    ///
    /// A worker calls `a` at once, and offers `b` to the other workers meanwhile. If no worker
    /// has taken `b` when `a` returns, the same worker calls `b`. So a recursion that joins at
    /// every step costs little more than plain calls, and spreads over all workers. Both
    /// functions may borrow from the caller's stack. Other crates call this `join`, which is here
    /// the name of [Python's `join`](crate::ThreadPool::join).
    ///
    /// A worker whose `b` runs on another worker runs only parts of `b` until `b` has ended. So a
    /// half that blocks may hold up two workers. `a` must not wait for something that `b` does, nor
    /// a half for other work of the pool that it has not submitted itself: perhaps no worker is
    /// free for it.
    ///
    /// # Errors
    ///
    /// * [`TaskError::NotSubmitted`], if the pool takes no more work. Neither function is
    ///   called.
    /// * [`TaskError::Full`], if the pool is full and [refuses](crate::Builder::when_full).
    /// * [`TaskError::Terminated`] or [`TaskError::Broken`], if the pool ended before `b` began,
    ///   or before `a` began. The value of `a` is dropped.
    /// * [`TaskError::WouldDeadlock`] in the child of a fork that `a` has made.
    ///
    /// # Panics
    ///
    /// If `a` or `b` panics, the panic goes on from here when both have ended. If both panic,
    /// it is the panic of `a`.
    ///
    /// ```
    /// use millpond::{Pool, TaskError, ThreadPool};
    /// fn sum(pool: &Pool, numbers: &[u64]) -> Result<u64, TaskError> {
    ///     if let [number] = numbers {
    ///         return Ok(*number);
    ///     }
    ///     let (left, right) = numbers.split_at(numbers.len() / 2);
    ///     let (left, right) = pool.fork_join(|| sum(pool, left), || sum(pool, right))?;
    ///     Ok(left? + right?)
    /// }
    /// let pool = ThreadPool::new(2)?;
    /// let numbers: Vec<u64> = (1..=1000).collect();
    /// assert_eq!(sum(&pool, &numbers)?, 500_500);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// On a worker of the pool the call does not allocate, except that the worker's list of
    /// offers grows with the depth of the recursion. It runs `a` on this thread, and `b` too if
    /// no other worker has taken it. Otherwise it blocks until `b` has ended. It wakes a worker
    /// if one sleeps and none is looking for work, which is a system call. Any other thread
    /// submits both functions as one task and blocks until that task is done, as
    /// [`apply`](Self::apply) does.
    #[inline]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn fork_join<A, B, RA, RB>(&self, a: A, b: B) -> Result<(RA, RB), TaskError>
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        step::call("fork_join");
        with_caller(self.sched().id, |caller| match caller {
            Caller::Worker(worker) => {
                if let Err(kind) = refusal(self.sched(), caller.kind(), Tie::Nested) {
                    return Err(self.sched().not_submitted(Some(kind)));
                }
                join_on(worker, a, b)
            }
            Caller::Outside | Caller::Member => self.fork_join_slow(caller, a, b),
        })
    }

    /// Does what [`fork_join`](Self::fork_join) does, on a thread that is no worker of the pool.
    #[cold]
    fn fork_join_slow<A, B, RA, RB>(
        &self,
        caller: Caller<'_>,
        a: A,
        b: B,
    ) -> Result<(RA, RB), TaskError>
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        if matches!(caller, Caller::Member) {
            refusal(self.sched(), caller.kind(), Tie::Nested)
                .map_err(|kind| self.sched().not_submitted(Some(kind)))?;
            return join_in_turn(self.sched(), a, b);
        }
        match self.apply(|| self.fork_join(a, b)) {
            Ok(joined) => joined,
            Err(TaskError::Panicked(panic)) => resume_unwind(panic.into_payload()),
            Err(error) => Err(error),
        }
    }
}
