//! What the specification orders, and what it does not, against the real pool: a program for each
//! pair of a carrier, which writes, and a look, after which the main thread writes too.
//!
//! Both have a race in the same programs. An edge that only the specification has would hide a
//! user's bug, and one that it lacks would blame correct code.

#[path = "programs/explore.rs"]
mod exploring;

use exploring::{Run, explore};
use std::time::Instant;

/// What writes, on a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Task,
    Callback,
    Item,
    Nested,
    Half,
    Dropped,
}

/// What the main thread does before it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Before,
    After,
    Ready,
    NotReady,
    Waited,
    WaitedNow,
    Successful,
    Peeked,
    Done,
    Cancelled,
    Queued,
    Idle,
    Closed,
    LaterTask,
    Taken,
    Got,
    Detached,
}

/// Each carrier with a letter for each look: R if there is a race, and D if there is one that the
/// real pool shows in the long lane only, where it takes some 130,000 executions.
const CARRIERS: [(Carrier, &str); 6] = [
    (Carrier::Task, "-R-R------RRR---R"),
    (Carrier::Callback, "-R-R------RRR---R"),
    (Carrier::Item, "-R-R----RDRRR---R"),
    (Carrier::Nested, "-R-R------RRR---R"),
    (Carrier::Half, "-R-R------RRR---R"),
    (Carrier::Dropped, "-R-R------RRR---R"),
];
const LOOKS: [Look; 17] = [
    Look::Before,
    Look::After,
    Look::Ready,
    Look::NotReady,
    Look::Waited,
    Look::WaitedNow,
    Look::Successful,
    Look::Peeked,
    Look::Done,
    Look::Cancelled,
    Look::Queued,
    Look::Idle,
    Look::Closed,
    Look::LaterTask,
    Look::Taken,
    Look::Got,
    Look::Detached,
];

mod specified {
    use millpond_spec as millpond;
    include!("programs/litmus.rs");
}

mod real {
    use millpond_model as millpond;
    include!("programs/litmus.rs");
}

/// Says whether the run has found a race. Any other failure is none of these programs'.
fn races(run: &Run) -> bool {
    run.failure.as_ref().is_some_and(|why| {
        assert!(why.contains("Causality violation"), "{why}");
        true
    })
}

/// Explores a program of the real pool: far enough for its race where it has one.
fn real_run(carrier: Carrier, look: Look, letter: char) -> Option<Run> {
    let is_long = std::env::var("MILLPOND_MODELS").is_ok_and(|kind| kind == "long");
    let (bound, most) = match letter {
        'D' if !is_long => return None,
        'D' => (2, 200_000),
        'R' => (1, 40_000),
        _ if is_long => (1, 20_000),
        _ => (1, 300),
    };
    Some(explore(bound, most, move || {
        real::run(1, carrier, look);
        None
    }))
}

#[test]
fn both_have_a_race_in_the_same_programs() {
    let (began, mut wrong) = (Instant::now(), Vec::new());
    let (mut executions, mut races_of) = ([0, 0], [0, 0]);
    for (carrier, row) in CARRIERS {
        assert_eq!(row.len(), LOOKS.len());
        for (look, letter) in LOOKS.into_iter().zip(row.chars()) {
            let specified = explore(2, 200_000, move || {
                specified::run(1, carrier, look);
                None
            });
            let real = real_run(carrier, look, letter);
            for (at, run) in [Some(specified), real].into_iter().enumerate() {
                let Some(run) = run else { continue };
                executions[at] += run.executions;
                races_of[at] += usize::from(races(&run));
                if races(&run) != (letter != '-') {
                    let pool = ["specification", "real pool"][at];
                    let found = if races(&run) { "a" } else { "no" };
                    wrong.push(format!("{carrier:?}, {look:?}: the {pool} has {found} race"));
                }
            }
        }
    }
    println!(
        "{} programs; specification {} executions, {} races; real pool {}, {}; {:.1} s",
        CARRIERS.len() * LOOKS.len(),
        executions[0],
        races_of[0],
        executions[1],
        races_of[1],
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
