//! What does a `join` cost that no worker takes part in? (P26)
//!
//! The Fibonacci numbers by their definition, with a join at every step: almost all of the time goes to joins. A stolen
//! half is rare, because a thief takes one near the root.

use std::time::Duration;

use crate::check::{Outcome, same};
use crate::measure::{Trip, measure_trip, workers};
use crate::peers::{Millpond, Peer as _, Rayon, specialists};
use crate::row::{Against, Contestant, Measure, Row, Unit};

const N: u32 = 30;
/// fib(30), and how many joins it takes.
const VALUE: u64 = 832_040;
const JOINS: f64 = 1_346_268.0;
const TIME: Duration = Duration::from_millis(300);

pub(super) fn row() -> Row {
    Row::new("P26", "join(a, b): fib(30) without cut-off, per join")
        .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Named("rayon"), 1.25))
        .measure(Measure::cpu("processor time of a join"))
        .with(Contestant::floor("plain calls on one thread", plain))
        .with(Contestant::ours(ours))
        .with(Contestant::peer("rayon", rayon))
        .with(Contestant::peer("chili", chili))
        .otherwise("has no join")
}

fn timed(fib: impl Fn() -> u64) -> Outcome {
    let mut wrong = 0_u64;
    let Trip { wall, cpu } = measure_trip(TIME, 1, || wrong += u64::from(fib() != VALUE));
    same("the number of wrong values", &wrong, &0)?;
    Trip { wall: wall / JOINS, cpu: cpu / JOINS }.figures("wall")
}

fn plain() -> Outcome {
    fn fib(n: u32) -> u64 {
        if n < 2 { u64::from(n) } else { fib(n - 1) + std::hint::black_box(fib)(n - 2) }
    }
    timed(|| fib(std::hint::black_box(N)))
}

fn ours() -> Outcome {
    fn fib(pool: &'static Millpond, n: u32) -> u64 {
        if n < 2 {
            return u64::from(n);
        }
        let joined = pool.0.fork_join(|| fib(pool, n - 1), || fib(pool, n - 2));
        let (a, b) = joined.expect("the pool runs");
        a + b
    }
    let pool = Millpond::forever(workers());
    timed(|| pool.get(pool.submit(move || fib(pool, N))))
}

fn rayon() -> Outcome {
    fn fib(n: u32) -> u64 {
        if n < 2 {
            return u64::from(n);
        }
        let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));
        a + b
    }
    let pool = Rayon::forever(workers());
    timed(|| pool.0.install(|| fib(N)))
}

fn chili() -> Outcome {
    fn fib(scope: &mut chili::Scope<'_>, n: u32) -> u64 {
        if n < 2 {
            return u64::from(n);
        }
        let (a, b) = scope.join(|s| fib(s, n - 1), |s| fib(s, n - 2));
        a + b
    }
    let pool = specialists::chili(workers());
    timed(|| fib(&mut pool.scope(), N))
}
