//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::counts;
use crate::curve;
use crate::curve_page;
use crate::document::{Document, schema};
use crate::measure::{set_submitters, set_workers, submitters_asked_for, workers};
use crate::page::page;
use crate::percentiles::kept;
use crate::published;
use crate::race::{Answer, Plan};
use crate::row::{GROUPS, Runner};
use crate::rows;
use crate::run::{Asked, run};
use crate::saved::Reports;
use crate::select;
use crate::verdict::FEWEST;

/// Measures the performance targets, and says which are reached. Exit code 1 if one is missed, or
/// likely missed.
#[derive(Debug, Parser)]
#[command(name = "targets")]
pub(crate) struct Cli {
    /// Only these rows, or groups of rows; those with bounds, if nothing is said.
    #[arg(long, global = true, value_delimiter = ',', value_name = "P4,growth")]
    only: Vec<String>,

    /// Measure nothing: say of each row what must be reached, who takes part, and who does not.
    #[arg(long)]
    list: bool,

    /// Only a few rows and a few peers; the others, and the bounds on the best of them, are left out.
    #[arg(long, global = true)]
    quick: bool,

    /// All rows: those with bounds, and every group without.
    #[arg(long, global = true, conflicts_with_all = ["quick", "only"])]
    full: bool,

    /// Also write everything, each single figure included, to this file: after each row.
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Go on with the run that this JSON file is of: rows that it has are not measured again.
    #[arg(long, global = true, conflicts_with = "seed")]
    resume: bool,

    /// Also write a report with charts to this file: a page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// How many turns every contestant takes. Fewer than 6 say nothing.
    #[arg(long, global = true, default_value_t = FEWEST as u16, value_parser = clap::value_parser!(u16).range(FEWEST as i64..))]
    turns: u16,

    /// How many workers each pool has, unless a row is about their number: as many as there are
    /// processors, if nothing is said.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// How many threads submit from outside, in the rows that have several or a curve of them: four in
    /// P5 and one in the growth rows, if nothing is said.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    submitters: Option<u16>,

    /// What the order of the contestants follows from: a number at random, if nothing is said.
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,

    /// Where a Python is that is asked: the first of these that runs. If nothing is said, `python3.13`
    /// or else `python3` is looked for, and a run without either says so.
    #[arg(long, global = true, num_args = 1.., value_name = "PATH")]
    python: Vec<PathBuf>,

    /// Repeat a turn in which other processes had more than this share of the machine, up to three
    /// times; and if they still have, judge no time by it.
    #[arg(long, global = true, default_value_t = 0.05, value_name = "SHARE")]
    noise_limit: f64,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One contestant of one row, once: what the program executes itself as.
    #[command(hide = true)]
    Contestant { row: String, name: String },

    /// Measures a few rows with a few peers at several numbers of workers, writes one JSON file, and
    /// prints the page of it: for a machine with many processors.
    Curve {
        #[command(flatten)]
        course: curve::Course,
    },

    /// Counts instructions per task under valgrind, by the number of workers: what a machine with few
    /// processors can tell of many.
    Counts {
        #[command(flatten)]
        course: counts::Course,
    },

    /// A piece of work that is counted, done so many times: what the program executes itself as.
    #[command(hide = true)]
    Counted { work: String, times: u64 },

    /// Measures, and writes report.json, report.html and report.md into a folder. The first two are
    /// whole after each row.
    Measure {
        /// The folder. It is made if it is not there.
        #[arg(long, value_name = "DIR", default_value = "target/report")]
        out: PathBuf,
    },

    /// Makes of the JSON file of a run all that is committed of it: the file and its page in
    /// docs/benchmarks, docs/performance.md, and the table of the README. Prints what it has written.
    Publish { file: PathBuf },

    /// Prints the JSON Schema of the JSON file of a run.
    Schema,

    /// Makes report.html and report.md again from the JSON file of a run.
    Render {
        file: PathBuf,
        /// The folder that they go to: that of the file, if nothing is said.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },

    /// Compares two runs by their JSON files, and prints a page of Markdown. Exit code 1 if a ratio
    /// has become worse by more than the threshold and beyond its interval.
    Compare {
        old: PathBuf,
        new: PathBuf,
        /// By what share a ratio may change.
        #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
        threshold: f64,
    },

    /// Prints a page of Markdown, made from the JSON file of a run: what is committed in docs.
    Page {
        /// The file; the page calls it by its path below docs.
        file: PathBuf,
    },
}

/// Runs the program: `cargo targets`.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().after_help(select::index(&rows::all())).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(workers) = cli.workers {
        set_workers(usize::from(workers));
    }
    if let Some(submitters) = cli.submitters {
        set_submitters(usize::from(submitters));
    }
    if let Some(Command::Contestant { row, name }) = &cli.command {
        return contestant(row, name);
    }
    let print = |page| {
        print!("{page}");
        ExitCode::SUCCESS
    };
    let done = match &cli.command {
        Some(Command::Page { file }) => page_of(file).map(print),
        Some(Command::Curve { course }) => curve_of(&cli, course).map(print),
        Some(Command::Counts { course }) => course.run().map(print),
        Some(Command::Measure { out }) => {
            published::measure(out, |reports| run(cli.asked(reports)))
        }
        Some(Command::Publish { file }) => {
            let checkout = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
            published::publish(file, checkout).map(print)
        }
        Some(Command::Schema) => Ok(print(schema())),
        Some(Command::Render { file, out }) => published::render(file, out.as_deref()),
        Some(Command::Compare { old, new, threshold }) => published::compare(old, new, *threshold)
            .map(|(page, is_worse)| {
                print!("{page}");
                ExitCode::from(u8::from(is_worse))
            }),
        Some(Command::Counted { work, times }) => {
            counts::work(work, *times).map(|()| ExitCode::SUCCESS)
        }
        None if cli.list => list(&cli).map(print),
        _ => run(cli.asked(Reports { json: cli.json.as_deref(), html: cli.html.as_deref() })),
    };
    match done {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

impl Cli {
    fn plan(&self) -> Plan {
        Plan {
            turns: usize::from(self.turns),
            workers: workers(),
            submitters: submitters_asked_for(),
            // As many digits as every reader of JSON takes for the same number.
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..1 << 53)),
            noise_limit: self.noise_limit,
            quick: self.quick,
        }
    }

    fn asked<'a>(&'a self, reports: Reports<'a>) -> Asked<'a> {
        let all = || GROUPS.map(|(_, name, _)| name.to_owned()).to_vec();
        let only = if self.full { all() } else { self.only.clone() };
        Asked { only, plan: self.plan(), resume: self.resume, pythons: &self.python, reports }
    }
}

fn list(cli: &Cli) -> Result<String, String> {
    let rows = select::select(rows::all(), &cli.only)?;
    Ok(select::list(&select::quick(rows, cli.quick)))
}

fn curve_of(cli: &Cli, course: &curve::Course) -> Result<String, String> {
    let json = cli.json.as_deref().ok_or("a curve needs --json FILE, where its figures go")?;
    let rows = curve::Course::rows(&cli.only)?;
    course.run(&rows, &cli.plan(), &cli.python, json)?;
    page_of(json)
}

fn page_of(file: &Path) -> Result<String, String> {
    let cannot = |why: String| format!("cannot make a page of {}: {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
    let source = file.strip_prefix("docs").unwrap_or(file).display().to_string();
    let made = if curve_page::is_curve(&text) {
        curve_page::page(&text, &source)
    } else {
        Document::read(&text).map(|document| page(&document, &source))
    };
    made.map_err(cannot)
}

fn contestant(row: &str, name: &str) -> ExitCode {
    let run = rows::all().into_iter().find(|r| r.id == row).and_then(|row| {
        row.contestants.iter().find(|c| c.name == name).map(|contestant| contestant.runner)
    });
    let Some(Runner::Here(run)) = run else {
        eprintln!("row {row} has no contestant {name:?} here");
        return ExitCode::from(2);
    };
    // Whatever ends the run ends its contestant too, which would else go on beside the next run.
    _ = set_parent_process_death_signal(Some(Signal::KILL));
    let answer = match run() {
        Ok(figures) => Answer { figures: Some(figures), curves: kept(), error: None },
        Err(why) => Answer { error: Some(why), ..Answer::default() },
    };
    // On exit, the threads of pools that live for ever are ended with the process.
    match serde_json::to_writer(io::stdout(), &answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_its_help_has_every_row() {
        let mut command = Cli::command().after_help(select::index(&rows::all()));
        command.clone().debug_assert();
        let help = command.render_help().to_string();
        for row in rows::all() {
            assert!(help.contains(&format!("{:<4} {}", row.id, row.work)), "{}", row.id);
        }
    }

    #[test]
    fn rows_may_be_named_in_one_go_or_one_by_one() {
        let only =
            |args: &[&str]| Cli::try_parse_from(args).map(|cli| cli.only).unwrap_or_default();
        assert_eq!(only(&["targets", "--only", "P1,p4"]), ["P1", "p4"]);
        assert_eq!(only(&["targets", "--only", "P1", "--only", "p4"]), ["P1", "p4"]);
    }

    #[test]
    fn a_run_takes_six_turns_or_more_and_one_that_goes_on_keeps_its_seed() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["targets"], args].concat());
        assert_eq!(parse(&[]).map(|cli| usize::from(cli.turns)).ok(), Some(FEWEST));
        assert!(parse(&["--turns", "5"]).is_err() && parse(&["--turns", "6"]).is_ok());
        assert!(parse(&["--resume", "--json", "a.json"]).is_ok());
        assert!(parse(&["--resume", "--json", "a.json", "--seed", "1"]).is_err());
        assert!(
            parse(&["--full", "--quick"]).is_err() && parse(&["--full", "--only", "P1"]).is_err()
        );
        assert!(parse(&["--workers", "0"]).is_err());
        let nested = parse(&["contestant", "P1", "rayon", "--workers", "16"]);
        assert_eq!(nested.map(|cli| cli.workers).ok(), Some(Some(16)));
    }
}
