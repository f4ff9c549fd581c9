//! The contestants of a row, in turn, each in a process of its own.

use std::collections::BTreeMap;
use std::env;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wait_timeout::ChildExt as _;

use crate::check::Figures;
use crate::measure::WORKERS;
use crate::noise::Reading;
use crate::python::Python;
use crate::row::{Contestant, Role, Row, Runner};

/// What a contestant process prints: one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// What it measured.
    Figures(Figures),
    /// Why there is nothing to measure.
    Error(String),
}

/// Longer than any honest contestant takes; beyond it, it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// How a row went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Race {
    /// By contestant; its turns in order. The same index is the same turn for all of them.
    pub(crate) turns: BTreeMap<&'static str, Vec<Figures>>,
    /// Who failed, and how. They have no turns.
    pub(crate) failed: BTreeMap<&'static str, String>,
    /// Who could not take part, and why.
    pub(crate) absent: BTreeMap<&'static str, String>,
    /// The share of the machine that other processes had meanwhile; none if the system does not tell.
    #[serde(rename = "others_cpu")]
    pub(crate) others: Option<f64>,
}

/// Lets the contestants take turns. One that fails once is out, for a figure that comes only sometimes is none.
pub(crate) fn race(row: &Row, rounds: usize, python: Option<&Python>) -> Race {
    let mut race = Race::default();
    race.absent.extend(row.absent.iter().map(|(name, why)| (*name, (*why).to_owned())));
    let before = Reading::now();
    let there = |contestant: &&Contestant| {
        python.is_some() || !matches!(contestant.runner, Runner::Python(_))
    };
    for contestant in row.contestants.iter().filter(|contestant| !there(contestant)) {
        race.absent.insert(contestant.name, "no python3 found".to_owned());
    }
    let mut order: Vec<&Contestant> = row.contestants.iter().filter(there).collect();
    for _ in 0..2 * rounds {
        let mut started = Vec::new();
        for contestant in &order {
            if race.failed.contains_key(contestant.name) {
                continue;
            }
            let child = start(row.id, contestant, python);
            if row.together {
                started.push((*contestant, child));
            } else if race.note(contestant, child.and_then(finish)).is_break() {
                return race;
            }
        }
        for (contestant, child) in started {
            if race.note(contestant, child.and_then(finish)).is_break() {
                return race;
            }
        }
        order.reverse();
    }
    race.others = before.zip(Reading::now()).map(|(before, after)| after.others_since(&before));
    race
}

impl Race {
    /// Notes a turn. If we fail, there is nothing left to compare.
    fn note(&mut self, contestant: &Contestant, turn: Result<Figures, String>) -> ControlFlow<()> {
        match turn {
            Ok(figures) => self.turns.entry(contestant.name).or_default().push(figures),
            Err(why) => {
                self.turns.remove(contestant.name);
                self.failed.insert(contestant.name, why);
                if contestant.role == Role::Ours {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Starts one contestant, for one turn.
fn start(row: &str, contestant: &Contestant, python: Option<&Python>) -> Result<Child, String> {
    let mut command = match (contestant.runner, python) {
        (Runner::Python(question), Some(python)) => python.ask(question, contestant.name),
        (Runner::Python(_), None) => return Err("no python3 found".to_owned()),
        (Runner::Here(_), _) => {
            let this = env::current_exe().map_err(|error| format!("where am I? {error}"))?;
            let mut command = Command::new(this);
            command.args(["contestant", row, contestant.name]);
            command
        }
    };
    // The one peer whose size is a matter of the environment.
    command.env("BLOCKING_MAX_THREADS", WORKERS.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(|error| format!("cannot be started: {error}"))
}

/// Waits for what it has to say.
fn finish(mut child: Child) -> Result<Figures, String> {
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
        Ok(Answer::Figures(figures)) if status.success() => Ok(figures),
        Ok(Answer::Error(why)) => Err(why),
        _ => Err(format!("ended with {status} and no figures")),
    }
}
