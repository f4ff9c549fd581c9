//! A run: rows are measured one after the other, judged, saved as they are done, and told in the end.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::document::Document;
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
use crate::saved::{Reports, Saved, end};
use crate::select;

/// What a run is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The rows, or groups of rows; those with bounds, if nothing is said.
    pub(crate) only: Vec<String>,
    pub(crate) plan: Plan,
    /// Whether to go on with the run that the JSON file is of. That run's seed counts then.
    pub(crate) resume: bool,
    /// Where a Python may be; the usual names, if nothing is said.
    pub(crate) pythons: &'a [PathBuf],
    pub(crate) reports: Reports<'a>,
}

/// The exit code of a process that an interrupt has ended, as shells count.
const INTERRUPTED: i32 = 130;

/// Measures, judges and tells, and writes the reports that are asked for.
///
/// # Errors
///
/// If there is no such row, a report cannot be written, no Python runs where one should, or the run
/// that is to go on was another one.
pub(crate) fn run(asked: Asked<'_>) -> Result<ExitCode, String> {
    let Asked { only, mut plan, resume, pythons, reports } = asked;
    let rows = select::quick(select::select(rows::all(), &only)?, plan.quick);
    let saved = match (resume, reports.json) {
        (true, Some(json)) => Some(Saved::read(json)?),
        (true, None) => {
            return Err("a run goes on with a file: --resume needs --json FILE".to_owned());
        }
        (false, _) => None,
    };
    let python = Python::find(pythons)?;
    let mut circumstances = Circumstances::now(python.as_ref());
    let mut before = vec![];
    if let Some(saved) = saved {
        plan.seed = saved.document.plan.seed;
        saved.same_as(&circumstances, &plan)?;
        circumstances = saved.document.circumstances;
        before = saved.document.rows;
    }
    println!("{circumstances}");
    println!("{plan}");
    say_where_to_go_on(&reports);
    let done = measure(&rows, &plan, python.as_ref(), before, |done| {
        reports.save(&Document::new(circumstances.clone(), plan, done.to_vec()))
    })?;
    println!("{}", report::table(&done));
    print!("{}", report::losses(&done));
    print!("{}", report::notes(&done, &plan));
    let lost = |line: &Line| line.judged.iter().any(|judged| judged.verdict.is_loss());
    Ok(ExitCode::from(u8::from(done.iter().flat_map(|row| &row.lines).any(lost))))
}

/// An interrupt ends the run between two files, and says how to go on.
fn say_where_to_go_on(reports: &Reports<'_>) {
    let how = match reports.json {
        Some(json) => {
            format!("the rows that are done stand in {}, and --resume goes on", json.display())
        }
        None => "nothing was saved, for want of --json FILE".to_owned(),
    };
    // There is a handler already if another run of this process, a test, has set one.
    _ = ctrlc::set_handler(move || {
        eprintln!("interrupted: {how}");
        end(INTERRUPTED)
    });
}

/// Measures the rows that are not measured yet; after each, and once before the first, `save` gets
/// what is known so far, in the rows' order.
fn measure(
    rows: &[Row],
    plan: &Plan,
    python: Option<&Python>,
    before: Vec<Done>,
    save: impl Fn(&[Done]) -> Result<(), String>,
) -> Result<Vec<Done>, String> {
    // Rows that were not asked for now, but were then, stay in the report.
    let all = rows::all();
    let place = |done: &Done| all.iter().position(|row| row.id == done.id);
    let mut done = before;
    // A quarter of an hour later would be too late to find out that it cannot be written.
    save(&done)?;
    let is_new = |row: &&Row| !done.iter().any(|done| done.id == row.id);
    let rows: Vec<&Row> = rows.iter().filter(is_new).collect();
    let mut progress = Progress::new(&rows, plan.turns);
    for row in rows {
        progress.begin(row);
        let (race, nanos) = time(|| race(row, plan, python));
        done.push(judged(row, plan, nanos / 1e9, race));
        done.sort_by_key(place);
        save(&done)?;
        progress.done(row);
    }
    eprintln!("{} in all", minutes(progress.elapsed()));
    Ok(done)
}

fn judged(row: &Row, plan: &Plan, seconds: f64, race: Race) -> Done {
    let lines = row.measures.iter().map(|measure| line(row, measure, &race, plan.noise_limit));
    let missing = row.missing.iter().map(|why| (*why).to_owned()).collect();
    let (id, work) = (row.id.to_owned(), row.work.to_owned());
    Done { id, work, seconds, lines: lines.collect(), missing, race }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::PLAN;
    use crate::report::tests::done;

    #[test]
    fn a_run_goes_on_only_with_a_file() {
        let reports = Reports { json: None, html: None };
        let alone = run(Asked { only: vec![], plan: PLAN, resume: true, pythons: &[], reports });
        let why = "a run goes on with a file: --resume needs --json FILE";
        assert_eq!(alone.map(|_| ()), Err(why.to_owned()));
    }

    #[test]
    fn a_run_that_goes_on_measures_what_is_missing_and_keeps_the_rest() {
        let rows = [Row::pending("P14", "a row", "nothing measures it yet")];
        let before = vec![Done { seconds: 9.0, ..done("P15") }];
        let saves = std::cell::RefCell::new(Vec::new());
        let all = measure(&rows, &PLAN, None, before.clone(), |done| {
            let ids = done.iter().map(|row| row.id.clone());
            saves.borrow_mut().push(ids.collect::<Vec<_>>().join(" "));
            Ok(())
        });
        let all = all.expect("everything can be saved");
        assert_eq!(saves.into_inner(), ["P15", "P14 P15"]);
        assert_eq!(all[1], before[0], "as it was");
        let full = measure(&rows, &PLAN, None, vec![], |_| Err("disk full".to_owned()));
        assert_eq!(full.map(|_| ()), Err("disk full".to_owned()));
    }
}
