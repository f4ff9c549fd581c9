//! How often does a submission under load cost a system call? (P16)
//!
//! Counted by the pool itself: wake-ups of workers by submitters and of waiters by workers, together. The bound on
//! tasks of a microsecond ends with the last submission: after that the caller takes results that are not there yet,
//! and each time it sleeps for one it must be woken, which no pool can spare it. That part is reported.
//!
//! Not measured: other pools, which do not count.

use std::time::Duration;

use crate::check::{Outcome, figures, same};
use crate::measure::{spin, workers};
use crate::peers::{Millpond, Peer as _};
use crate::row::{Against, Contestant, Measure, Row, Unit};

pub(super) fn row() -> Row {
    let measure = |key, what| Measure::new(key, what, Unit::Count);
    let judged = |key, what| measure(key, what).must(Against::Itself, 0.005);
    Row::new("P16", "wakes per submission under load, from one outside thread")
        .measure(judged("empty", "1 M empty tasks, all results taken"))
        .measure(judged("busy", "200 k tasks of 1 µs, until all are submitted"))
        .measure(measure("busy_taken", "the same, until all results are taken"))
        .with(Contestant::ours(wakes))
        .otherwise("does not count its wakes")
}

fn wakes() -> Outcome {
    let pool = Millpond::forever(workers());
    // The one task is not load: it has the threads started, and the counter seen to work.
    same("a result", &pool.get(pool.submit(|| 1_u64)), &1)?;
    let run = |tasks: u64, work: Duration| {
        let before = millpond::counters::wakes();
        let task = move || {
            if !work.is_zero() {
                spin(work);
            }
            1_u64
        };
        let handles: Vec<_> = (0..tasks).map(|_| pool.submit(task)).collect();
        let submitted = millpond::counters::wakes() - before;
        let sum: u64 = handles.into_iter().map(|handle| pool.get(handle)).sum();
        let taken = millpond::counters::wakes() - before;
        same("the sum of the results", &sum, &tasks)?;
        Ok::<_, String>([submitted, taken].map(|wakes| wakes as f64 / tasks as f64))
    };
    let [_, empty] = run(1_000_000, Duration::ZERO)?;
    let [busy, taken] = run(200_000, Duration::from_micros(1))?;
    Ok(figures([("empty", empty), ("busy", busy), ("busy_taken", taken)]))
}
