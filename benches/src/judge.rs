//! From turns to ratios, and from ratios to a verdict.

use serde::{Serialize, Serializer};

use crate::check::Figures;
use crate::race::Race;
use crate::row::{Against, Measure, Must, Role, Row, Unit};

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The median, and the order statistics that hold the true one with 95 % probability whatever the distribution; the
    /// extremes if there are fewer than nine. None of nothing, or of something that is no number.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let n = values.len();
        // The true median lies outside the (k+1)-th smallest and largest exactly if at most k of n fair coins fall on
        // one side.
        let mut cut = 0;
        let mut weight = 0.5_f64.powi(i32::try_from(n).ok()?);
        let mut tail = weight;
        for k in 1..n / 2 {
            weight *= (n - k + 1) as f64 / k as f64;
            tail += weight;
            if 2.0 * tail > 0.05 {
                break;
            }
            cut = k;
        }
        let median = if n % 2 == 1 {
            values[n / 2]
        } else {
            f64::midpoint(values[n / 2 - 1], values[n / 2])
        };
        Some(Self { low: values[cut], median, high: values[n - 1 - cut] })
    }
}

/// What is said of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The median keeps the bound, and the machine was quiet enough.
    Reached,
    /// The whole interval is beyond the bound, or ours failed.
    Missed,
    /// Neither.
    Undecided,
    /// Others took too much of the machine.
    Noise,
    /// There is no figure of ours, or nothing to compare it with.
    Unmeasured,
}

/// One bound, judged.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    /// `≤ 2.5 × floor`.
    pub(crate) must: String,
    /// Whom the ratio is against; empty if the figure itself is bounded.
    pub(crate) against: String,
    pub(crate) ratio: Option<Interval>,
    pub(crate) verdict: Verdict,
}

/// Somebody's figure.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Standing {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    #[serde(flatten)]
    pub(crate) figure: Interval,
}

/// Somebody who is better than another, with the whole interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ahead {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// So many times better; none if it has 0 where the other has not.
    pub(crate) times: Option<Interval>,
}

/// One figure of a row, of all contestants.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    #[serde(serialize_with = "name_of")]
    pub(crate) unit: Unit,
    pub(crate) better: &'static str,
    /// Whether others had too much of the machine for this figure to say anything.
    pub(crate) noisy: bool,
    /// Best first.
    pub(crate) standings: Vec<Standing>,
    pub(crate) judged: Vec<Judged>,
    /// Who is better than we are, the best first.
    pub(crate) better_than_ours: Vec<Ahead>,
    /// Who is better than the floor, which nobody can be.
    pub(crate) better_than_floor: Vec<Ahead>,
}

fn name_of<S: Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(unit.name())
}

impl Line {
    pub(crate) fn ours(&self) -> Option<Interval> {
        self.of(Role::Ours).map(|ours| ours.figure)
    }

    pub(crate) fn floor(&self) -> Option<Standing> {
        self.of(Role::Floor)
    }

    /// Everybody who is neither, best first.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| !matches!(standing.role, Role::Ours | Role::Floor))
    }

    fn of(&self, role: Role) -> Option<Standing> {
        self.standings.iter().find(|standing| standing.role == role).copied()
    }
}

/// Everything about one figure of a row.
pub(crate) fn line(row: &Row, measure: &Measure, race: &Race, noise_limit: f64) -> Line {
    let figure = |name: &str| Interval::of(values(race, name, measure.key));
    let more = measure.unit.more_is_better();
    let mut standings: Vec<Standing> = (row.contestants.iter())
        .filter_map(|c| Some(Standing { name: c.name, role: c.role, figure: figure(c.name)? }))
        .collect();
    standings.sort_by(|a, b| a.figure.median.total_cmp(&b.figure.median));
    if more {
        standings.reverse();
    }
    let noisy = measure.unit.is_time() && race.others.is_some_and(|share| share > noise_limit);
    Line {
        key: measure.key,
        what: measure.what,
        unit: measure.unit,
        better: if more { "more" } else { "less" },
        noisy,
        better_than_ours: better_than(Role::Ours, &standings, measure, race),
        better_than_floor: better_than(Role::Floor, &standings, measure, race),
        standings,
        judged: measure.musts.iter().map(|must| judge(row, measure, must, race, noisy)).collect(),
    }
}

/// Who is better than the one with this role, turn by turn, with the whole interval.
fn better_than(role: Role, all: &[Standing], measure: &Measure, race: &Race) -> Vec<Ahead> {
    let Some(one) = all.iter().find(|standing| standing.role == role) else { return vec![] };
    let others =
        all.iter().filter(|other| !matches!(other.role, Role::Floor) && other.name != one.name);
    let mut ahead: Vec<Ahead> = others
        .filter_map(|other| {
            let times = if measure.unit.more_is_better() {
                ratio(race, measure.key, other.name, one.name)
            } else {
                ratio(race, measure.key, one.name, other.name)
            };
            let nothing = other.figure.high == 0.0 && one.figure.low > 0.0;
            let better = times.map_or(nothing, |times| times.low > 1.0);
            better.then_some(Ahead { name: other.name, role: other.role, times })
        })
        .collect();
    let by = |ahead: &Ahead| ahead.times.map_or(f64::INFINITY, |times| times.median);
    ahead.sort_by(|a, b| by(b).total_cmp(&by(a)));
    ahead
}

fn judge(row: &Row, measure: &Measure, must: &Must, race: &Race, noisy: bool) -> Judged {
    let more = must.at_least(measure.unit);
    let who = |role: Role| row.contestants.iter().filter(move |c| c.role == role).map(|c| c.name);
    let ours = who(Role::Ours).next().unwrap_or_default();
    let ratio = |name: &'static str| (name, ratio(race, measure.key, ours, name));
    let (against, ratio) = match must.against {
        Against::Itself => ("", Interval::of(values(race, ours, measure.key))),
        Against::Floor => ratio(who(Role::Floor).next().unwrap_or_default()),
        Against::Named(name) => ratio(name),
        Against::Slower(name) => (name, self::ratio(race, measure.key, name, ours)),
        Against::Best => {
            // The best is the one against whom we look worst, turn by turn.
            let all = who(Role::Peer).filter_map(|name| Some((name, ratio(name).1?)));
            let order = |a: &(_, Interval), b: &(_, Interval)| a.1.median.total_cmp(&b.1.median);
            let (name, ratio) = if more { all.min_by(order) } else { all.max_by(order) }.unzip();
            (name.unwrap_or_default(), ratio)
        }
    };
    // Who computes something wrong, or hangs, has missed every bound.
    let failed = race.failed.contains_key(ours);
    let verdict = if failed { Verdict::Missed } else { verdict(ratio, must.bound, more, noisy) };
    Judged { must: must.show(measure.unit), against: against.to_owned(), ratio, verdict }
}

/// One contestant's figures divided by another's, turn by turn.
fn ratio(race: &Race, key: &str, one: &str, other: &str) -> Option<Interval> {
    let others = values(race, other, key);
    Interval::of(
        values(race, one, key).into_iter().zip(others).map(|(one, other)| one / other).collect(),
    )
}

fn verdict(ratio: Option<Interval>, bound: f64, more: bool, noisy: bool) -> Verdict {
    let Some(Interval { low, median, high }) = ratio else { return Verdict::Unmeasured };
    let kept = |value: f64| if more { value >= bound } else { value <= bound };
    match (noisy, kept(low) || kept(high), kept(median)) {
        (true, ..) => Verdict::Noise,
        (false, false, _) => Verdict::Missed,
        (false, true, true) => Verdict::Reached,
        (false, true, false) => Verdict::Undecided,
    }
}

fn values(race: &Race, name: &str, key: &str) -> Vec<f64> {
    race.turns
        .get(name)
        .into_iter()
        .flatten()
        .filter_map(|figures: &Figures| figures.get(key).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::figures;
    use crate::peers::OURS;
    use crate::row::Contestant;

    #[test]
    fn the_interval_of_a_median_drops_extremes_only_when_it_may() {
        let to = |n: i32| {
            Interval::of((1..=n).map(f64::from).collect()).map(|i| (i.low, i.median, i.high))
        };
        assert_eq!(to(0), None);
        assert_eq!(to(1), Some((1.0, 1.0, 1.0)));
        // 2 × 1/64 is less than 5 %: all of six hold the median in 96.9 % of cases, and five of them would not.
        assert_eq!(to(6), Some((1.0, 3.5, 6.0)));
        // The textbook's: of ten, the second and the ninth; of twenty, the sixth and the fifteenth.
        assert_eq!(to(10), Some((2.0, 5.5, 9.0)));
        assert_eq!(to(20), Some((6.0, 10.5, 15.0)));
    }

    #[test]
    fn a_bound_on_how_much_slower_another_is_divides_the_other_way_round() {
        let row = Row::new("P0", "")
            .measure(Measure::new("wall", "", Unit::Nanos).must(Against::Slower("alone"), 76.0))
            .with(Contestant::ours(|| unreachable!("nobody runs here")))
            .with(Contestant::baseline("alone", || unreachable!("nobody runs here")));
        let turns = |walls: [f64; 2]| walls.map(|wall| figures([("wall", wall)])).to_vec();
        let judged = |alone| {
            let turns = [(OURS, turns([2.0, 2.0])), ("alone", turns(alone))].into();
            let race = Race { turns, ..Race::default() };
            let judged = judge(&row, &row.measures[0], &row.measures[0].musts[0], &race, false);
            (judged.verdict, judged.ratio.map(|ratio| ratio.median))
        };
        assert_eq!(judged([200.0, 200.0]), (Verdict::Reached, Some(100.0)));
        assert_eq!(judged([20.0, 100.0]), (Verdict::Missed, Some(30.0)));
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
        let turns = |walls: [f64; 2]| walls.map(|wall| figures([("wall", wall)])).to_vec();
        let all = [
            ("floor", [1.0, 1.0]),
            (OURS, [4.0, 4.0]),
            ("always", [2.0, 3.0]),
            ("sometimes", [2.0, 5.0]),
        ];
        let all = all
            .into_iter()
            .chain([("nothing", [0.0, 0.0])])
            .map(|(name, walls)| (name, turns(walls)));
        let race = Race { turns: all.collect(), ..Race::default() };
        let line = line(&row, &row.measures[0], &race, 1.0);
        let ahead = |all: &[Ahead]| {
            all.iter().map(|a| (a.name, a.times.map(|t| t.high))).collect::<Vec<_>>()
        };
        assert_eq!(ahead(&line.better_than_ours), [("nothing", None), ("always", Some(2.0))]);
        assert_eq!(ahead(&line.better_than_floor), [("nothing", None)]);
        assert_eq!(
            line.others().map(|other| other.name).collect::<Vec<_>>(),
            ["nothing", "always", "sometimes"]
        );
    }

    #[test]
    fn a_bound_is_missed_only_by_the_whole_interval() {
        let ratio = |low, median, high| Some(Interval { low, median, high });
        assert_eq!(verdict(ratio(1.0, 1.1, 1.2), 1.1, false, false), Verdict::Reached);
        assert_eq!(verdict(ratio(1.0, 1.2, 1.3), 1.1, false, false), Verdict::Undecided);
        assert_eq!(verdict(ratio(1.2, 1.3, 1.4), 1.1, false, false), Verdict::Missed);
        assert_eq!(verdict(ratio(1.2, 1.3, 1.4), 1.1, false, true), Verdict::Noise);
        assert_eq!(verdict(ratio(1.2, 1.3, 1.4), 1.5, true, false), Verdict::Missed);
        assert_eq!(verdict(ratio(1.2, 1.6, 1.7), 1.5, true, false), Verdict::Reached);
        assert_eq!(verdict(None, 1.5, true, false), Verdict::Unmeasured);
    }
}
