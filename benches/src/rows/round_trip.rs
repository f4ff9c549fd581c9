//! How long does one call take, there and back? (P1 hot, P2 on one core, P3 with everybody asleep, P30 after a pause.)
//!
//! Not measured: how long it takes while the pool has other work (that is P19 and P21).

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::check::{Outcome, figures, same};
use crate::measure::{Trip, cpu_time, histogram, measure_trip, pin, record, spin, workers};
use crate::peers::Peer;
use crate::percentiles;
use crate::python;
use crate::row::{Against, Contestant, Measure, Row, Unit, ask};

const TIME: Duration = Duration::from_millis(400);
/// The gap of P3: long enough for every spin budget to run out.
const GAP: Duration = Duration::from_micros(250);

pub(super) fn rows() -> [Row; 4] {
    let measure = || Measure::new("p50", "", Unit::Nanos);
    let cpu = || Measure::cpu("processor time of a round trip");
    [
        Row::new("P1", "round trip of an empty closure, u64 result, both sides hot, p50")
            .measure(measure().must(Against::Floor, 2.5))
            .measure(cpu())
            .with(Contestant::floor("spin ping-pong", spin_ping_pong))
            .with_all(ask!(hot: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor, Blocking,
                RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool, StdThread))
            .with_all(Contestant::pythons("P1")),
        Row::new("P2", "the same, all threads on one core")
            .measure(measure().must(Against::Best, 1.05))
            .measure(cpu())
            .with(Contestant::floor("two same-core wakes", one_core_floor))
            .with_all(ask!(one_core: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
            .with_all(Contestant::pythons("P2")),
        Row::new("P3", "the same with gaps of 250 µs, workers parked")
            .measure(measure().must(Against::Floor, 1.1).must(Against::Best, 1.05))
            .measure(cpu())
            .with(Contestant::floor("two threads on a futex", futex_with_gaps))
            .with_all(ask!(with_gaps: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
            .with_all(Contestant::pythons("P3")),
        Row::new("P30", "round trip after 200 µs of pause, in which the caller spins or sleeps, p50")
            .measure(
                Measure::new("spinning", "the caller spins", Unit::Nanos).must(Against::Best, 1.05),
            )
            .measure(
                Measure::new("sleeping", "the caller sleeps", Unit::Nanos).must(Against::Best, 1.05),
            )
            .with(Contestant::floor("two threads on a futex", || {
                after_both(partner(block_until_not, wake))
            }))
            .with_all(ask!(after_pauses: Millpond, Rayon, Threadpool, TokioSpawn, TokioBlocking, Futures, AsyncExecutor,
                Blocking, RustyPool, Lagoon, ExecutorsStealing, ExecutorsChannel, Affinitypool))
            .all_absent([python::THREAD_POOL, python::EXECUTOR], "P3 asks them nearly the same"),
    ]
}

fn checked<P: Peer>() -> Result<&'static P, String> {
    let pool = P::forever(workers());
    for i in 0..1000_u64 {
        same("a result", &pool.get(pool.submit(move || i * 3)), &(i * 3))?;
    }
    Ok(pool)
}

fn hot<P: Peer>() -> Outcome {
    let pool = checked::<P>()?;
    let mut sum = 0_u64;
    let trip = measure_trip(TIME, 8, || sum += pool.get(pool.submit(|| 1_u64)));
    // The sum is used, or the result could be left out.
    same("no result lost", &(sum > 0), &true)?;
    trip.figures("p50")
}

fn one_core<P: Peer>() -> Outcome {
    // Before the pool is there: its threads inherit the mask.
    pin()?;
    hot::<P>()
}

fn with_gaps<P: Peer>() -> Outcome {
    let pool = checked::<P>()?;
    after_gaps(
        "after a gap of 250 µs",
        || thread::sleep(GAP),
        || _ = pool.get(pool.submit(|| 1_u64)),
    )
    .figures("p50")
}

fn after_pauses<P: Peer>() -> Outcome {
    let pool = checked::<P>()?;
    after_both(|| _ = pool.get(pool.submit(|| 1_u64)))
}

/// After pauses of both kinds.
fn after_both(mut trip: impl FnMut()) -> Outcome {
    const PAUSE: Duration = Duration::from_micros(200);
    let spinning = after_gaps("the caller spins", || spin(PAUSE), &mut trip).wall;
    let sleeping = after_gaps("the caller sleeps", || thread::sleep(PAUSE), trip).wall;
    Ok(figures([("spinning", spinning), ("sleeping", sleeping)]))
}

/// Trips that begin after a gap, with a curve of this title. If the caller sleeps in the gap too, no
/// thread is hot.
fn after_gaps(title: &str, gap: impl Fn(), mut trip: impl FnMut()) -> Trip {
    const TURNS: u32 = 1000;
    let mut lengths = histogram();
    let mut before = 0.0;
    for turn in 0..100 + TURNS {
        if turn == 100 {
            before = cpu_time();
        }
        gap();
        let start = std::time::Instant::now();
        trip();
        if turn >= 100 {
            record(&mut lengths, start.elapsed());
        }
    }
    let cpu = (cpu_time() - before) / f64::from(TURNS);
    percentiles::keep(title, &lengths);
    Trip { wall: lengths.value_at_quantile(0.5) as f64, cpu }
}

/// Two words, one for each direction, each on a line of its own.
struct Table {
    there: CachePadded<AtomicU32>,
    back: CachePadded<AtomicU32>,
}

/// A table, and a thread on its other side that answers every ball: `wait` returns once the word is no longer `old`,
/// `tell` lets a waiter know.
fn partner(wait: fn(&AtomicU32, u32), tell: fn(&AtomicU32)) -> impl FnMut() {
    let new = || CachePadded::new(AtomicU32::new(0));
    let table: &'static Table = Box::leak(Box::new(Table { there: new(), back: new() }));
    thread::spawn(move || {
        for ball in 0_u32.. {
            wait(&table.there, ball);
            table.back.store(ball + 1, Ordering::Release);
            tell(&table.back);
        }
    });
    let mut ball = 0_u32;
    move || {
        table.there.store(ball + 1, Ordering::Release);
        tell(&table.there);
        wait(&table.back, ball);
        ball += 1;
    }
}

fn spin_until_not(word: &AtomicU32, old: u32) {
    while word.load(Ordering::Acquire) == old {
        std::hint::spin_loop();
    }
}

fn block_until_not(word: &AtomicU32, old: u32) {
    while word.load(Ordering::Acquire) == old {
        atomic_wait::wait(word, old);
    }
}

fn spin_ping_pong() -> Outcome {
    measure_trip(TIME, 8, partner(spin_until_not, |_| ())).figures("p50")
}

fn wake(word: &AtomicU32) {
    atomic_wait::wake_one(word);
}

fn one_core_floor() -> Outcome {
    pin()?;
    measure_trip(TIME, 8, partner(block_until_not, wake)).figures("p50")
}

fn futex_with_gaps() -> Outcome {
    after_gaps("after a gap of 250 µs", || thread::sleep(GAP), partner(block_until_not, wake))
        .figures("p50")
}
