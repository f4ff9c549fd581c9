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

const CARRIERS: [Carrier; 6] = [
    Carrier::Task,
    Carrier::Callback,
    Carrier::Item,
    Carrier::Nested,
    Carrier::Half,
    Carrier::Dropped,
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

#[test]
fn both_have_a_race_in_the_same_programs() {
    let (began, mut wrong, mut rows) = (Instant::now(), Vec::new(), Vec::new());
    let mut executions = [0, 0];
    for carrier in CARRIERS {
        let mut row = String::new();
        for look in LOOKS {
            let specified = explore(2, 200_000, move || {
                specified::run(1, carrier, look);
                None
            });
            let mut real = explore(1, 3_000, move || {
                real::run(1, carrier, look);
                None
            });
            if races(&specified) && !races(&real) {
                // The real pool takes more steps, so its race may lie deeper.
                real = explore(2, 30_000, move || {
                    real::run(1, carrier, look);
                    None
                });
            }
            executions[0] += specified.executions;
            executions[1] += real.executions;
            row.push(if races(&specified) { 'R' } else { '-' });
            if races(&specified) != races(&real) {
                let [spec, real] = [&specified, &real].map(|run| run.failure.is_some());
                wrong.push(format!("{carrier:?}, {look:?}: specification {spec}, real {real}"));
            }
        }
        rows.push(format!("{row} {carrier:?}"));
    }
    println!(
        "{} programs, races at R: {rows:#?}; specification {} executions, real {}, {:.1} s",
        CARRIERS.len() * LOOKS.len(),
        executions[0],
        executions[1],
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
