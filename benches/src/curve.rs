//! A curve over the number of workers: a few rows, a few peers, each at 1, 2, 4, 8 and 16 workers.
//!
//! Turns go round: each row at each number of workers has its first turn before any has its second,
//! and the numbers are shuffled anew for each. So a run that must end in time loses turns and no
//! rows, and what more workers gain is a ratio within a turn.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::document::FORMAT;
use crate::judge::{Line, line};
use crate::machine::Circumstances;
use crate::peers::OURS;
use crate::progress::minutes;
use crate::python::Python;
use crate::race::{Plan, Race};
use crate::row::{Measure, Row};
use crate::saved::replace;
use crate::verdict::{FEWEST, Interval};
use crate::{rows, select};

/// Calls from outside and from inside, maps long and short, streams, nested maps, a tree.
const ROWS: [&str; 9] = ["P4", "P5", "P6", "P8", "P10", "P11", "P12", "P23", "P27"];

/// Whom a bound names is asked besides.
const PEERS: [&str; 4] = ["rayon", "threadpool", "lagoon", "tokio spawn"];

/// How a curve is measured.
#[derive(Debug, Args)]
pub(crate) struct Course {
    /// The numbers of workers.
    #[arg(long, value_delimiter = ',', value_name = "N,N", default_values_t = [1_u16, 2, 4, 8, 16])]
    at: Vec<u16>,

    /// Begin no turn after so many minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 7.5)]
    minutes: f64,
}

/// A row at all numbers of workers.
struct Measured<'a> {
    row: &'a Row,
    races: Vec<(usize, Race)>,
}

/// The whole document.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) format: u32,
    pub(crate) curve: Vec<u16>,
    #[serde(flatten)]
    pub(crate) circumstances: Circumstances,
    pub(crate) turns: usize,
    pub(crate) submitters: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) noise_limit: f64,
    pub(crate) rows: Vec<RowOf>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RowOf {
    pub(crate) id: String,
    pub(crate) work: String,
    pub(crate) points: Vec<Point>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) workers: usize,
    pub(crate) measures: Vec<Figure>,
    #[serde(flatten)]
    pub(crate) race: Race,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    #[serde(flatten)]
    pub(crate) line: Line,
    /// How many times better ours is than with the first number of workers; none if too few turns
    /// of both were quiet.
    pub(crate) gain: Option<Interval>,
}

impl Course {
    /// The rows that are wanted, or else those of a curve.
    ///
    /// # Errors
    ///
    /// If there is no such row.
    pub(crate) fn rows(wanted: &[String]) -> Result<Vec<Row>, String> {
        let ours = ROWS.map(str::to_owned);
        let rows = select::select(rows::all(), if wanted.is_empty() { &ours } else { wanted })?;
        Ok(rows.into_iter().map(|row| select::thin(row, &PEERS)).collect())
    }

    /// Measures, and writes everything after each round of turns.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn run(
        &self,
        rows: &[Row],
        plan: &Plan,
        pythons: &[PathBuf],
        json: &Path,
    ) -> Result<(), String> {
        let python = Python::find(pythons)?;
        let circumstances = Circumstances::now(python.as_ref());
        let begin = Instant::now();
        let end = begin + Duration::from_secs_f64(60.0 * self.minutes);
        let new = |row| {
            let race = |workers: &u16| (usize::from(*workers), Race::of(row, python.as_ref()));
            Measured { row, races: self.at.iter().map(race).collect() }
        };
        let mut all: Vec<Measured<'_>> = rows.iter().map(new).collect();
        let mut dice = fastrand::Rng::with_seed(plan.seed);
        for turn in 1..=plan.turns {
            for Measured { row, races } in &mut all {
                let mut order: Vec<_> = races.iter_mut().collect();
                dice.shuffle(&mut order);
                for (workers, race) in order {
                    if Instant::now() < end && !race.failed.contains_key(OURS) {
                        let plan = Plan { workers: *workers, ..*plan };
                        race.turn(row, &plan, python.as_ref());
                    }
                }
            }
            self.save(&circumstances, plan, &all, json)?;
            eprintln!("turn {turn} of {}, after {}", plan.turns, minutes(begin.elapsed()));
        }
        Ok(())
    }

    fn save(
        &self,
        circumstances: &Circumstances,
        plan: &Plan,
        all: &[Measured<'_>],
        json: &Path,
    ) -> Result<(), String> {
        let document = Document {
            format: FORMAT,
            curve: self.at.clone(),
            circumstances: circumstances.clone(),
            turns: plan.turns,
            submitters: plan.submitters,
            seed: plan.seed,
            noise_limit: plan.noise_limit,
            rows: all.iter().map(|row| row.document(plan.noise_limit)).collect(),
        };
        let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        replace(json, |mut file| file.write_all(text.as_bytes()))
    }
}

impl Measured<'_> {
    fn document(&self, noise_limit: f64) -> RowOf {
        let Row { id, work, measures, .. } = self.row;
        let point = |(workers, race): &(usize, Race)| {
            let figure = |measure: &Measure| Figure {
                line: line(self.row, measure, race, noise_limit),
                gain: gain(measure, &self.races[0].1, race, noise_limit),
            };
            let measures = measures.iter().map(figure).collect();
            Point { workers: *workers, measures, race: race.clone() }
        };
        let points = self.races.iter().map(point).collect();
        RowOf { id: (*id).to_owned(), work: (*work).to_owned(), points }
    }
}

/// Of the same turns of both races: how many times better ours is in the second.
fn gain(measure: &Measure, from: &Race, to: &Race, noise_limit: f64) -> Option<Interval> {
    let ours =
        |race: &Race, turn: usize| race.turns.get(OURS)?.get(turn)?.get(measure.key).copied();
    let quiet = |race: &Race, turn| race.noise(turn).is_none_or(|share| share <= noise_limit);
    let turns = 0..from.others.len().min(to.others.len());
    let gains = turns.filter(|turn| quiet(from, *turn) && quiet(to, *turn)).filter_map(|turn| {
        let (from, to) = (ours(from, turn)?, ours(to, turn)?);
        Some(if measure.unit.more_is_better() { to / from } else { from / to })
    });
    let gains: Vec<f64> = gains.collect();
    if gains.len() < FEWEST { None } else { Interval::of(gains) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::figures;
    use crate::document::tests::PLAN;
    use crate::row::{Against, Contestant, Unit};

    /// The document of a row that does twice as much with two workers as with one; rayon does so
    /// with one already.
    pub(crate) fn document() -> String {
        let nobody = || unreachable!("nobody runs here");
        let row = Row::new("P4", "some work")
            .measure(Measure::new("rate", "", Unit::Rate).must(Against::Named("rayon"), 0.9))
            .with(Contestant::ours(nobody))
            .with(Contestant::peer("rayon", nobody));
        let race = |ours| {
            let turns = [(OURS, ours), ("rayon", 8.0)];
            let turns =
                turns.map(|(name, rate)| (name.to_owned(), vec![figures([("rate", rate)]); 6]));
            Race { turns: turns.into(), others: vec![Some(0.0); 6], ..Race::default() }
        };
        let all = [Measured { row: &row, races: vec![(1, race(4.0)), (2, race(8.0))] }];
        static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let call = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("millpond-curve-{}-{call}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        let json = folder.join("curve.json");
        let course = Course { at: vec![1, 2], minutes: 1.0 };
        let saved = course.save(&Circumstances::now(None), &PLAN, &all, &json);
        saved.expect("the folder takes it");
        let text = std::fs::read_to_string(&json).expect("it was just written");
        std::fs::remove_dir_all(&folder).expect("it is ours");
        text
    }

    #[test]
    fn the_document_has_each_number_of_workers_with_what_it_gains() {
        let all: serde_json::Value = serde_json::from_str(&document()).expect("it is JSON");
        let points = &all["rows"][0]["points"];
        let of = |at: usize| &points[at]["measures"][0];
        assert_eq!((&points[1]["workers"], &of(1)["gain"]["median"]), (&2.into(), &2.0.into()));
        assert_eq!((&of(0)["judged"][0]["verdict"]), "missed");
        assert_eq!((&of(1)["judged"][0]["verdict"]), "reached");
        assert_eq!(points[1]["turns"]["rayon"][5]["rate"], 8.0);
    }

    #[test]
    fn a_gain_needs_six_turns_in_which_both_were_quiet_and_divides_times_the_other_way_round() {
        let race = |figure, loud: usize| {
            let turns = [(OURS.to_owned(), vec![figures([("wall", figure)]); 7])].into();
            let others = (0..7).map(|turn| Some(if turn < loud { 0.5 } else { 0.0 }));
            Race { turns, others: others.collect(), ..Race::default() }
        };
        let of = |unit, loud| {
            let measure = Measure::new("wall", "", unit);
            gain(&measure, &race(6.0, 0), &race(3.0, loud), 0.05).map(|gain| gain.median)
        };
        assert_eq!(of(Unit::Nanos, 1), Some(2.0));
        assert_eq!(of(Unit::Rate, 1), Some(0.5));
        assert_eq!(of(Unit::Nanos, 2), None);
    }

    #[test]
    fn a_curve_is_of_rows_that_there_are_with_few_peers() {
        let rows = Course::rows(&[]).expect("there are such rows");
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ROWS);
        assert!(rows.iter().all(|row| row.contestants.len() <= 7));
        assert!(Course::rows(&["P99".to_owned()]).is_err());
    }
}
