//! What must hold, by number, and what it means for each invariant that loom objects.
//!
//! Where a model can look, it asserts an invariant itself. A lost wake-up, an access without an order and a block that
//! nobody frees are seen by loom alone, and loom does not know whose invariant that breaks: the model does. Its name
//! begins with the invariants' numbers, and [`in_its_words`] says which of them is broken.

use Symptom::{Deadlock, Leak, Race};
use std::collections::BTreeMap;
use std::io::Write;

/// What loom finds without being asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symptom {
    Deadlock,
    Race,
    Leak,
}

impl Symptom {
    fn of(failure: &str) -> Option<Self> {
        let begins = |with| failure.starts_with(with);
        begins("deadlock")
            .then_some(Deadlock)
            .or(begins("Causality violation").then_some(Race))
            .or(begins("Allocation leaked").then_some(Leak))
    }
}

struct Invariant {
    id: &'static str,
    holds: &'static str,
    /// What loom finds where it does not hold. Of anything else an assertion of the model speaks.
    shown_by: &'static [Symptom],
}

const fn must(id: &'static str, holds: &'static str, shown_by: &'static [Symptom]) -> Invariant {
    Invariant { id, holds, shown_by }
}

const INVARIANTS: [Invariant; 62] = [
    must("I1", "the closure is consumed exactly once", &[Race]),
    must("I2", "the output is dropped or moved exactly once, while its block is there", &[Race]),
    must("I3", "the block is freed exactly once, after both owners have left", &[Leak, Race]),
    must("I4", "nobody touches the block after its own right is given up", &[Race]),
    must("I5", "a callback has returned before anybody sees DONE", &[Race]),
    must(
        "I6",
        "a pending poll is woken once, and its hook is touched by one at a time",
        &[Deadlock, Race],
    ),
    must("I7", "the handle may be dropped at any moment", &[Race, Leak]),
    must("I8", "a wait ends with DONE, and the outcome is visible then", &[Deadlock, Race]),
    must("I9", "one of run and cancel wins", &[Race]),
    must("I10", "a stale entry is freed once, when its owners have left", &[Race, Leak]),
    must("I11", "a wait that timed out leaves the handle as good as before", &[Deadlock, Race]),
    must(
        "I12",
        "no wake-up is lost: accepted work does not lie beside sleeping workers",
        &[Deadlock],
    ),
    must("I13", "the searchers are counted, each of them once", &[]),
    must("I14", "every sleeping worker is on the stack once", &[Deadlock]),
    must("I15", "the last look may find and wake its own worker", &[Deadlock]),
    must("I16", "the last searcher to find work hands the search over", &[Deadlock]),
    must("I17", "nothing that was accepted is left in a queue at join", &[Deadlock]),
    must(
        "I18",
        "tasks from outside begin in order, each taken by a worker that begins it next",
        &[Deadlock],
    ),
    must("I19", "a submitter that waits for room is woken", &[Deadlock]),
    must("I20", "a stale entry is no work that keeps a worker awake", &[Deadlock]),
    must("I21", "each unit of a batch is taken exactly once", &[Race]),
    must("I22", "a batch is DONE once, after all its units", &[Race, Deadlock]),
    must("I23", "one error is a batch's error", &[Race]),
    must("I24", "a late token touches what is there, and the last owner frees", &[Race, Leak]),
    must("I25", "every value and every error is dropped once", &[Race, Leak]),
    must("I26", "a slot is its owner's alone, and its outcome comes out", &[Race, Deadlock]),
    must("I27", "no item waits without a runner or a token for it", &[Deadlock]),
    must("I28", "the consumer may go at any moment, and everything is dropped once", &[Race, Leak]),
    must("I29", "the list of what is done loses nothing", &[Deadlock]),
    must("I30", "every task is completed at join", &[Deadlock]),
    must("I31", "a task that raced with the end completes, or is given back", &[Deadlock]),
    must("I32", "the pool is found drained exactly once", &[Deadlock]),
    must("I33", "one of terminate, inline claim and pop wins", &[Race]),
    must("I34", "no worker sleeps through the end of the pool", &[Deadlock]),
    must(
        "I35",
        "a scope ends after all that its tasks hold is dropped, and does end",
        &[Race, Deadlock],
    ),
    must("I36", "the last task touches nothing of the frame after its last step", &[Race, Leak]),
    must("I37", "with every queue empty no worker takes more than one turn through park", &[]),
    must("I38", "whoever sees no worker left sees what all of them did", &[Race]),
    must("I39", "whoever sees the pool broken sees why", &[Race]),
    must(
        "I40",
        "a slab is freed or opened again once, after the last access to any of its cells",
        &[Race, Leak],
    ),
    must(
        "I41",
        "units that a runner puts back are taken, though all other runners have left",
        &[Deadlock],
    ),
    must(
        "I42",
        "an item that waits brings a runner, though all active ones are in long items",
        &[Deadlock],
    ),
    must(
        "I43",
        "no more is queued than the limit, and places are given in the order of the line",
        &[Deadlock],
    ),
    must(
        "I44",
        "a sweep changes no order, and no look misses an entry that is swept",
        &[Race, Deadlock],
    ),
    must("I45", "a consumer that could pull more is told when the runners run dry", &[Deadlock]),
    must("I46", "work that is submitted while every worker is busy does not go unheard", &[]),
    must("I47", "the second half of a join runs once", &[Race]),
    must("I48", "a join ends after its thief's last access to the half", &[Race, Leak]),
    must("I49", "an owner that waits is told when its thief offers a part", &[Deadlock]),
    must("I50", "an owner that waits runs only parts of what it waits for", &[]),
    must("I51", "an offer does not lie beside sleeping workers", &[Deadlock]),
    must("I52", "a waiter that gives up gives its turn or its place on", &[Deadlock]),
    must("I53", "an item of a fed stream comes out once, in order if so asked", &[Race, Leak]),
    must("I54", "neither end of a fed stream sleeps for ever", &[Deadlock]),
    must(
        "I55",
        "a permit is taken until the pool has ended, and its work is not lost",
        &[Deadlock],
    ),
    must("I56", "a future that waits for the last worker is woken", &[Deadlock]),
    must("I57", "an observer never sees more ends than calls that left, nor more than came", &[]),
    must("I58", "what a worker shows is all of one task", &[]),
    must("I59", "no worker has a task when the pool is drained", &[Deadlock]),
    must("I60", "no task is taken in front of one that a terminator drops", &[]),
    must(
        "I61",
        "the injector gives each entry once, in order, with what came before its push",
        &[Race, Deadlock],
    ),
    must("I62", "a segment is used again after the last access to it", &[Race, Leak]),
];

/// The invariants that the name of a model or a message begins with.
fn ids(text: &str) -> impl Iterator<Item = &'static Invariant> {
    text.split([' ', ':']).map_while(|word| INVARIANTS.iter().find(|known| known.id == word))
}

/// What the failure of the model `name` means: as the model itself says or, where loom says it, in the words of the invariant
/// of this model that loom's finding breaks.
pub(super) fn in_its_words(name: &str, failure: String) -> String {
    let broken = Symptom::of(&failure)
        .and_then(|symptom| ids(name).find(|invariant| invariant.shown_by.contains(&symptom)));
    match broken {
        Some(Invariant { id, holds, .. }) => format!("{id}: {holds} ({failure})"),
        None => failure,
    }
}

/// Whether `failure` is a message of one of the invariants of the control `name`.
pub(super) fn breaks(name: &str, failure: &str) -> bool {
    let said = failure.split_once("failed: ").map_or(failure, |(_, said)| said);
    ids(name).any(|control| ids(said).any(|broken| broken.id == control.id))
}

/// Prints, also where the test runner keeps what a passing test prints: how many executions a model had is part of the result.
pub(super) fn say(line: &str) {
    // A closed pipe is no failure of the model.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[test]
fn every_invariant_has_a_model_and_a_control() {
    let tests = std::env::current_exe().expect("a test knows its program");
    let tests = std::process::Command::new(tests).args(["--list", "--format", "terse"]).output();
    let tests =
        String::from_utf8(tests.expect("the program starts again").stdout).expect("names are text");
    let mut seen = BTreeMap::<&str, (usize, usize)>::new();
    for name in tests.lines().filter_map(|line| line.strip_suffix(": test")?.rsplit("::").next()) {
        let name = name.replace('_', " ").replace('i', "I");
        for invariant in ids(&name) {
            let (models, controls) = seen.entry(invariant.id).or_default();
            *(if name.contains(" control ") { controls } else { models }) += 1;
        }
    }
    for Invariant { id, holds, .. } in &INVARIANTS {
        let (models, controls) = seen.get(id).copied().unwrap_or_default();
        say(&format!("{id}: {holds}: {models} models, {controls} controls"));
        assert!(models > 0 && controls > 0, "{id} has {models} models and {controls} controls");
    }
}

#[test]
fn loom_speaks_for_an_invariant_that_its_finding_breaks_and_for_no_other() {
    let say = |name, failure: &str| in_its_words(name, failure.to_owned());
    let said = say("I13 I12 control: no wake-up", "deadlock; threads = []");
    assert!(said.starts_with("I12: no wake-up is lost"), "{said}");
    assert!(breaks("I13 I12 control: no wake-up", &said) && !breaks("I13 control: another", &said));
    let said = say("I12 control: no wake-up", "Causality violation: Concurrent write accesses.");
    assert!(said.starts_with("Causality") && !breaks("I12 control: no wake-up", &said), "{said}");
    let said = "assertion `left == right` failed: I17 I30: after join a task is not completed";
    assert!(breaks("I30 control: no fence", said) && !breaks("I31 control: no fence", said));
}
