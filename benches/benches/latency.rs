//! How long does a task take that arrives when it pleases, by percentiles?
//!
//! Open loop: arrivals are a Poisson process, drawn beforehand and the same for everybody, and nobody waits for a result
//! before the next one is due. A task's time runs from when it was *due* to its end, not from when the submitter got
//! round to it; so whoever holds the submitter up is charged for all that come late by it (no coordinated omission). All
//! times go into one histogram per contestant; what is printed are its percentiles, and how far the 99th lies apart from
//! turn to turn. Contestants take turns, A B C C B A, each with a pool of two that is made for the turn.
//!
//! The gaps between arrivals are such that tasks of 20 µs keep one worker busy for a tenth, a half and four fifths of the time;
//! empty tasks come after the same gaps. The submitter spins between arrivals, so that on two processors one is left to
//! the workers. "Nobody" is the submitter doing the tasks itself.
//!
//! Not measured: overload, bursts, results on their way back (`one_off_calls`); a machine that is otherwise busy shows in
//! the last percentiles first.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use hdrhistogram::Histogram;
use millpond::{DropPolicy, Profile, ThreadPool};

use common::{
    Millpond, Peer, Rayon, RustyPool, Tally, Threadpool, TokioBlocking, TokioSpawn, WORKERS,
    testing, wanted,
};

const TASK: Duration = Duration::from_micros(20);
/// Shares of one worker.
const LOADS: [f64; 3] = [0.1, 0.5, 0.8];

/// One table.
#[derive(Clone, Copy)]
struct Case {
    task: Duration,
    load: f64,
}

impl Case {
    fn gap(self) -> Duration {
        TASK.div_f64(self.load)
    }
}

/// When each task of a turn is due, from its beginning.
fn arrivals(case: Case, turn: u64) -> Vec<Duration> {
    let length = Duration::from_millis(if testing() { 5 } else { 400 });
    let mut random = fastrand::Rng::with_seed(turn);
    // The gaps of a Poisson process are exponential. 1 - f64() is never 0.
    let gap = || case.gap().mul_f64(-(1.0 - random.f64()).ln());
    let due = std::iter::repeat_with(gap).scan(Duration::ZERO, |due, gap| {
        *due += gap;
        Some(*due)
    });
    due.take_while(|due| *due < length).collect()
}

fn spin(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

/// Calls `submit` with the number and the time of each arrival, when it is due or as soon after as can be.
fn open_loop(arrivals: &[Duration], mut submit: impl FnMut(usize, Instant)) {
    let begin = Instant::now() + Duration::from_millis(1);
    for (number, due) in arrivals.iter().map(|due| begin + *due).enumerate() {
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        submit(number, due);
    }
}

/// Who takes part: its name, and one turn, which gives every task's time.
struct Contestant {
    name: &'static str,
    turn: fn(Case, &[Duration]) -> Vec<u64>,
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

fn nobody(case: Case, arrivals: &[Duration]) -> Vec<u64> {
    let mut times = Vec::with_capacity(arrivals.len());
    open_loop(arrivals, |_, due| {
        spin(case.task);
        times.push(nanos(due.elapsed()));
    });
    times
}

fn peer<P: Peer>(case: Case, arrivals: &[Duration]) -> Vec<u64> {
    on(P::new(WORKERS), case, arrivals)
}

fn profile(profile: Profile, case: Case, arrivals: &[Duration]) -> Vec<u64> {
    let builder = ThreadPool::builder().workers(WORKERS).drop_policy(DropPolicy::Terminate);
    on(Millpond(builder.profile(profile).build().expect("threads")), case, arrivals)
}

fn on<P: Peer>(pool: P, case: Case, arrivals: &[Duration]) -> Vec<u64> {
    // Its threads have started by then.
    for i in 0..if testing() { 10 } else { 1_000 } {
        assert_eq!(
            pool.get(pool.submit(move || 3 * i)),
            3 * i,
            "{} computes something else",
            P::NAME
        );
    }
    // A place for each task: nobody meets anybody else there.
    let times: Arc<[AtomicU64]> = arrivals.iter().map(|_| AtomicU64::new(0)).collect();
    let tally = Tally::forever();
    tally.expect(arrivals.len() as u64);
    open_loop(arrivals, |number, due| {
        let times = Arc::clone(&times);
        pool.spawn(move || {
            spin(case.task);
            times[number].store(nanos(due.elapsed()), Ordering::Relaxed);
            tally.note();
        });
    });
    tally.wait();
    pool.end();
    times.iter().map(|time| time.load(Ordering::Relaxed)).collect()
}

const CONTESTANTS: [Contestant; 9] = [
    Contestant { name: "nobody", turn: nobody },
    Contestant { name: "millpond", turn: peer::<Millpond> },
    Contestant { name: "millpond, Latency", turn: |c, a| profile(Profile::Latency, c, a) },
    Contestant { name: "millpond, Frugal", turn: |c, a| profile(Profile::Frugal, c, a) },
    Contestant { name: Rayon::NAME, turn: peer::<Rayon> },
    Contestant { name: Threadpool::NAME, turn: peer::<Threadpool> },
    Contestant { name: RustyPool::NAME, turn: peer::<RustyPool> },
    Contestant { name: TokioSpawn::NAME, turn: peer::<TokioSpawn> },
    Contestant { name: TokioBlocking::NAME, turn: peer::<TokioBlocking> },
];

/// One histogram per turn.
type Turns = Vec<Histogram<u64>>;

/// All contestants' turns, interleaved.
fn race(case: Case) -> [Turns; CONTESTANTS.len()] {
    let mut all = [const { Turns::new() }; CONTESTANTS.len()];
    for round in 0..if testing() { 1 } else { 3 } {
        let there = (0..CONTESTANTS.len()).map(|contestant| (contestant, 2 * round));
        let back = there.clone().map(|(contestant, turn)| (contestant, turn + 1)).rev();
        for (contestant, turn) in there.chain(back) {
            let arrivals = arrivals(case, turn);
            let mut times = Histogram::new(3).expect("three digits are sensible");
            for time in (CONTESTANTS[contestant].turn)(case, &arrivals) {
                assert!(time > 0, "{} lost a task", CONTESTANTS[contestant].name);
                times.record(time).expect("it grows as it must");
            }
            all[contestant].push(times);
        }
    }
    all
}

/// In µs.
fn micros(nanos: u64) -> String {
    let micros = nanos as f64 / 1e3;
    let digits = usize::from(micros < 1_000.0) + usize::from(micros < 10.0);
    format!("{micros:.digits$}")
}

fn cells(name: &str, turns: &Turns) -> [String; 8] {
    let mut all = Histogram::<u64>::new(3).expect("three digits are sensible");
    turns.iter().for_each(|turn| all.add(turn).expect("it grows as it must"));
    let [p50, p90, p99, p999] =
        [0.5, 0.9, 0.99, 0.999].map(|part| micros(all.value_at_quantile(part)));
    let by_turn = || turns.iter().map(|turn| turn.value_at_quantile(0.99));
    let apart = [by_turn().min(), by_turn().max()].map(|end| micros(end.expect("there are turns")));
    [
        name.to_owned(),
        p50,
        p90,
        p99,
        p999,
        micros(all.max()),
        apart.join("..."),
        all.len().to_string(),
    ]
}

fn table(case: Case) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["µs", "p50", "p90", "p99", "p99.9", "max", "p99 by turn", "arrivals"]);
    for (contestant, turns) in CONTESTANTS.iter().zip(race(case)) {
        table.add_row(cells(contestant.name, &turns));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn main() {
    if !wanted("latency") {
        return;
    }
    for task in [TASK, Duration::ZERO] {
        for case in LOADS.map(|load| Case { task, load }) {
            let what = if task.is_zero() { "empty tasks" } else { "tasks of 20 µs" };
            let share = format!("tasks of 20 µs fill {:.0} % of a worker", 100.0 * case.load);
            println!("\n{what}, one every {:?} on average (at this rate {share})", case.gap());
            println!("{}", table(case));
        }
    }
}
