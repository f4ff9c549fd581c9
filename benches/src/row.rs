//! The shape of a row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;
use crate::peers::{KNOWN, Peer};
use crate::python;

/// The groups of rows, in their order: the letter that their ids begin with, the name, and what they
/// are about.
pub(crate) const GROUPS: [(char, &str, &str); 6] = [
    ('P', TARGETS, "with bounds: what a run measures if nothing else is asked for"),
    ('S', "streams", "by the length of the items, the chunks, the window"),
    ('G', "growth", "of a task, with the workers, the queue, its length, what it captures"),
    ('C', "contention", "by how many threads or tasks submit at once"),
    ('L', "latency", "of an open loop, at more loads, with other profiles"),
    ('A', "allocation", "of the ways to call that have no bound"),
];

/// The group of those with bounds.
pub(crate) const TARGETS: &str = "targets";

/// A question: what work, what of it is measured, who takes part, what must be reached.
#[derive(Debug)]
pub(crate) struct Row {
    /// A letter, which is that of its group, and a number: `P1` to `P31` are the targets.
    pub(crate) id: &'static str,
    /// The work, in words.
    pub(crate) work: &'static str,
    /// What is measured of it: a line of the table each.
    pub(crate) measures: Vec<Measure>,
    /// Who takes part. Exactly one is ours.
    pub(crate) contestants: Vec<Contestant>,
    /// Who does not, and why: named in the report, never left out in silence.
    pub(crate) absent: Vec<(&'static str, &'static str)>,
    /// Why those pools do not that are neither there nor named absent.
    pub(crate) otherwise: Option<&'static str>,
    /// Whether all take their turn at the same time.
    pub(crate) together: bool,
    /// Parts of the row that are not measured yet, and why.
    pub(crate) missing: Vec<&'static str>,
}

impl Row {
    /// A row with nobody in it yet.
    pub(crate) fn new(id: &'static str, work: &'static str) -> Self {
        let (measures, contestants, absent, missing) = (vec![], vec![], vec![], vec![]);
        Self { id, work, measures, contestants, absent, otherwise: None, together: false, missing }
    }

    /// A row that cannot be measured yet. There is none today.
    #[cfg(test)]
    pub(crate) fn pending(id: &'static str, work: &'static str, why: &'static str) -> Self {
        Self::new(id, work).missing(why)
    }

    /// The name of its group.
    pub(crate) fn group(&self) -> &'static str {
        let group = GROUPS.iter().find(|(letter, ..)| self.id.starts_with(*letter));
        group.expect("a letter of a group").1
    }

    pub(crate) fn measure(mut self, measure: Measure) -> Self {
        self.measures.push(measure);
        self
    }

    pub(crate) fn with(mut self, contestant: Contestant) -> Self {
        self.contestants.push(contestant);
        self
    }

    pub(crate) fn with_all(mut self, contestants: impl IntoIterator<Item = Contestant>) -> Self {
        self.contestants.extend(contestants);
        self
    }

    pub(crate) fn absent(mut self, name: &'static str, why: &'static str) -> Self {
        self.absent.push((name, why));
        self
    }

    /// Several that are absent for the same reason.
    pub(crate) fn all_absent<const N: usize>(
        mut self,
        names: [&'static str; N],
        why: &'static str,
    ) -> Self {
        self.absent.extend(names.map(|name| (name, why)));
        self
    }

    /// For rows in which nobody does anything, so that nobody is in another's way.
    pub(crate) fn together(mut self) -> Self {
        self.together = true;
        self
    }

    pub(crate) fn otherwise(mut self, why: &'static str) -> Self {
        self.otherwise = Some(why);
        self
    }

    /// Names as absent whoever is known and not named yet: with the peer's own reason, or else with the row's.
    pub(crate) fn complete(mut self) -> Self {
        for peer in KNOWN.iter().filter(|_| !self.contestants.is_empty()) {
            let mut named = self
                .contestants
                .iter()
                .map(|c| c.name)
                .chain(self.absent.iter().map(|(name, _)| *name));
            if !named.any(|name| peer.is(name)) {
                self.absent.extend(peer.elsewhere.or(self.otherwise).map(|why| (peer.name, why)));
            }
        }
        self
    }

    #[cfg(test)]
    pub(crate) fn missing(mut self, why: &'static str) -> Self {
        self.missing.push(why);
        self
    }
}

/// What a number is. JSON has figures without a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Unit {
    /// Nanoseconds: less is better.
    #[serde(rename = "ns")]
    Nanos,
    /// Per second: more is better.
    #[serde(rename = "per second")]
    Rate,
    /// A quotient of two times: less is better.
    #[serde(rename = "ratio")]
    Share,
    /// A count, which no neighbour can change: less is better.
    #[serde(rename = "count")]
    Count,
    /// Bytes, the same.
    #[serde(rename = "bytes")]
    Bytes,
}

impl Unit {
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Rate
    }

    /// Whether a busy machine changes it.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::Nanos | Self::Rate | Self::Share)
    }
}

/// One figure of a row.
#[derive(Debug)]
pub(crate) struct Measure {
    /// Its key among a contestant's figures.
    pub(crate) key: &'static str,
    /// What it is, in words; empty if the row's work says it.
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    /// Of a figure that is a point of a curve, where that point lies.
    pub(crate) at: Option<f64>,
    /// The bounds; a figure without any is reported, not judged.
    pub(crate) musts: Vec<Must>,
}

impl Measure {
    pub(crate) fn new(key: &'static str, what: &'static str, unit: Unit) -> Self {
        Self { key, what, unit, at: None, musts: vec![] }
    }

    /// What an operation takes of all processors: a latency that spins is not one that sleeps.
    pub(crate) fn cpu(what: &'static str) -> Self {
        Self::new("cpu", what, Unit::Nanos)
    }

    pub(crate) fn must(mut self, against: Against, bound: f64) -> Self {
        self.musts.push(Must { against, bound });
        self
    }
}

/// What ours is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The floor.
    Floor,
    /// That peer against which ours looks worst.
    Best,
    /// This contestant.
    Named(&'static str),
    /// The other way round: this contestant must take at least so many times our time.
    Slower(&'static str),
    /// Nothing: the figure itself is bounded.
    Itself,
}

/// A bound on a ratio: at most, or, where more is better, at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Must {
    pub(crate) against: Against,
    pub(crate) bound: f64,
}

impl Must {
    /// `≤ 2.5 × floor`.
    pub(crate) fn show(self, unit: Unit) -> String {
        let (sign, bound) = (if self.at_least(unit) { '≥' } else { '≤' }, self.bound);
        match self.against {
            Against::Floor => format!("{sign} {bound} × floor"),
            Against::Best => format!("{sign} {bound} × best"),
            Against::Named(name) => format!("{sign} {bound} × {name}"),
            Against::Slower(name) => format!("{sign} {bound} × faster than {name}"),
            Against::Itself => format!("{sign} {}", unit.show(bound)),
        }
    }

    /// Whether it bounds from below.
    pub(crate) fn at_least(self, unit: Unit) -> bool {
        unit.more_is_better() || matches!(self.against, Against::Slower(_))
    }
}

/// In what capacity a contestant takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Ours,
    /// What no pool can beat.
    Floor,
    /// Another pool, which "best" may mean.
    Peer,
    /// Reported beside the others: never the best peer.
    Beside,
    /// What one would do without any pool, which a bound may be against: nor is it a peer.
    Baseline,
}

/// How somebody takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Runner {
    /// In this binary, executed again.
    Here(fn() -> Outcome),
    /// This question of `python/contestant.py`, put to the pool that the contestant's name ends with.
    Python(&'static str),
}

/// Somebody who does a row's work.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) runner: Runner,
}

impl Contestant {
    /// A pool, ours or another.
    pub(crate) fn pool<P: Peer>(run: fn() -> Outcome) -> Self {
        let role = if P::NAME == crate::peers::OURS { Role::Ours } else { Role::Peer };
        Self { name: P::NAME, role, runner: Runner::Here(run) }
    }

    pub(crate) fn ours(run: fn() -> Outcome) -> Self {
        Self { name: crate::peers::OURS, role: Role::Ours, runner: Runner::Here(run) }
    }

    pub(crate) fn peer(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, role: Role::Peer, runner: Runner::Here(run) }
    }

    pub(crate) fn beside(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, role: Role::Beside, runner: Runner::Here(run) }
    }

    pub(crate) fn baseline(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, role: Role::Baseline, runner: Runner::Here(run) }
    }

    pub(crate) fn floor(name: &'static str, run: fn() -> Outcome) -> Self {
        Self { name, role: Role::Floor, runner: Runner::Here(run) }
    }

    /// One of CPython's pools, by the name it has here.
    pub(crate) fn python(name: &'static str, question: &'static str) -> Self {
        Self { name, role: Role::Peer, runner: Runner::Python(question) }
    }

    /// Both of them.
    pub(crate) fn pythons(question: &'static str) -> [Self; 2] {
        [python::THREAD_POOL, python::EXECUTOR].map(|name| Self::python(name, question))
    }
}

/// `[Contestant::pool::<A>(question::<A>), …]`: the same question to several pools.
macro_rules! ask {
    ($question:ident: $($peer:ident),+ $(,)?) => {
        [$($crate::row::Contestant::pool::<$crate::peers::$peer>($question::<$crate::peers::$peer>)),+]
    };
}
pub(crate) use ask;
