use std::time::Duration;

use crate::sync::clock::Stopwatch;
use crate::sync::{AtomicU64, Ordering};

/// The value of `above` while the last waiting time was within the target.
const WITHIN: u64 = 0;

/// Sheds load by waiting time: says whether a task that has waited so long should still begin.
///
/// Each task asks before it begins, and tells how long it has waited. While the waits stay above
/// the `target` for a whole `interval`, there is a standing queue. Then the answer is no for each
/// task that has waited for more than twice the target. So the queue gets short, and the tasks
/// that begin still have time to end. One task that has waited for no more than the target ends
/// this, and so does an empty queue. A burst that drains within the interval loses nothing.
///
/// This is controlled delay, after RFC 8289 (CoDel) and its form for servers in Facebook's folly.
/// It is for tasks that begin in the order of submission. A target of 5 ms and an interval of
/// 100 ms suit a service whose tasks run for up to a few milliseconds. The target should be no
/// shorter than the run time of a task, divided by the workers. The interval should be about as
/// long as the longest burst that is to be served whole.
///
/// One `Codel` serves one queue, and may be shared by any number of threads. A task asks it through
/// [`start_if`](crate::Task::start_if):
///
/// ```
/// use millpond::{Codel, ThreadPool};
/// use std::sync::Arc;
/// use std::time::Duration;
/// let pool = ThreadPool::new(2)?;
/// let codel = Arc::new(Codel::new(Duration::from_millis(5), Duration::from_millis(100)));
/// let ask = Arc::clone(&codel);
/// let answer = pool.task(|| 6 * 7).start_if(move |waited| ask.admit(waited)).apply_async()?;
/// assert_eq!(answer.get()?, 42); // a first task is never refused
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Codel {
    target: u64,
    interval: u64,
    /// Runs since this was made.
    clock: Stopwatch,
    /// Since when each waiting time was above the target, in nanoseconds: [`WITHIN`] if the last
    /// one was not.
    above: AtomicU64,
    /// When a task last asked, in nanoseconds.
    asked: AtomicU64,
}

impl Codel {
    /// Makes one for a queue that was empty up to now.
    ///
    /// With a target of zero every wait is too long. With an interval of zero the second long wait
    /// in a row makes a standing queue.
    ///
    /// # Cost
    ///
    /// The call reads the clock. It does not block, allocate, run your code or wake a thread.
    #[must_use]
    pub fn new(target: Duration, interval: Duration) -> Self {
        Self {
            target: nanoseconds(target),
            interval: nanoseconds(interval),
            clock: Stopwatch::start(),
            above: AtomicU64::new(WITHIN),
            asked: AtomicU64::new(0),
        }
    }

    /// Says whether a task that has waited for so long should begin now.
    ///
    /// The caller must ask once for each task, also for those that have not waited. This reads the
    /// clock itself. If the caller is interrupted between its own reading of the time and this call
    /// for longer than the queue has stood, the answer is that for an empty queue.
    ///
    /// # Cost
    ///
    /// The call reads the clock, and reads and writes two words. It does not block, allocate, run
    /// your code or wake a thread.
    #[must_use = "the answer says whether to begin the task"]
    pub fn admit(&self, waited: Duration) -> bool {
        self.admit_at(self.clock.elapsed(), waited)
    }

    /// Does what [`admit`](Self::admit) does, by the caller's clock: for simulations and tests.
    ///
    /// `now` is the time since any fixed moment before the first task. It never goes back. A caller
    /// that uses this does not use [`admit`](Self::admit) on the same `Codel`.
    ///
    /// ```
    /// use millpond::Codel;
    /// use std::time::Duration;
    /// let ms = Duration::from_millis;
    /// let codel = Codel::new(ms(5), ms(100));
    /// assert!(codel.admit_at(ms(1000), ms(300))); // long, but perhaps it is a burst
    /// assert!(codel.admit_at(ms(1099), ms(300)));
    /// assert!(!codel.admit_at(ms(1100), ms(300))); // for 100 ms every wait was above 5 ms
    /// assert!(codel.admit_at(ms(1101), ms(10))); // short enough to begin
    /// assert!(codel.admit_at(ms(1102), ms(5))); // within the target: the queue is gone
    /// assert!(codel.admit_at(ms(1103), ms(300)));
    /// ```
    ///
    /// # Cost
    ///
    /// The call reads and writes two words. It does not block, allocate, run your code or wake a
    /// thread.
    #[must_use = "the answer says whether to begin the task"]
    pub fn admit_at(&self, now: Duration, waited: Duration) -> bool {
        // Time begins at one, so that no time is `WITHIN`.
        let (now, waited) = (nanoseconds(now).saturating_add(1), nanoseconds(waited));
        // Relaxed, here and below: no data hangs on these words.
        let asked = self.asked.load(Ordering::Relaxed);
        self.asked.store(now, Ordering::Relaxed);
        if waited <= self.target {
            self.set_above(WITHIN);
            return true;
        }
        let since = self.above.load(Ordering::Relaxed);
        let found_no_queue = now.saturating_sub(waited) > asked;
        if since == WITHIN || found_no_queue {
            self.set_above(now);
            return true;
        }
        now.saturating_sub(since) < self.interval || waited <= self.target.saturating_mul(2)
    }

    /// Most answers change nothing, and then the word stays in every processor's cache.
    fn set_above(&self, since: u64) {
        if self.above.load(Ordering::Relaxed) != since {
            self.above.store(since, Ordering::Relaxed);
        }
    }
}

/// The duration in nanoseconds, or the most that the word can say: 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
