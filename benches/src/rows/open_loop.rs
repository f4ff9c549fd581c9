//! How long do tasks take that arrive when they please? (P21, P29)
//!
//! Poisson arrivals, tasks of 20 µs, at half the load of one worker (P21), and at half and four fifths of the load of all
//! workers (P29). A task's time runs from when it was due, not from
//! when the submitter got round to it, so that a pool that holds its submitter up is charged for it (no coordinated
//! omission). The submitter spins between arrivals, and so has a processor of its own where there is one to spare. Where
//! there is none, P29 is about who gets a processor as much as about pools. Not measured: overload.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Figures, Outcome, figures, same};
use crate::measure::{cpu_time, histogram, record, spin, workers};
use crate::peers::{Affinitypool, NO_SPAWN, Peer};
use crate::percentiles;
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

pub(super) const TASK: Duration = Duration::from_micros(20);
const TASKS: usize = 12_500;

/// How much of what the workers can do the tasks ask for.
pub(super) type Load = fn() -> f64;

pub(super) const HALF_OF_ONE: Load = || 0.5;
const CURVE_OF_ONE: &str = "at 50 % of one worker";
const HALF_OF_ALL: Load = || 0.5 * workers() as f64;
const MOST_OF_ALL: Load = || 0.8 * workers() as f64;

/// What arrives.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) load: Load,
    /// How long each task spins. The load is that of tasks of [`TASK`] in any case.
    pub(super) task: Duration,
    /// How many they are.
    pub(super) tasks: usize,
    /// What the percentile curve of their times is called, if there is one.
    pub(super) curve: Option<&'static str>,
}

impl Case {
    fn at(load: Load, curve: &'static str) -> Self {
        Self { load, task: TASK, tasks: TASKS, curve: Some(curve) }
    }
}

pub(super) fn rows() -> [Row; 2] {
    let measure = |key, what| Measure::new(key, what, Unit::Nanos).must(Against::Best, 1.05);
    let no_spawn = |row: Row| {
        row.absent(Affinitypool::NAME, NO_SPAWN).all_absent(
            [python::THREAD_POOL, python::EXECUTOR],
            "a task of 20 µs that spins holds the lock its submitter needs",
        )
    };
    let one = Row::new("P21", "open loop, Poisson, 20 µs tasks at 50 % of one worker")
        .measure(measure("p50", "p50"))
        .measure(measure("p99", "p99"))
        .measure(Measure::cpu("processor time of a task and of the submitter that spins until it is due"))
        .with(Contestant::floor("no hand-over", || ideal(Case::at(HALF_OF_ONE, CURVE_OF_ONE))))
        .with_all(ask!(half_of_one: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
            Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel));
    let all = Row::new("P29", "open loop, Poisson, 20 µs tasks at 50 % and 80 % of all workers")
        .measure(measure("50_p50", "p50 at 50 %"))
        .measure(measure("50_p99", "p99 at 50 %"))
        .measure(measure("50_p999", "p99.9 at 50 %"))
        .measure(measure("80_p50", "p50 at 80 %"))
        .measure(measure("80_p99", "p99 at 80 %"))
        .measure(measure("80_p999", "p99.9 at 80 %"))
        .with(Contestant::floor("no hand-over", || {
            at_both(ideal)
        }))
        .with_all(ask!(of_all: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
            Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel));
    [no_spawn(one), no_spawn(all)]
}

fn half_of_one<P: Peer>() -> Outcome {
    open(P::forever(workers()), Case::at(HALF_OF_ONE, CURVE_OF_ONE))
}

fn of_all<P: Peer>() -> Outcome {
    let pool = P::forever(workers());
    at_both(|case| open(pool, case))
}

/// Both loads of P29, one after the other.
fn at_both(run: impl Fn(Case) -> Outcome) -> Outcome {
    let mut all = Figures::new();
    for (share, load, curve) in [
        ("50", HALF_OF_ALL, "at 50 % of all workers"),
        ("80", MOST_OF_ALL, "at 80 % of all workers"),
    ] {
        all.extend(
            run(Case::at(load, curve))?
                .into_iter()
                .map(|(key, value)| (format!("{share}_{key}"), value)),
        );
    }
    Ok(all)
}

/// When each task is due: the same for everybody.
fn arrivals(Case { load, tasks, .. }: Case) -> impl Iterator<Item = Duration> {
    let gap = TASK.as_secs_f64() / load();
    let mut state = 1_u64;
    let mut due = 0.0;
    (0..tasks).map(move |_| {
        state = crate::work::steps(state, 1);
        // Of 53 random bits, never 0.
        let uniform = ((state >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        due -= uniform.ln() * gap;
        Duration::from_secs_f64(due)
    })
}

fn run(case: Case, mut submit: impl FnMut(Instant)) {
    let begin = Instant::now() + Duration::from_millis(1);
    for due in arrivals(case).map(|due| begin + due) {
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        submit(due);
    }
}

fn summary(case: Case, lengths: impl IntoIterator<Item = Duration>, cpu: Option<f64>) -> Outcome {
    let mut all = histogram();
    lengths.into_iter().for_each(|length| record(&mut all, length));
    same("the number of tasks run", &all.len(), &(case.tasks as u64))?;
    if let Some(title) = case.curve {
        percentiles::keep(title, &all);
    }
    let mut figures = figures(
        [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)]
            .map(|(key, q)| (key, all.value_at_quantile(q) as f64)),
    );
    figures.extend(cpu.map(|cpu| ("cpu".to_owned(), cpu / case.tasks as f64)));
    Ok(figures)
}

pub(super) fn open<P: Peer>(pool: &P, case: Case) -> Outcome {
    static DONE: AtomicU64 = AtomicU64::new(0);
    // A task every 12 µs or more: two of them are seldom in each other's way.
    static LENGTHS: Mutex<Vec<Duration>> = Mutex::new(Vec::new());
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    LENGTHS.lock().expect("no task here panics").reserve(case.tasks);
    DONE.store(0, Ordering::Relaxed);
    let before = cpu_time();
    run(case, |due| {
        pool.spawn(move || {
            spin(case.task);
            LENGTHS.lock().expect("no task here panics").push(due.elapsed());
            DONE.fetch_add(1, Ordering::Release);
        });
    });
    while DONE.load(Ordering::Acquire) < case.tasks as u64 {
        thread::sleep(Duration::from_millis(1));
    }
    let cpu = cpu_time() - before;
    summary(case, LENGTHS.lock().expect("no task here panics").drain(..), Some(cpu))
}

/// Computed, not measured: each task begins when it is due, or as soon as one of the workers has done with those before.
pub(super) fn ideal(case: Case) -> Outcome {
    let mut free = vec![Duration::ZERO; workers()];
    let lengths = arrivals(case).map(|due| {
        let worker = free.iter_mut().min().expect("there are workers");
        *worker = due.max(*worker) + case.task;
        *worker - due
    });
    summary(case, lengths, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_the_rate_and_the_spread_that_they_should() {
        let due: Vec<f64> =
            arrivals(Case::at(HALF_OF_ONE, CURVE_OF_ONE)).map(|due| due.as_secs_f64()).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread =
            (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        // Of an exponential distribution both are the same; a per cent is what 12,500 of them leave open.
        assert!((mean / 40e-6 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((spread / 40e-6 - 1.0).abs() < 0.04, "spread {spread}");
    }
}
