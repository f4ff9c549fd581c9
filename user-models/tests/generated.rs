//! The specification against the real pool, by programs that a small grammar makes.
//!
//! Whatever the real pool does in a program, the specification does too. With one worker the real
//! pool runs under loom, up to two preemptions and a number of executions. With more it runs under
//! shuttle, which samples its schedules.

#[path = "programs/explore.rs"]
mod exploring;

use exploring::{Run, explore};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A step of a program's main thread. The first six submit and keep a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Apply,
    Mark,
    Callback,
    Nested,
    Halves,
    MapAsync,
    // Submit, and wait for all.
    Map,
    Imap,
    Unordered,
    Scope,
    // Ask the oldest handle.
    Ready,
    Cancel,
    WaitNow,
    Get,
    TryGet,
    GetNow,
    // Ask the oldest batch.
    Progress,
    // Ask the pool, or end it.
    Queued,
    Close,
    Terminate,
}

const SUBMISSIONS: &[Step] =
    &[Step::Apply, Step::Mark, Step::Callback, Step::Nested, Step::Halves, Step::MapAsync];
const WAITS: &[Step] = &[Step::Map, Step::Imap, Step::Unordered, Step::Scope];
const LOOKS: &[Step] = &[
    Step::Ready,
    Step::Cancel,
    Step::WaitNow,
    Step::Get,
    Step::TryGet,
    Step::GetNow,
    Step::Progress,
    Step::Queued,
    Step::Close,
    Step::Terminate,
];

mod specified {
    use loom::sync::Mutex as Shared;
    use millpond_spec as millpond;
    include!("programs/generated.rs");
}

mod real {
    use loom::sync::Mutex as Shared;
    use millpond_model as millpond;
    include!("programs/generated.rs");
}

mod sampled {
    use millpond_shuttle as millpond;
    use shuttle::sync::Mutex as Shared;
    include!("programs/generated.rs");
}

/// How much is done: `MILLPOND_MODELS=long` does ten times as much.
fn times() -> usize {
    if std::env::var("MILLPOND_MODELS").is_ok_and(|kind| kind == "long") { 10 } else { 1 }
}

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // The generator SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit as u64).expect("it is below a usize")
    }

    fn of(&mut self, steps: &[Step]) -> Step {
        steps[self.below(steps.len())]
    }
}

/// Makes distinct programs: a submission, and then one to `more` further steps.
fn programs(seed: u64, many: usize, more: usize) -> Vec<Vec<Step>> {
    let (mut numbers, mut programs) = (Numbers(seed), Vec::new());
    while programs.len() < many {
        let mut steps = vec![numbers.of(SUBMISSIONS)];
        for _ in 0..=numbers.below(more) {
            steps.push(match numbers.below(8) {
                0 | 1 => numbers.of(SUBMISSIONS),
                2 => numbers.of(WAITS),
                _ => numbers.of(LOOKS),
            });
        }
        if !programs.contains(&steps) {
            programs.push(steps);
        }
    }
    programs
}

/// Runs a program under shuttle.
fn sample(workers: usize, steps: &[Step], schedules: usize) -> Run {
    let shared = Arc::new(Mutex::new(Run::default()));
    let (seen, steps) = (Arc::clone(&shared), steps.to_vec());
    let model = millpond_shuttle::model::Model::new().max_executions(schedules);
    let report = model.explore(move || {
        let outcome = sampled::run(workers, &steps);
        seen.lock().unwrap_or_else(PoisonError::into_inner).outcomes.insert(outcome);
    });
    let mut run = std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner));
    (run.executions, run.complete, run.failure) = (report.executions, false, report.failure);
    run
}

/// Says whether the README explains why the real pool has this outcome, and the specification not:
/// the queue of the models promises less than crossbeam's, or a batch gives way as time leaps.
fn is_explained(steps: &[Step], outcome: &str) -> bool {
    use Step::{Apply, Halves, MapAsync, Terminate, WaitNow};
    const ENDED: &str = "the pool was terminated before the task ran";
    let of_the_queue = [Apply, Apply, Terminate, WaitNow];
    let gives_way = [MapAsync, Halves, Apply, Terminate, MapAsync];
    let after_it = |halves| format!("refused; {halves}; {ENDED}; {ENDED}; []");
    (steps, outcome) == (&of_the_queue[..], "waited false; 0; 1; []")
        || steps == gives_way && [after_it(3), after_it(99)].iter().any(|of| of == outcome)
}

/// Compares the real pool's run with the specification, with more and more preemptions until it
/// has all outcomes. Returns what is wrong.
fn compare(
    workers: usize,
    steps: &[Step],
    real: &Run,
    deepest: usize,
    sum: &mut [usize],
) -> Option<String> {
    let what = format!("{workers} workers, {steps:?}");
    if let Some(failure) = &real.failure {
        return Some(format!("{what}: the real pool fails: {failure}"));
    }
    let mut missing = Vec::new();
    for bound in 1..=deepest {
        let program = steps.to_vec();
        let specified = explore(bound, 200_000, move || Some(specified::run(workers, &program)));
        sum[0] += specified.executions;
        if let Some(failure) = specified.failure {
            return Some(format!("{what}: the specification fails: {failure}"));
        }
        missing = real.outcomes.difference(&specified.outcomes).cloned().collect();
        missing.retain(|outcome| !is_explained(steps, outcome));
        if missing.is_empty() {
            sum[bound] += 1;
            return None;
        }
    }
    Some(format!("{what}: the specification never does {missing:?}"))
}

fn report(what: &str, programs: usize, real: &[Run], sum: &[usize], began: Instant) {
    let executions: usize = real.iter().map(|run| run.executions).sum();
    let outcomes: usize = real.iter().map(|run| run.outcomes.len()).sum();
    let complete = real.iter().filter(|run| run.complete).count();
    println!(
        "{what}: {programs} programs; real {executions} executions, {complete} programs to the \
         end, {outcomes} outcomes; specification {} executions, all outcomes by bound 1, 2, 3 … \
         in {:?} programs; {:.1} s",
        sum[0],
        &sum[1..],
        began.elapsed().as_secs_f64()
    );
}

#[test]
fn whatever_the_real_pool_does_with_one_worker_the_specification_does() {
    let (began, mut sum, mut wrong, mut runs) = (Instant::now(), [0; 6], Vec::new(), Vec::new());
    let programs = programs(1, 40 * times(), 3);
    for steps in &programs {
        let program = steps.clone();
        let real = explore(2, 2_000 * times(), move || Some(real::run(1, &program)));
        wrong.extend(compare(1, steps, &real, 5, &mut sum));
        runs.push(real);
    }
    report("one worker, loom at bound 2", programs.len(), &runs, &sum, began);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Compares the real pool under shuttle.
fn sampled_programs(workers: usize, many: usize, more: usize) {
    let (began, mut sum, mut wrong, mut runs) = (Instant::now(), [0; 6], Vec::new(), Vec::new());
    let programs = programs(workers as u64 + 1, many * times(), more);
    for steps in &programs {
        let real = sample(workers, steps, 200 * times());
        wrong.extend(compare(workers, steps, &real, 4, &mut sum));
        runs.push(real);
    }
    report(&format!("{workers} workers, shuttle"), programs.len(), &runs, &sum, began);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn whatever_a_schedule_of_one_worker_does_the_specification_does() {
    sampled_programs(1, 60, 4);
}

#[test]
fn whatever_a_schedule_of_two_workers_does_the_specification_does() {
    sampled_programs(2, 60, 2);
}
