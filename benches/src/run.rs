//! A run: rows are measured one after the other, judged, saved as they are done, and told in the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use crate::done::Done;
use crate::judge::{Line, line};
use crate::machine::Circumstances;
use crate::measure::time;
use crate::progress::{Progress, minutes};
use crate::python::Python;
use crate::race::{Plan, Race, race};
use crate::report;
use crate::row::Row;
use crate::rows;
use crate::saved::{Reports, Saved};
use crate::select;

/// What a run is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The rows, or groups of rows; those with bounds, if nothing is said.
    pub(crate) only: &'a [String],
    pub(crate) plan: Plan,
    /// Whether to go on with the run that the JSON file is of. That run's seed counts then.
    pub(crate) resume: bool,
    pub(crate) reports: Reports<'a>,
}

/// Measures, judges and tells, and writes the reports that are asked for.
///
/// # Errors
///
/// If there is no such row, a report cannot be written, or the run that is to go on was another one.
pub(crate) fn run(asked: Asked<'_>) -> Result<ExitCode, String> {
    let Asked { only, mut plan, resume, reports } = asked;
    let rows = select::quick(select::select(rows::all(), only)?, plan.quick);
    let saved = match (resume, reports.json) {
        (true, Some(json)) => Some(Saved::read(json)?),
        (true, None) => {
            return Err("a run goes on with a file: --resume needs --json FILE".to_owned());
        }
        (false, _) => None,
    };
    let python = Python::find();
    let mut circumstances = Circumstances::now(python.as_ref());
    let mut before = BTreeMap::new();
    if let Some(saved) = saved {
        plan.seed = saved.seed().unwrap_or(plan.seed);
        saved.same_as(&circumstances, &plan)?;
        circumstances.date = saved.date().unwrap_or_default().to_owned();
        before = saved.rows;
    }
    println!("{circumstances}");
    println!("{plan}");
    let done = measure(&rows, &plan, python.as_ref(), before, |done| {
        reports.save(&circumstances, &plan, done)
    })?;
    println!("{}", report::table(&done));
    print!("{}", report::losses(&done));
    print!("{}", report::notes(&done, &plan));
    let lost = |line: &Line| line.judged.iter().any(|judged| judged.verdict.is_loss());
    Ok(ExitCode::from(u8::from(done.iter().flat_map(|row| &row.lines).any(lost))))
}

/// Measures the rows that are not measured yet; after each, and once before the first, `save` gets
/// what is known so far, in the rows' order.
fn measure(
    rows: &[Row],
    plan: &Plan,
    python: Option<&Python>,
    before: BTreeMap<String, (f64, Race)>,
    save: impl Fn(&[Done]) -> Result<(), String>,
) -> Result<Vec<Done>, String> {
    // Rows that were not asked for now, but were then, stay in the report.
    let all = select::quick(rows::all(), plan.quick);
    let place = |id: &str| all.iter().position(|row| row.id == id);
    let mut done = judge_again(plan, before);
    // A quarter of an hour later would be too late to find out that it cannot be written.
    save(&done)?;
    let is_new = |row: &&Row| !done.iter().any(|done| done.id == row.id);
    let rows: Vec<&Row> = rows.iter().filter(is_new).collect();
    let mut progress = Progress::new(&rows, plan.turns);
    for row in rows {
        progress.begin(row);
        let (race, nanos) = time(|| race(row, plan, python));
        done.push(judged(row, plan, nanos / 1e9, race));
        done.sort_by_key(|row| place(row.id));
        save(&done)?;
        progress.done(row);
    }
    eprintln!("{} in all", minutes(progress.elapsed()));
    Ok(done)
}

/// Judges what an earlier run has measured, in the rows' order. Rows that are no more are left out.
pub(crate) fn judge_again(plan: &Plan, before: BTreeMap<String, (f64, Race)>) -> Vec<Done> {
    let all = select::quick(rows::all(), plan.quick);
    let place = |id: &str| all.iter().position(|row| row.id == id);
    let mut done: Vec<Done> = before
        .into_iter()
        .filter_map(|(id, (seconds, race))| Some(judged(&all[place(&id)?], plan, seconds, race)))
        .collect();
    done.sort_by_key(|row| place(row.id));
    done
}

fn judged(row: &Row, plan: &Plan, seconds: f64, race: Race) -> Done {
    let lines = row.measures.iter().map(|measure| line(row, measure, &race, plan.noise_limit));
    let (lines, missing) = (lines.collect(), row.missing.clone());
    Done { id: row.id, work: row.work, seconds, lines, missing, race }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::PLAN;

    #[test]
    fn a_run_goes_on_only_with_a_file() {
        let reports = Reports { json: None, html: None };
        let alone = run(Asked { only: &[], plan: PLAN, resume: true, reports });
        let why = "a run goes on with a file: --resume needs --json FILE";
        assert_eq!(alone.map(|_| ()), Err(why.to_owned()));
    }

    #[test]
    fn a_run_that_goes_on_measures_what_is_missing_and_keeps_the_rest() {
        let rows = [Row::pending("P14", "a row", "nothing measures it yet")];
        let was = Race { repeats: vec![2], ..Race::default() };
        let before = BTreeMap::from([("P15".to_owned(), (9.0, was))]);
        let saves = std::cell::RefCell::new(Vec::new());
        let done = measure(&rows, &PLAN, None, before, |done| {
            saves.borrow_mut().push(done.iter().map(|row| row.id).collect::<Vec<_>>());
            Ok(())
        });
        let done = done.expect("everything can be saved");
        assert_eq!(saves.into_inner(), [vec!["P15"], vec!["P14", "P15"]]);
        assert_eq!((done[1].seconds, &done[1].race.repeats[..]), (9.0, &[2][..]));
        let full = measure(&rows, &PLAN, None, BTreeMap::new(), |_| Err("disk full".to_owned()));
        assert_eq!(full.map(|_| ()), Err("disk full".to_owned()));
    }
}
