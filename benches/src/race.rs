//! The contestants of a row, in turn, each in a process of its own.

use std::collections::BTreeMap;
use std::env;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wait_timeout::ChildExt as _;

use crate::check::Figures;
use crate::noise::{Reading, load};
use crate::peers::OURS;
use crate::percentiles::Curves;
use crate::python::Python;
use crate::row::{Contestant, Row, Runner};

/// What a contestant process prints: one line.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    /// What it measured.
    pub(crate) figures: Option<Figures>,
    /// The curves of the times that some of the figures are of.
    pub(crate) curves: Curves,
    /// Why there is nothing to measure.
    pub(crate) error: Option<String>,
}

/// What it measured in one turn.
type Measured = (Figures, Curves);

/// Longer than any honest contestant takes; beyond it, it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A turn in which others had too much of the machine is repeated so often.
const REPEATS: u32 = 3;

/// What is asked of every race of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Plan {
    /// How many turns each contestant takes.
    pub(crate) turns: usize,
    /// How many workers each pool has, unless the row is about their number.
    pub(crate) workers: usize,
    /// How many threads submit in the rows that have several, if that was asked for.
    pub(crate) submitters: Option<usize>,
    /// What the order of the contestants follows from, in each turn of each row.
    pub(crate) seed: u64,
    /// A turn in which others had more than this share of the machine says nothing of times.
    pub(crate) noise_limit: f64,
    /// Whether few rows and few peers were asked for.
    pub(crate) quick: bool,
}

/// How a row went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Race {
    /// By contestant; its turns in order. The same index is the same turn for all of them.
    pub(crate) turns: BTreeMap<String, Vec<Figures>>,
    /// Who failed, and how. They have no turns.
    pub(crate) failed: BTreeMap<String, String>,
    /// Who could not take part, and why.
    pub(crate) absent: BTreeMap<String, String>,
    /// Of each turn, the share of the machine that other processes had; none where the system does
    /// not tell.
    #[serde(rename = "others_cpu")]
    pub(crate) others: Vec<Option<f64>>,
    /// Of each turn, how often it was repeated because that share was too large.
    pub(crate) repeats: Vec<u32>,
    /// Of each turn, the load average of the last minute when it began.
    #[serde(default)]
    pub(crate) load: Vec<Option<f32>>,
    /// By title, then by contestant: of each turn, the times at the percentiles that the head of the
    /// document lists, in nanoseconds. A curve ends early where too few times lie beyond.
    #[serde(default)]
    pub(crate) curves: BTreeMap<String, BTreeMap<String, Vec<Vec<f64>>>>,
}

/// Lets the contestants take turns. One that fails once is out, for a figure that comes only sometimes is none.
pub(crate) fn race(row: &Row, plan: &Plan, python: Option<&Python>) -> Race {
    let mut race = Race::of(row, python);
    while race.others.len() < plan.turns && race.turn(row, plan, python) {}
    race
}

impl Race {
    /// One that has not begun, with those who cannot take part.
    pub(crate) fn of(row: &Row, python: Option<&Python>) -> Self {
        let mut race = Self::default();
        race.absent.extend(row.absent.iter().map(|(name, why)| ((*name).into(), (*why).into())));
        for contestant in row.contestants.iter().filter(|contestant| !is_there(contestant, python))
        {
            race.absent.insert(contestant.name.to_owned(), "no python3 found".to_owned());
        }
        race
    }

    /// One more turn, repeated while others have too much of the machine. Returns false once we have
    /// failed: then there is nothing left to compare.
    pub(crate) fn turn(&mut self, row: &Row, plan: &Plan, python: Option<&Python>) -> bool {
        let there = |contestant: &&Contestant| is_there(contestant, python);
        let all: Vec<&Contestant> = row.contestants.iter().filter(there).collect();
        // Noise does not change a count.
        let noise_matters = row.measures.iter().any(|measure| measure.unit.is_time());
        let number = self.others.len();
        let mut quietest: Option<Turn> = None;
        for attempt in 0..=if noise_matters { REPEATS } else { 0 } {
            let order = order(&all, row.id, plan.seed, number, attempt);
            let mut taken = Turn::take(row, plan, &order, python, &mut self.failed);
            if self.failed.contains_key(OURS) {
                self.turns.clear();
                self.curves.clear();
                return false;
            }
            taken.repeats = attempt;
            let loud = taken.others.is_some_and(|share| share > plan.noise_limit);
            let quieter = |than: &Turn| taken.others < than.others;
            if quietest.as_ref().is_none_or(quieter) {
                quietest = Some(taken);
            } else if let Some(kept) = &mut quietest {
                kept.repeats = attempt;
            }
            if !loud {
                break;
            }
        }
        self.note(quietest.expect("at least one attempt was made"));
        true
    }

    /// Adds a turn, and drops the turns of those who have failed in the meantime.
    fn note(&mut self, turn: Turn) {
        for (name, (figures, curves)) in turn.measured {
            self.turns.entry(name.to_owned()).or_default().push(figures);
            for (title, curve) in curves {
                let of = self.curves.entry(title).or_default();
                of.entry(name.to_owned()).or_default().push(curve);
            }
        }
        self.turns.retain(|name, _| !self.failed.contains_key(name));
        for of in self.curves.values_mut() {
            of.retain(|name, _| !self.failed.contains_key(name));
        }
        self.load.push(turn.load);
        self.others.push(turn.others);
        self.repeats.push(turn.repeats);
    }

    /// The share of the machine that others had in this turn, if it is known.
    pub(crate) fn noise(&self, turn: usize) -> Option<f64> {
        self.others.get(turn).copied().flatten()
    }

    /// The largest such share in any turn that was kept.
    pub(crate) fn most_noise(&self) -> Option<f64> {
        self.others.iter().copied().flatten().reduce(f64::max)
    }
}

/// Whether it can run on this machine.
fn is_there(contestant: &Contestant, python: Option<&Python>) -> bool {
    python.is_some() || !matches!(contestant.runner, Runner::Python(_))
}

/// One turn of everybody.
#[derive(Debug)]
struct Turn {
    measured: Vec<(&'static str, Measured)>,
    others: Option<f64>,
    load: Option<f32>,
    repeats: u32,
}

impl Turn {
    /// Lets everybody who has not failed run once, in this order, and notes who fails.
    fn take(
        row: &Row,
        plan: &Plan,
        order: &[&Contestant],
        python: Option<&Python>,
        failed: &mut BTreeMap<String, String>,
    ) -> Self {
        let (before, load) = (Reading::now(), load());
        let mut measured = Vec::new();
        let mut note =
            |name, turn: Result<Measured, String>, failed: &mut BTreeMap<_, _>| match turn {
                Ok(all) => measured.push((name, all)),
                Err(why) => _ = failed.insert(str::to_owned(name), why),
            };
        let mut started = Vec::new();
        for contestant in order {
            if failed.contains_key(contestant.name) || failed.contains_key(OURS) {
                continue;
            }
            let child = start(row.id, contestant, plan, python);
            if row.together {
                started.push((contestant.name, child));
            } else {
                note(contestant.name, child.and_then(finish), failed);
            }
        }
        for (name, child) in started {
            note(name, child.and_then(finish), failed);
        }
        let now = before.zip(Reading::now());
        let others = now.map(|(before, after)| after.others_since(&before));
        Self { measured, others, load, repeats: 0 }
    }
}

/// The contestants as they follow one another in one attempt at one turn: anew each time, so that
/// nobody always runs behind the same one, and the same whenever the seed is.
fn order<'a>(
    all: &[&'a Contestant],
    row: &str,
    seed: u64,
    turn: usize,
    attempt: u32,
) -> Vec<&'a Contestant> {
    let places = format!("{row} {turn} {attempt}");
    let mixed = places.bytes().fold(seed, |mixed, byte| {
        // FNV-1a: any hash that stays the same from one build to the next would do.
        (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut order = all.to_vec();
    fastrand::Rng::with_seed(mixed).shuffle(&mut order);
    order
}

/// Starts one contestant, for one turn.
fn start(
    row: &str,
    contestant: &Contestant,
    plan: &Plan,
    python: Option<&Python>,
) -> Result<Child, String> {
    let workers = plan.workers.to_string();
    let submitters = plan.submitters.map(|submitters| submitters.to_string());
    let mut command = match (contestant.runner, python) {
        (Runner::Python(question), Some(python)) => python.ask(question, contestant.name),
        (Runner::Python(_), None) => return Err("no python3 found".to_owned()),
        (Runner::Here(_), _) => {
            let this = env::current_exe().map_err(|error| format!("where am I? {error}"))?;
            let mut command = Command::new(this);
            command.args(["contestant", row, contestant.name]);
            command.args(["--workers", &workers]);
            if let Some(submitters) = &submitters {
                command.args(["--submitters", submitters]);
            }
            command
        }
    };
    // Python is told by the environment, and so is the one peer whose size is a matter of it.
    command.env("MILLPOND_BENCH_WORKERS", &workers);
    command.env("MILLPOND_BENCH_SUBMITTERS", submitters.as_deref().unwrap_or(""));
    command.env("BLOCKING_MAX_THREADS", workers);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("cannot be started: {error}"))
}

/// Waits for what it has to say.
fn finish(mut child: Child) -> Result<Measured, String> {
    let Some(status) = child.wait_timeout(LIMIT).map_err(|error| error.to_string())? else {
        let killed = child.kill().and_then(|()| child.wait());
        return Err(format!(
            "hangs: killed after {} s ({})",
            LIMIT.as_secs(),
            if killed.is_ok() { "gone" } else { "still there" }
        ));
    };
    let mut line = String::new();
    // One short line: it fits the pipe, so the child never waited for us to read.
    child
        .stdout
        .take()
        .map(|mut out| out.read_to_string(&mut line))
        .transpose()
        .map_err(|e| e.to_string())?;
    match serde_json::from_str(line.trim()) {
        Ok(Answer { figures: Some(figures), curves, .. }) if status.success() => {
            Ok((figures, curves))
        }
        Ok(Answer { error: Some(why), .. }) => Err(why),
        _ => Err(format!("ended with {status} and no figures")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::{EXECUTOR, THREAD_POOL};
    use crate::row::{Measure, Role, Unit};

    #[test]
    fn the_order_is_another_in_each_turn_and_the_same_for_the_same_seed() {
        let nobody = || unreachable!("nobody runs here");
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let all = names.map(|name| Contestant::peer(name, nobody));
        let all: Vec<_> = all.iter().collect();
        let names_of = |seed, turn, attempt| {
            order(&all, "P1", seed, turn, attempt).iter().map(|c| c.name).collect::<Vec<_>>()
        };
        let first = names_of(7, 0, 0);
        assert_eq!(first, names_of(7, 0, 0));
        for other in [names_of(7, 1, 0), names_of(7, 0, 1), names_of(8, 0, 0)] {
            assert_ne!(first, other);
        }
        // In many turns everybody is first about as often as anybody else.
        let mut firsts = std::collections::BTreeMap::new();
        (0..800).for_each(|turn| *firsts.entry(names_of(7, turn, 0)[0]).or_insert(0) += 1);
        assert!(firsts.len() == 8 && firsts.values().all(|n| (60..140).contains(n)), "{firsts:?}");
    }

    #[test]
    fn who_fails_in_a_later_turn_has_no_turns_at_all() {
        let mut race = Race::default();
        let turn = |names: &[&'static str]| Turn {
            measured: names
                .iter()
                .map(|name| {
                    let curves = [("all".to_owned(), vec![1.0])].into();
                    (*name, (Figures::new(), curves))
                })
                .collect(),
            others: Some(0.01 * names.len() as f64),
            load: Some(0.5),
            repeats: 1,
        };
        race.note(turn(&[OURS, "rayon"]));
        race.failed.insert("rayon".to_owned(), "hangs".to_owned());
        race.note(turn(&[OURS]));
        assert_eq!(race.turns.keys().collect::<Vec<_>>(), [OURS]);
        assert_eq!(race.curves["all"].keys().collect::<Vec<_>>(), [OURS]);
        assert_eq!((race.curves["all"][OURS].len(), &race.load[..]), (2, &[Some(0.5); 2][..]));
        assert_eq!((race.turns[OURS].len(), race.noise(1)), (2, Some(0.01)));
        assert_eq!((race.most_noise(), race.repeats), (Some(0.02), vec![1, 1]));
    }

    /// One that a signal ends, in every turn: the others are measured, and it is named with the reason.
    #[test]
    fn a_contestant_that_crashes_is_out_and_the_rest_is_done() {
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/python/stand_in");
        let python = Python::find(&[stand_in.into()]).expect("it is committed");
        let asks = |name, role| Contestant { name, role, runner: Runner::Python("P0") };
        let row = Row::new("P0", "some work")
            .measure(Measure::new("one", "", Unit::Count))
            .with(asks(OURS, Role::Ours))
            .with_all(Contestant::pythons("P0"));
        let race = race(&row, &crate::document::tests::PLAN, python.as_ref());
        assert_eq!(race.failed.keys().collect::<Vec<_>>(), [EXECUTOR]);
        let why = &race.failed[EXECUTOR];
        assert!(why.starts_with("ended with signal: 9") && why.ends_with("no figures"), "{why}");
        let turns: Vec<_> = race.turns.iter().map(|(name, turns)| (&**name, turns.len())).collect();
        assert_eq!(turns, [(THREAD_POOL, 6), (OURS, 6)]);
        assert_eq!(race.curves["all"][THREAD_POOL], vec![vec![1.0, 2.0]; 6]);
    }

    #[test]
    fn without_a_python_its_pools_are_absent_and_say_why() {
        let row = Row::new("P0", "some work").with_all(Contestant::pythons("P0"));
        let race = Race::of(&row, None);
        let why: Vec<_> = race.absent.values().map(String::as_str).collect();
        assert_eq!(why, ["no python3 found"; 2]);
        let why = Python::find(&["/no/such".into(), "/nor/this".into()]).expect_err("none runs");
        assert_eq!(why, "no Python runs as /no/such or as /nor/this");
    }
}
