//! What came of a model, in words.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The most outcomes that a report shows.
const MOST_OUTCOMES: usize = 8;

/// What came of a model: how many executions there were, their outcomes, and the failure.
///
/// ```
/// use millpond::ThreadPool;
/// use millpond::model::{self, Model};
///
/// let report = Model::new().explore(|| {
///     let pool = ThreadPool::new(1).unwrap();
///     let task = pool.apply_async(|| 7).unwrap();
///     model::outcome(task.ready());
///     assert_eq!(task.get().unwrap(), 7);
/// });
/// assert!(report.failure.is_none() && report.complete);
/// assert_eq!(report.outcomes.keys().collect::<Vec<_>>(), ["false", "true"]);
/// println!("{report}");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How many executions there were, the failed one included. Under shuttle this is the number
    /// of schedules.
    pub executions: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether every execution within the bound was explored, or under shuttle every schedule
    /// was run. It is false if a limit of the [`Model`](super::Model) ended that, or a failure
    /// did.
    pub complete: bool,
    /// What [`outcome`](fn@super::outcome) was told, and in how many executions.
    pub outcomes: BTreeMap<String, usize>,
    /// The counter-example, if an execution failed, as it is printed.
    pub failure: Option<String>,
    /// How many preemptions an execution could have; `None` is any number. Under shuttle this is
    /// the number of times that the scheduler of every second schedule changed its priorities.
    pub bound: Option<usize>,
    /// The seed of shuttle's schedulers. Under loom there is none.
    pub seed: Option<u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |f: &mut fmt::Formatter<'_>, what: &str| {
            write!(f, "{} {what}{}, ", self.executions, if self.executions == 1 { "" } else { "s" })
        };
        match (self.seed, self.bound) {
            (Some(seed), _) => {
                many(f, "schedule")?;
                write!(f, "seed {seed}, ")?;
            }
            (None, Some(bound)) => {
                many(f, "execution")?;
                write!(f, "bound {bound}, ")?;
            }
            (None, None) => {
                many(f, "execution")?;
                f.write_str("no bound, ")?;
            }
        }
        write!(f, "{:.2} s", self.elapsed.as_secs_f64())?;
        match (&self.failure, self.complete) {
            (Some(_), _) => f.write_str(", FAILED")?,
            (None, false) => f.write_str(", INCOMPLETE: a limit ended it")?,
            (None, true) if self.executions == 1 && self.seed.is_none() => {
                f.write_str("; one execution explores nothing: do two threads meet at all?")?;
            }
            (None, true) => {}
        }
        let mut outcomes: Vec<_> = self.outcomes.iter().collect();
        // The most frequent one comes first.
        outcomes.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
        for (at, (outcome, times)) in outcomes.iter().take(MOST_OUTCOMES).enumerate() {
            let begin = if at == 0 { "; outcomes: " } else { ", " };
            write!(f, "{begin}{outcome} ({times})")?;
        }
        match outcomes.len().saturating_sub(MOST_OUTCOMES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
