//! The specification against the real pool, by small programs that run on both.
//!
//! Whatever the real pool does in a program, the specification does too. Both find a race in the
//! same programs: an edge that only the specification has would hide a user's bug, and one that
//! it lacks would blame correct code.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The distinct outcomes of a program's executions.
#[derive(Clone, Default)]
struct Outcomes(Arc<Mutex<BTreeSet<String>>>);

impl Outcomes {
    fn insert(&self, outcome: impl Debug) {
        self.0.lock().expect("no thread panics with it").insert(format!("{outcome:?}"));
    }
}

type Program = (&'static str, fn(&Outcomes));

mod specified {
    use millpond_spec as millpond;
    include!("programs/mod.rs");
}

mod real {
    use millpond_model as millpond;
    include!("programs/mod.rs");
}

struct Run {
    executions: usize,
    outcomes: BTreeSet<String>,
    failure: Option<String>,
}

/// How many executions of the real pool are compared. What they do is enough to catch a
/// specification that does less; the rest costs a minute.
const REAL: usize = 10_000;

/// Explores a program. The real pool takes some dozens of steps for a task, so it has one
/// preemption, where the specification has three.
fn explore(program: fn(&Outcomes), bound: usize) -> Run {
    let (outcomes, executions) = (Outcomes::default(), Arc::new(AtomicUsize::new(0)));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    (builder.max_permutations, builder.checkpoint_interval) = (Some(REAL), 1_000);
    let (seen, count) = (outcomes.clone(), Arc::clone(&executions));
    let run = || {
        builder.check(move || {
            count.fetch_add(1, Ordering::Relaxed);
            program(&seen);
        });
    };
    let failure = catch_unwind(AssertUnwindSafe(run)).err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
    });
    let outcomes = outcomes.0.lock().expect("no thread panics with it").clone();
    Run { executions: executions.load(Ordering::Relaxed), outcomes, failure }
}

fn both(specified: &Program, real: &Program) -> [Run; 2] {
    assert_eq!(specified.0, real.0);
    let began = std::time::Instant::now();
    let runs = [explore(specified.1, 3), explore(real.1, 1)];
    println!(
        "{}: specification {} executions, {:?}; real {} executions, {:?}; {:?}",
        real.0,
        runs[0].executions,
        runs[0].outcomes,
        runs[1].executions,
        runs[1].outcomes,
        began.elapsed()
    );
    runs
}

#[test]
fn whatever_the_real_pool_does_the_specification_does() {
    for (specified, real) in specified::BEHAVIOURS.iter().zip(real::BEHAVIOURS) {
        let [specified, found] = both(specified, real);
        assert_eq!([specified.failure, found.failure], [None, None], "{}", real.0);
        let missing: Vec<_> = found.outcomes.difference(&specified.outcomes).collect();
        assert!(missing.is_empty(), "{}: the specification never does {missing:?}", real.0);
    }
}

/// Each task may run on either worker, whichever ran the one before.
#[test]
fn either_worker_takes_a_task() {
    let specified = explore(
        |seen| {
            let pool = millpond_spec::ThreadPool::new(2).expect("two workers");
            let worker = || format!("{:?}", loom::thread::current().id());
            let [first, second] = [(); 2].map(|()| {
                let task = pool.apply_async(worker).expect("the pool is open");
                task.get().expect("it returns")
            });
            seen.insert(first == second);
        },
        2,
    );
    assert_eq!(specified.failure, None);
    assert_eq!(specified.outcomes.into_iter().collect::<Vec<_>>(), ["false", "true"]);
}

/// A silent file that has another name by now would have its edges again.
#[test]
fn the_files_without_promised_edges_are_there() {
    let source = include_str!("../../src/sync/spec/edge.rs");
    let (_, list) = source.split_once("const SILENT").expect("the list is there");
    let (list, _) = list.split_once("];").expect("it ends");
    let files: Vec<_> = list.split('"').filter(|part| part.starts_with('/')).collect();
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let path = format!("{}/../src{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), "{path}");
    }
}

#[test]
fn what_the_api_orders_both_order() {
    for (specified, real) in specified::ORDERED.iter().zip(real::ORDERED) {
        let failures = both(specified, real).map(|run| run.failure);
        assert_eq!(failures, [None, None], "{}", real.0);
    }
}

#[test]
fn what_the_api_does_not_order_neither_does() {
    for (specified, real) in specified::RACES.iter().zip(real::RACES) {
        for run in both(specified, real) {
            let why = run.failure.unwrap_or_else(|| panic!("{}: no race is found", real.0));
            assert!(why.contains("Causality violation"), "{}: {why}", real.0);
        }
    }
}
