//! Running a scenario under many schedules, every one of which replays.
//!
//! An ordinary run is the same each time: fixed seeds, half of the schedules random, half by PCT. Two variables are ours:
//! `MILLPOND_SHUTTLE=N` runs N times as many schedules, from fresh seeds, and `MILLPOND_REPLAY=SCHEDULE` runs one schedule, as
//! a failing test has printed it, and nothing else: use it with the name of that test.

use crate::page::{self, Table};
use crate::recorder::{Counter, Recorder};
use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, MaxSteps, Runner};
use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const SEED: u64 = 0x6D69_6C6C_706F_6E64;
/// How many changes of priority PCT makes in an execution, and one more.
const DEPTH: usize = 3;
/// No scenario comes near this; whoever does waits in a loop for what nobody does.
const STEPS: usize = 100_000;
/// Schedules that are run twice, and must take the same course.
const TWICE: usize = 10;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    // Of orderings, which loom's models are for.
    config.silence_warnings = true;
    config
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    Runner::new(scheduler, config()).run(scenario)
}

/// Runs `scenario` under this many schedules. Panics as the scenario does if one of them fails.
pub(crate) fn check(name: &'static str, schedules: usize, scenario: fn()) {
    if let Ok(schedule) = std::env::var("MILLPOND_REPLAY") {
        run(ReplayScheduler::new_from_encoded(schedule.trim()), scenario);
        return say(&format!("{name}: the schedule has passed"));
    }
    let (began, half) = (Instant::now(), schedules.div_ceil(2));
    let (random, pct) = match std::env::var("MILLPOND_SHUTTLE") {
        Err(_) => (
            RandomScheduler::new_from_seed(SEED, half),
            PctScheduler::new_from_seed(SEED, DEPTH, half),
        ),
        Ok(times) => {
            let many =
                half * times.parse::<usize>().expect("MILLPOND_SHUTTLE is how many times as many");
            (RandomScheduler::new(many), PctScheduler::new(DEPTH, many))
        }
    };
    let twice = RandomScheduler::new_from_seed(SEED, TWICE);
    let runs = [
        counted(name, "run twice", UncontrolledNondeterminismCheckScheduler::new(twice), scenario),
        counted(name, "random", random, scenario),
        counted(name, "PCT", pct, scenario),
    ];
    let ran: usize = runs.iter().map(|(ran, _)| ran).sum();
    let threads = runs.iter().map(|(_, threads)| threads).max().expect("there are three");
    let seconds = format!("{:.1}", began.elapsed().as_secs_f64());
    say(&format!("{name}: {ran} schedules, {threads} threads, {seconds} s"));
    if std::env::var_os("MILLPOND_SHUTTLE").is_none() {
        page::row(Table::Scenarios, &[name, &threads.to_string(), &grouped(ran), &seconds]);
    }
}

/// `12345` is `12,345`.
fn grouped(number: usize) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{},{:03}", grouped(thousands), number % 1000),
    }
}

/// Returns how many schedules there were, and how many threads one had at most. Says, if a schedule fails, which one it was.
fn counted(
    name: &str,
    kind: &str,
    scheduler: impl Scheduler + 'static,
    scenario: fn(),
) -> (usize, usize) {
    let [begun, threads] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let scheduler = Counter::new(scheduler, Arc::clone(&threads));
    let count = Arc::clone(&begun);
    let counting = move || {
        count.fetch_add(1, Ordering::Relaxed);
        scenario();
    };
    match catch_unwind(AssertUnwindSafe(|| run(scheduler, counting))) {
        Ok(ran) => (ran, threads.load(Ordering::Relaxed)),
        Err(failure) => {
            say(&format!("{name}: failed in schedule {} ({kind})", begun.load(Ordering::Relaxed)));
            resume_unwind(failure)
        }
    }
}

/// Runs `scenario`, a negative control, which must fail with `message` within `limit` schedules, and again when replayed.
pub(crate) fn control(name: &str, message: &str, limit: usize, scenario: fn()) {
    if std::env::var_os("MILLPOND_REPLAY").is_some() {
        return;
    }
    let schedules = [
        failing(RandomScheduler::new_from_seed(SEED, limit), message, scenario),
        failing(PctScheduler::new_from_seed(SEED, DEPTH, limit), message, scenario),
    ];
    let [random, pct] = schedules.map(|(after, schedule)| {
        failing(ReplayScheduler::new_from_schedule(schedule), message, scenario);
        after
    });
    say(&format!("{name}: rejected after {random} random schedules, {pct} of PCT"));
    page::row(Table::Controls, &[name, &format!("{random} random, {pct} of PCT")]);
}

/// As [`control`], for a bug that random schedules must find within the limit, and PCT's need not.
pub(crate) fn control_at_random(name: &str, message: &str, limit: usize, scenario: fn()) {
    if std::env::var_os("MILLPOND_REPLAY").is_none() {
        let (after, _) = failing(RandomScheduler::new_from_seed(SEED, limit), message, scenario);
        say(&format!("{name}: rejected after {after} random schedules"));
        page::row(Table::Controls, &[name, &format!("{after} random")]);
    }
}

/// After how many schedules it has failed, and the one that it failed under.
fn failing(
    scheduler: impl Scheduler + 'static,
    message: &str,
    scenario: fn(),
) -> (usize, Schedule) {
    let last = Arc::new(Mutex::new((0, Schedule::default())));
    let recorder = Recorder::new(scheduler, Arc::clone(&last));
    let failure = catch_unwind(AssertUnwindSafe(|| run(recorder, scenario))).err();
    let last = std::mem::take(&mut *last.lock().expect("the run is over"));
    let failure = failure.unwrap_or_else(|| panic!("not rejected in {} schedules", last.0));
    let said = text(&*failure);
    assert!(said.contains(message), "rejected, but for another reason: {said}");
    last
}

fn text(panic: &dyn Any) -> &str {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without words",
    }
}

/// Prints, also where the test runner keeps what a passing test prints.
fn say(line: &str) {
    // A closed pipe is no failure.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
