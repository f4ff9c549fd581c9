//! From turns to ratios, and from ratios to a verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::race::Race;
use crate::row::{Against, Measure, Must, Role, Row, Unit};
use crate::verdict::{FEWEST, Interval, Verdict};

/// One bound, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Judged {
    /// `≤ 2.5 × floor`.
    pub(crate) must: String,
    /// Whom the ratio is against; empty if the figure itself is bounded.
    pub(crate) against: String,
    pub(crate) ratio: Option<Interval>,
    pub(crate) verdict: Verdict,
    /// The bound as a number: of the ratio, or, if `against` is empty, of the figure. Documents from
    /// before this was added have it in the words of `must` alone.
    #[serde(default)]
    pub(crate) bound: Option<f64>,
}

/// Ours divided by that of the best peer: what is said of a figure without a bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ToBest {
    pub(crate) against: String,
    pub(crate) ratio: Interval,
}

/// A contestant's figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Standing {
    pub(crate) name: String,
    pub(crate) role: Role,
    #[serde(flatten)]
    pub(crate) figure: Interval,
}

/// A contestant who is better than another, with the whole interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ahead {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// So many times better; none if it has 0 where the other has not.
    pub(crate) times: Option<Interval>,
}

/// One figure of a row, of all contestants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    /// Its name among the figures of a turn.
    pub(crate) key: String,
    /// In words; empty if the row's work says it.
    pub(crate) what: String,
    pub(crate) unit: Unit,
    /// `more` or `less`.
    pub(crate) better: String,
    /// Of a point of a curve, where it lies.
    #[serde(default)]
    pub(crate) at: Option<f64>,
    /// Whether others had too much of the machine for this figure to say anything.
    pub(crate) noisy: bool,
    /// How many turns the figures below are of.
    pub(crate) turns_used: usize,
    /// Best first.
    pub(crate) standings: Vec<Standing>,
    pub(crate) judged: Vec<Judged>,
    /// None if there is no peer, or too few quiet turns. Documents of the first weeks have none.
    #[serde(default)]
    pub(crate) to_best: Option<ToBest>,
    /// Who is better than we are, the best first.
    pub(crate) better_than_ours: Vec<Ahead>,
    /// Who is better than the floor, which no pool can be.
    pub(crate) better_than_floor: Vec<Ahead>,
}

impl Line {
    pub(crate) fn ours(&self) -> Option<Interval> {
        self.of(Role::Ours).map(|ours| ours.figure)
    }

    pub(crate) fn floor(&self) -> Option<&Standing> {
        self.of(Role::Floor)
    }

    /// Everybody who is neither, best first.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| !matches!(standing.role, Role::Ours | Role::Floor))
    }

    fn of(&self, role: Role) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.role == role)
    }
}

/// Everything about one figure of a row.
pub(crate) fn line(row: &Row, measure: &Measure, race: &Race, noise_limit: f64) -> Line {
    let turns = Turns::of(race, measure.key, measure.unit, noise_limit);
    let figure = |name: &str| Interval::of(turns.values(name));
    let more = measure.unit.more_is_better();
    let mut standings: Vec<Standing> = (row.contestants.iter())
        .filter_map(|c| {
            Some(Standing { name: c.name.to_owned(), role: c.role, figure: figure(c.name)? })
        })
        .collect();
    standings.sort_by(|a, b| a.figure.median.total_cmp(&b.figure.median));
    if more {
        standings.reverse();
    }
    Line {
        key: measure.key.to_owned(),
        what: measure.what.to_owned(),
        unit: measure.unit,
        better: if more { "more" } else { "less" }.to_owned(),
        at: measure.at,
        noisy: turns.noisy,
        turns_used: turns.used.len(),
        better_than_ours: better_than(Role::Ours, &standings, &turns),
        better_than_floor: better_than(Role::Floor, &standings, &turns),
        standings,
        judged: measure.musts.iter().map(|must| judge(row, must, &turns)).collect(),
        to_best: to_best(row, &turns, more).filter(|_| !turns.noisy && turns.used.len() >= FEWEST),
    }
}

/// The turns of a race that count for one figure.
pub(crate) struct Turns<'a> {
    race: &'a Race,
    key: &'a str,
    unit: Unit,
    /// Their indices: for a time, of those in which the machine was quiet.
    pub(crate) used: Vec<usize>,
    /// Whether too few of them were, so that all stand in the report and none is judged.
    noisy: bool,
}

impl<'a> Turns<'a> {
    pub(crate) fn of(race: &'a Race, key: &'a str, unit: Unit, noise_limit: f64) -> Self {
        let all = 0..race.turns.values().map(Vec::len).max().unwrap_or(0);
        let loud = |turn: &usize| {
            unit.is_time() && race.noise(*turn).is_some_and(|share| share > noise_limit)
        };
        let quiet: Vec<usize> = all.clone().filter(|turn| !loud(turn)).collect();
        let noisy = quiet.len() < FEWEST.min(all.len());
        let used = if noisy { all.collect() } else { quiet };
        Self { race, key, unit, used, noisy }
    }

    /// Somebody's figures in these turns, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        self.used.iter().filter_map(|turn| self.value(name, *turn)).collect()
    }

    fn value(&self, name: &str, turn: usize) -> Option<f64> {
        self.race.turns.get(name)?.get(turn)?.get(self.key).copied()
    }

    /// One contestant's figures divided by another's, turn by turn. Two zeros have the ratio 1.
    pub(crate) fn ratios(&self, one: &str, other: &str) -> Vec<f64> {
        let ratio = |turn: &usize| {
            let (one, other) = (self.value(one, *turn)?, self.value(other, *turn)?);
            Some(if one == 0.0 && other == 0.0 { 1.0 } else { one / other })
        };
        self.used.iter().filter_map(ratio).collect()
    }

    fn ratio(&self, one: &str, other: &str) -> Option<Interval> {
        Interval::of(self.ratios(one, other))
    }
}

/// Who is better than the one with this role, turn by turn, with the whole interval.
fn better_than(role: Role, all: &[Standing], turns: &Turns<'_>) -> Vec<Ahead> {
    // A few turns that all go one way are no more than chance.
    if turns.used.len() < FEWEST {
        return vec![];
    }
    let Some(one) = all.iter().find(|standing| standing.role == role) else { return vec![] };
    let others =
        all.iter().filter(|other| !matches!(other.role, Role::Floor) && other.name != one.name);
    let mut ahead: Vec<Ahead> = others
        .filter_map(|other| {
            let times = if turns.unit.more_is_better() {
                turns.ratio(&other.name, &one.name)
            } else {
                turns.ratio(&one.name, &other.name)
            };
            let nothing = other.figure.high == 0.0 && one.figure.low > 0.0;
            let better = times.map_or(nothing, |times| times.low > 1.0);
            better.then(|| Ahead { name: other.name.clone(), role: other.role, times })
        })
        .collect();
    let by = |ahead: &Ahead| ahead.times.map_or(f64::INFINITY, |times| times.median);
    ahead.sort_by(|a, b| by(b).total_cmp(&by(a)));
    ahead
}

/// The best is the one against whom we look worst, turn by turn. There is none if another's figure was 0 in a turn, and
/// ours was not: no ratio says how much worse that is.
fn to_best(row: &Row, turns: &Turns<'_>, more: bool) -> Option<ToBest> {
    let who = |role: Role| row.contestants.iter().filter(move |c| c.role == role).map(|c| c.name);
    let ours = who(Role::Ours).next()?;
    let beyond = |peer| turns.ratios(ours, peer).iter().any(|ratio| ratio.is_infinite());
    if who(Role::Peer).any(beyond) {
        return None;
    }
    let to = |against: &str| {
        Some(ToBest { against: against.to_owned(), ratio: turns.ratio(ours, against)? })
    };
    let figure = |of: &ToBest| Interval::of(turns.values(&of.against)).map_or(0.0, |of| of.median);
    // A contestant whose figure is 0 has the ratio 0 to all others. Then their figures decide.
    let order = |a: &ToBest, b: &ToBest| {
        let ratios = a.ratio.median.total_cmp(&b.ratio.median);
        ratios.then_with(|| figure(b).total_cmp(&figure(a)))
    };
    let all = who(Role::Peer).filter_map(to);
    if more { all.min_by(order) } else { all.max_by(order) }
}

fn judge(row: &Row, must: &Must, turns: &Turns<'_>) -> Judged {
    let unit = turns.unit;
    let more = must.at_least(unit);
    let who = |role: Role| row.contestants.iter().filter(move |c| c.role == role).map(|c| c.name);
    let ours = who(Role::Ours).next().unwrap_or_default();
    let to = |name: &str| (name.to_owned(), turns.ratios(ours, name));
    let (against, ratios) = match must.against {
        Against::Itself => (String::new(), turns.values(ours)),
        Against::Floor => to(who(Role::Floor).next().unwrap_or_default()),
        Against::Named(name) => to(name),
        Against::Slower(name) => (name.to_owned(), turns.ratios(name, ours)),
        Against::Best => {
            to_best(row, turns, more).map_or((String::new(), vec![]), |best| to(&best.against))
        }
    };
    let ratio = Interval::of(ratios);
    let verdict = match ratio {
        // Who computes something wrong, or hangs, has missed every bound.
        _ if turns.race.failed.contains_key(ours) => Verdict::Missed,
        None => Verdict::Unmeasured,
        Some(_) if turns.noisy => Verdict::Noise,
        Some(_) if turns.used.len() < FEWEST => Verdict::TooFew,
        Some(ratio) => Verdict::of(ratio, must.bound, more),
    };
    Judged { must: must.show(unit), against, ratio, verdict, bound: Some(must.bound) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::figures;
    use crate::peers::OURS;
    use crate::row::Contestant;

    #[test]
    fn a_bound_on_how_much_slower_another_is_divides_the_other_way_round() {
        let row = Row::new("P0", "")
            .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Slower("alone"), 76.0))
            .with(Contestant::ours(|| unreachable!("nobody runs here")))
            .with(Contestant::baseline("alone", || unreachable!("nobody runs here")));
        let judged = |alone| {
            let race = race([(OURS, [2.0, 2.0]), ("alone", alone)]);
            let judged = line(&row, &row.measures[0], &race, 1.0).judged.remove(0);
            (judged.verdict, judged.ratio.map(|ratio| ratio.median))
        };
        assert_eq!(judged([200.0, 200.0]), (Verdict::Reached, Some(100.0)));
        assert_eq!(judged([20.0, 100.0]), (Verdict::Missed, Some(30.0)));
    }

    /// Six turns in which these figures alternate.
    fn race<const N: usize>(all: [(&str, [f64; 2]); N]) -> Race {
        let turns = |walls: [f64; 2]| walls.repeat(3).into_iter().map(|w| figures([("wall", w)]));
        let turns = all.into_iter().map(|(name, walls)| (name.to_owned(), turns(walls).collect()));
        Race { turns: turns.collect(), ..Race::default() }
    }

    #[test]
    fn a_time_is_judged_by_six_quiet_turns_and_a_count_by_any_six() {
        let of = |unit, race: &Race| {
            let row = Row::new("P0", "")
                .measure(Measure::new("wall", "", unit).must(Against::Itself, 5.0))
                .with(Contestant::ours(|| unreachable!("nobody runs here")));
            let line = line(&row, &row.measures[0], race, 0.05);
            (line.judged[0].verdict, line.turns_used)
        };
        let mut race = race([(OURS, [1.0, 2.0])]);
        assert_eq!(of(Unit::Nanos, &race), (Verdict::Reached, 6), "a system that does not tell");
        race.others = vec![Some(0.05); 6];
        assert_eq!(of(Unit::Nanos, &race), (Verdict::Reached, 6));
        race.others[3] = Some(0.06);
        assert_eq!(of(Unit::Nanos, &race), (Verdict::Noise, 6));
        assert_eq!(of(Unit::Count, &race), (Verdict::Reached, 6));
        // A seventh makes up for the loud one.
        let more = race.turns[OURS][0].clone();
        race.turns.get_mut(OURS).expect("we are there").push(more);
        race.others.push(Some(0.0));
        assert_eq!(of(Unit::Nanos, &race), (Verdict::Reached, 6));
        assert_eq!(of(Unit::Count, &race), (Verdict::Reached, 7));
        race.turns.get_mut(OURS).expect("we are there").truncate(5);
        race.others = vec![Some(0.0); 5];
        for unit in [Unit::Nanos, Unit::Count] {
            assert_eq!(of(unit, &race), (Verdict::TooFew, 5));
        }
    }

    #[test]
    fn of_those_whose_figure_is_nothing_none_is_better_and_the_best_other_comes_next() {
        let nobody = || unreachable!("nobody runs here");
        let row = Row::new("P0", "")
            .measure(Measure::new("wall", "", Unit::Count))
            .with(Contestant::ours(nobody))
            .with_all(["some", "few", "another"].map(|name| Contestant::peer(name, nobody)));
        let best = |ours, another| {
            let race = race([
                (OURS, ours),
                ("some", [5.0, 5.0]),
                ("few", [3.0, 3.0]),
                ("another", [another, another]),
            ]);
            let line = line(&row, &row.measures[0], &race, 1.0);
            assert!(line.better_than_ours.is_empty(), "none is better with the whole interval");
            line.to_best.map(|best| (best.against, best.ratio.median))
        };
        assert_eq!(best([0.0, 0.0], 0.0), Some(("another".to_owned(), 1.0)));
        assert_eq!(best([0.0, 0.0], 7.0), Some(("few".to_owned(), 0.0)));
        assert_eq!(best([0.0, 2.0], 0.0), None, "half of our turns are worse beyond all measure");
    }

    #[test]
    fn somebody_is_ahead_only_with_the_whole_interval() {
        let nobody = || unreachable!("nobody runs here");
        let row = Row::new("P0", "")
            .measure(Measure::new("wall", "", Unit::Count))
            .with(Contestant::floor("floor", nobody))
            .with(Contestant::ours(nobody))
            .with(Contestant::peer("always", nobody))
            .with(Contestant::peer("sometimes", nobody))
            .with(Contestant::peer("nothing", nobody));
        let race = race([
            ("floor", [1.0, 1.0]),
            (OURS, [4.0, 4.0]),
            ("always", [2.0, 3.0]),
            ("sometimes", [2.0, 5.0]),
            ("nothing", [0.0, 0.0]),
        ]);
        let line = line(&row, &row.measures[0], &race, 1.0);
        let ahead = |all: &[Ahead]| {
            all.iter().map(|a| (a.name.clone(), a.times.map(|t| t.high))).collect::<Vec<_>>()
        };
        let [nothing, always] = ["nothing", "always"].map(str::to_owned);
        assert_eq!(ahead(&line.better_than_ours), [(nothing.clone(), None), (always, Some(2.0))]);
        assert_eq!(ahead(&line.better_than_floor), [(nothing, None)]);
        assert_eq!(
            line.others().map(|other| &*other.name).collect::<Vec<_>>(),
            ["nothing", "always", "sometimes"]
        );
    }
}
