//! Does outside work get through while inside work never ends? (P19)
//!
//! Chains of empty tasks, each of which starts its successor, keep every worker busy for ever; a probe from outside
//! measures how long one call takes meanwhile. A probe that is not answered within a second counts as starved; then the
//! chains are stopped, the probe must be answered, and the contestant's turn ends.
//!
//! Not measured: how the inside work fares, and more chains than two for each worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Outcome, figures, same};
use crate::measure::{histogram, record, spin, workers};
use crate::peers::{Affinitypool, NO_SPAWN, Peer};
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const TIME: Duration = Duration::from_millis(500);
const STARVED: Duration = Duration::from_secs(1);
/// Between probes, so that they meet the chains in every state; the prober stays hot.
const GAP: Duration = Duration::from_micros(5);
/// Enough to keep every worker busy.
fn chains() -> u64 {
    2 * workers() as u64
}

static STOP: AtomicBool = AtomicBool::new(false);
static LINKS: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

pub(super) fn row() -> Row {
    Row::new("P19", "an outside call while empty inside tasks each respawn themselves once")
        .measure(Measure::new("p50", "p50", Unit::Nanos).must(Against::Itself, 2000.0))
        .measure(Measure::new("starved", "starved probes", Unit::Count).must(Against::Itself, 0.0))
        .with_all(ask!(probe: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
            RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel))
        .absent(Affinitypool::NAME, NO_SPAWN)
        .with_all(Contestant::pythons("P19"))
}

fn link<P: Peer>(pool: &'static P) {
    if STOP.load(Ordering::Relaxed) {
        ENDED.fetch_add(1, Ordering::Relaxed);
    } else {
        // Now and then only: a shared counter would be most of the task.
        thread_local!(static MINE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
        let mine = MINE.get() + 1;
        MINE.set(mine);
        if mine.is_multiple_of(1024) {
            LINKS.fetch_add(1024, Ordering::Relaxed);
        }
        pool.spawn(move || link(pool));
    }
}

fn probe<P: Peer>() -> Outcome {
    static PROBE: AtomicU64 = AtomicU64::new(0);
    static STARVING: AtomicU64 = AtomicU64::new(0);
    let pool = P::forever(workers());
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    for _ in 0..chains() {
        pool.spawn(move || link(pool));
    }
    // Sees from the side that a probe is not answered, so that the probe may wait in the pool's own way.
    thread::spawn(|| {
        let mut seen = (PROBE.load(Ordering::Relaxed), Instant::now());
        while !STOP.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
            let now = PROBE.load(Ordering::Relaxed);
            if now != seen.0 {
                seen = (now, Instant::now());
            } else if seen.1.elapsed() > STARVED {
                STARVING.store(1, Ordering::Relaxed);
                STOP.store(true, Ordering::Relaxed);
            }
        }
    });
    let mut lengths = histogram();
    let end = Instant::now() + TIME;
    for number in 1_u64.. {
        let start = Instant::now();
        let answer = pool.get(pool.submit(move || number));
        record(&mut lengths, start.elapsed());
        same("a probe's result", &answer, &number)?;
        PROBE.store(number, Ordering::Relaxed);
        if Instant::now() >= end || STOP.load(Ordering::Relaxed) {
            break;
        }
        spin(GAP);
    }
    let links = LINKS.load(Ordering::Relaxed);
    STOP.store(true, Ordering::Relaxed);
    while ENDED.load(Ordering::Relaxed) < chains() {
        thread::sleep(Duration::from_millis(1));
    }
    same("the chains made progress", &(links > 1000), &true)?;
    let starved = STARVING.load(Ordering::Relaxed);
    Ok(figures([("p50", lengths.value_at_quantile(0.5) as f64), ("starved", starved as f64)]))
}
