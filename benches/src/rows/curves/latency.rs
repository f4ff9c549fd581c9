//! How long does a task take that arrives when it pleases, at more loads than P21 has, if it is
//! empty, and with other profiles? (L1 and L2)
//!
//! The open loop of P21: what it says of arrivals and times holds here too. The gaps are such that
//! tasks of 20 µs keep one worker busy for a tenth, a half and four fifths of the time. Empty tasks
//! come after the same gaps.
//!
//! Not measured: overload, bursts, results on their way back.

use std::time::Duration;

use millpond::{DropPolicy, Profile, ThreadPool};

use super::A_FEW;
use crate::check::{Figures, Outcome};
use crate::measure::workers;
use crate::peers::{Millpond, Peer};
use crate::row::{Contestant, Measure, Row, Unit, ask};
use crate::rows::open_loop::{Case, HALF_OF_ONE, Load, TASK, ideal, open};

/// Of each load: enough for a p99, of which a hundredth part is 20 tasks.
const TASKS: usize = 2_000;

const TENTH: Load = || 0.1;
const MOST: Load = || 0.8;

/// A load, and what its median and its 99th percentile are called.
const LOADS: [(Load, [&str; 2]); 3] = [
    (TENTH, ["p50 at 10 % of a worker", "p99 at 10 % of a worker"]),
    (HALF_OF_ONE, ["p50 at 50 % of a worker", "p99 at 50 % of a worker"]),
    (MOST, ["p50 at 80 % of a worker", "p99 at 80 % of a worker"]),
];

pub(super) fn rows() -> [Row; 2] {
    [
        row("L1", "open loop, Poisson, tasks of 20 µs, by the load")
            .with(Contestant::floor("no hand-over", || each(TASK, ideal)))
            .with_all(ask!(long: Millpond, Rayon, Threadpool, RustyPool, TokioSpawn, TokioBlocking))
            .with(Contestant::beside(LATENCY, || profile(Profile::Latency, TASK)))
            .with(Contestant::beside(FRUGAL, || profile(Profile::Frugal, TASK))),
        row("L2", "open loop, Poisson, empty tasks, by the load that tasks of 20 µs would be")
            .with_all(
                ask!(empty: Millpond, Rayon, Threadpool, RustyPool, TokioSpawn, TokioBlocking),
            )
            .with(Contestant::beside(LATENCY, || profile(Profile::Latency, Duration::ZERO)))
            .with(Contestant::beside(FRUGAL, || profile(Profile::Frugal, Duration::ZERO))),
    ]
}

const LATENCY: &str = "millpond, Latency";
const FRUGAL: &str = "millpond, Frugal";

fn row(id: &'static str, work: &'static str) -> Row {
    let measure = |row: Row, name| row.measure(Measure::new(name, name, Unit::Nanos));
    LOADS.iter().flat_map(|load| load.1).fold(Row::new(id, work).otherwise(A_FEW), measure)
}

/// Each load, one after the other.
fn each(task: Duration, run: impl Fn(Case) -> Outcome) -> Outcome {
    let mut all = Figures::new();
    for (load, names) in LOADS {
        let figures = run(Case { load, task, tasks: TASKS, curve: None })?;
        for (key, name) in ["p50", "p99"].into_iter().zip(names) {
            all.insert(name.to_owned(), figures[key]);
        }
    }
    Ok(all)
}

fn on<P: Peer>(pool: &P, task: Duration) -> Outcome {
    each(task, |case| open(pool, case))
}

fn long<P: Peer>() -> Outcome {
    on(P::forever(workers()), TASK)
}

fn empty<P: Peer>() -> Outcome {
    on(P::forever(workers()), Duration::ZERO)
}

fn profile(profile: Profile, task: Duration) -> Outcome {
    let builder = ThreadPool::builder().workers(workers()).drop_policy(DropPolicy::Terminate);
    let pool = builder.profile(profile).build().map_err(|error| error.to_string())?;
    on(&Millpond(pool), task)
}
