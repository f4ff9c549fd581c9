//! Clocks and percentiles, the same for all contestants.

use std::hint::black_box;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::check::{Outcome, figures};

/// What the command line asked for.
static WORKERS: OnceLock<usize> = OnceLock::new();

/// Workers of every pool, unless a row is about their number: as the command line says, or else as
/// many as there are processors.
pub(crate) fn workers() -> usize {
    *WORKERS.get_or_init(|| available_parallelism().map_or(1, usize::from))
}

/// Decides how many workers there are. To be called before anybody asks.
pub(crate) fn set_workers(workers: usize) {
    assert!(WORKERS.set(workers).is_ok(), "somebody has asked already how many workers there are");
}

/// What the command line asked for; none if each row has its own number.
static SUBMITTERS: OnceLock<usize> = OnceLock::new();

/// Threads that submit from outside: as the command line says, or else as many as the row has by
/// itself.
pub(crate) fn submitters(otherwise: usize) -> usize {
    submitters_asked_for().unwrap_or(otherwise)
}

/// What the command line says of them.
pub(crate) fn submitters_asked_for() -> Option<usize> {
    SUBMITTERS.get().copied()
}

/// Decides how many threads submit.
pub(crate) fn set_submitters(submitters: usize) {
    assert!(SUBMITTERS.set(submitters).is_ok(), "there is one command line");
}

/// How many of the workers can work at once: what sequential time is divided by, for a floor.
pub(crate) fn at_once() -> f64 {
    available_parallelism().map_or(1, usize::from).min(workers()) as f64
}

/// What one operation takes, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trip {
    /// From its beginning to its end, the median.
    pub(crate) wall: f64,
    /// Of all processors, all threads of this process together, the mean: who spins while it waits
    /// shows it here.
    pub(crate) cpu: f64,
}

impl Trip {
    /// The wall time by this key, and the processor time by `cpu`.
    pub(crate) fn figures(self, wall: &str) -> Outcome {
        Ok(figures([(wall, self.wall), ("cpu", self.cpu)]))
    }
}

/// The length of one `trip`, over as many as fit in `time`.
///
/// `batch` trips are timed at a time, because reading the clock costs a quarter of the shortest trip measured here; for
/// trips of microseconds it is 1. A first tenth of the time warms up and does not count.
pub(crate) fn measure_trip(time: Duration, batch: u32, mut trip: impl FnMut()) -> Trip {
    let mut trips = Trips::new(time, batch);
    loop {
        let start = Instant::now();
        for _ in 0..batch {
            trip();
        }
        if trips.over(start) {
            return trips.trip();
        }
    }
}

/// Lengths of batches of trips, for loops that [`measure_trip`] cannot call, as they await.
pub(crate) struct Trips {
    lengths: Histogram<u64>,
    batch: u32,
    warm: Instant,
    end: Instant,
    /// What the process had had when the first batch that counts began.
    cpu: Option<f64>,
}

impl Trips {
    pub(crate) fn new(time: Duration, batch: u32) -> Self {
        let begin = Instant::now();
        Self { lengths: histogram(), batch, warm: begin + time / 10, end: begin + time, cpu: None }
    }

    /// Notes the batch that began at `start` and ends now; says whether it was the last.
    pub(crate) fn over(&mut self, start: Instant) -> bool {
        let now = Instant::now();
        if self.cpu.is_some() {
            record(&mut self.lengths, now - start);
        } else if now >= self.warm {
            self.cpu = Some(cpu_time());
        }
        // However long one lasts, it is one batch at least.
        now >= self.end && !self.lengths.is_empty()
    }

    pub(crate) fn trip(&self) -> Trip {
        let batch = f64::from(self.batch);
        let trips = self.lengths.len() as f64 * batch;
        let cpu = self.cpu.map_or(0.0, |before| cpu_time() - before);
        Trip { wall: self.lengths.value_at_quantile(0.5) as f64 / batch, cpu: cpu / trips }
    }
}

/// From 1 ns to a minute, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("sensible bounds")
}

/// Adds one length; one beyond the bounds counts as the nearest bound.
pub(crate) fn record(lengths: &mut Histogram<u64>, length: Duration) {
    lengths.saturating_record(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1));
}

/// Nanoseconds that `f` takes, and what it returns.
pub(crate) fn time<R>(f: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let value = black_box(f());
    (value, start.elapsed().as_nanos() as f64)
}

/// Spins until `length` has passed: work that cannot be optimised away, or a gap during which the thread stays hot.
pub(crate) fn spin(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

/// Processor time that this process has had, all threads together, in nanoseconds.
pub(crate) fn cpu_time() -> f64 {
    clock(ClockId::ProcessCPUTime)
}

/// What one of the system's clocks shows, in nanoseconds.
pub(crate) fn clock(id: ClockId) -> f64 {
    let at = clock_gettime(id);
    at.tv_sec as f64 * 1e9 + at.tv_nsec as f64
}

/// Keeps this thread, and those it starts from now on, on the first processor.
///
/// # Errors
///
/// If the system does not allow it.
pub(crate) fn pin() -> Result<(), String> {
    let mut first = CpuSet::new();
    first.set(0);
    sched_setaffinity(None, &first).map_err(|error| format!("cannot pin to processor 0: {error}"))
}
