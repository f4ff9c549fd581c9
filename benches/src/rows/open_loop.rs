//! How long do tasks take that arrive when they please? (P21)
//!
//! Poisson arrivals, tasks of 20 µs, half the load of one worker. A task's time runs from when it was due, not from
//! when the submitter got round to it, so that a pool that holds its submitter up is charged for it (no coordinated
//! omission). The submitter spins between arrivals. Not measured: overload.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Outcome, figures, same};
use crate::measure::{cpu_time, histogram, record, spin, workers};
use crate::peers::{Affinitypool, NO_SPAWN, Peer, ask};
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit};

const TASK: Duration = Duration::from_micros(20);
const TASKS: usize = 12_500;

pub(super) fn row() -> Row {
    let measure = |key| Measure::new(key, key, Unit::Nanos).must(Against::Best, 1.05);
    Row::new("P21", "open loop, Poisson, 20 µs tasks at 50 % of one worker")
        .measure(measure("p50"))
        .measure(measure("p99"))
        .measure(Measure::cpu("processor time of a task and of the submitter that spins until it is due"))
        .with(Contestant::floor("no hand-over", ideal))
        .with_all(ask!(open: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
            RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel))
        .absent(Affinitypool::NAME, NO_SPAWN)
        .all_absent(
            [python::THREAD_POOL, python::EXECUTOR],
            "a task of 20 µs that spins holds the lock its submitter needs",
        )
}

/// When each task is due: the same for everybody.
fn arrivals() -> impl Iterator<Item = Duration> {
    let mut state = 1_u64;
    let mut due = 0.0;
    (0..TASKS).map(move |_| {
        state = crate::work::steps(state, 1);
        // Of 53 random bits, never 0.
        let uniform = ((state >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        due -= uniform.ln() * 2.0 * TASK.as_secs_f64();
        Duration::from_secs_f64(due)
    })
}

fn run(mut submit: impl FnMut(Instant)) {
    let begin = Instant::now() + Duration::from_millis(1);
    for due in arrivals().map(|due| begin + due) {
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        submit(due);
    }
}

fn summary(lengths: impl IntoIterator<Item = Duration>, cpu: Option<f64>) -> Outcome {
    let mut all = histogram();
    lengths.into_iter().for_each(|length| record(&mut all, length));
    same("the number of tasks run", &all.len(), &(TASKS as u64))?;
    let mut figures = figures(
        [("p50", 0.5), ("p99", 0.99)].map(|(key, q)| (key, all.value_at_quantile(q) as f64)),
    );
    figures.extend(cpu.map(|cpu| ("cpu".to_owned(), cpu / TASKS as f64)));
    Ok(figures)
}

fn open<P: Peer>() -> Outcome {
    static DONE: AtomicU64 = AtomicU64::new(0);
    // A task every 40 µs: nobody is often in the other's way.
    static LENGTHS: Mutex<Vec<Duration>> = Mutex::new(Vec::new());
    let pool = P::forever(workers());
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    LENGTHS.lock().expect("no task here panics").reserve(TASKS);
    let before = cpu_time();
    run(|due| {
        pool.spawn(move || {
            spin(TASK);
            LENGTHS.lock().expect("no task here panics").push(due.elapsed());
            DONE.fetch_add(1, Ordering::Release);
        });
    });
    while DONE.load(Ordering::Acquire) < TASKS as u64 {
        thread::sleep(Duration::from_millis(1));
    }
    let cpu = cpu_time() - before;
    summary(LENGTHS.lock().expect("no task here panics").drain(..), Some(cpu))
}

/// Computed, not measured: each task begins when it is due, or as soon as one of the workers has done with those before.
fn ideal() -> Outcome {
    let mut free = vec![Duration::ZERO; workers()];
    let lengths = arrivals().map(|due| {
        let worker = free.iter_mut().min().expect("there are workers");
        *worker = due.max(*worker) + TASK;
        *worker - due
    });
    summary(lengths, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_the_rate_and_the_spread_that_they_should() {
        let due: Vec<f64> = arrivals().map(|due| due.as_secs_f64()).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let spread =
            (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        // Of an exponential distribution both are the same; a per cent is what 12,500 of them leave open.
        assert!((mean / 40e-6 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((spread / 40e-6 - 1.0).abs() < 0.04, "spread {spread}");
    }
}
