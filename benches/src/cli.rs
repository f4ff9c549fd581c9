//! The command line.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::judge::{Line, Verdict, line};
use crate::python::Python;
use crate::race::{Answer, Race, race};
use crate::report::{self, Machine};
use crate::row::{Role, Row, Runner};
use crate::rows;

/// Measures the performance targets, and says which are reached. Exit code 1 if one is missed.
#[derive(Debug, Parser)]
#[command(name = "targets")]
struct Cli {
    /// Only these rows.
    #[arg(long, value_delimiter = ',', value_name = "P4,P7")]
    only: Vec<String>,

    /// Also write everything, each single figure included, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// How often every contestant takes two turns. From 3 on an interval holds the median with 95 % probability.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Judge no time while other processes have more than this share of the machine.
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    noise_limit: f64,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One contestant of one row, once: what the program executes itself as.
    #[command(hide = true)]
    Contestant { row: String, name: String },
}

/// What is known of a row in the end.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) id: &'static str,
    pub(crate) work: &'static str,
    pub(crate) lines: Vec<Line>,
    /// Contestants that are reported and never the best peer.
    pub(crate) beside: Vec<&'static str>,
    pub(crate) missing: Vec<&'static str>,
    pub(crate) race: Race,
}

#[derive(Debug, Serialize)]
struct Everything<'a> {
    machine: &'a Machine,
    rounds: u16,
    rows: &'a [Done],
}

/// Runs the program: `cargo targets`.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Contestant { row, name }) = &cli.command {
        return contestant(row, name);
    }
    let all = rows::all();
    if let Some(unknown) = cli.only.iter().find(|id| !all.iter().any(|row| row.id.eq_ignore_ascii_case(id))) {
        eprintln!("there is no row {unknown}");
        return ExitCode::from(2);
    }
    let python = Python::find();
    let machine = Machine::here(python.as_ref());
    println!("{machine}");
    let wanted =
        |row: &&Row| cli.only.is_empty() || cli.only.iter().any(|id| row.id.eq_ignore_ascii_case(id));
    let mut done = Vec::new();
    for row in all.iter().filter(wanted) {
        eprintln!("{} …", row.id);
        let race = race(row, usize::from(cli.rounds), python.as_ref());
        let lines = row.measures.iter().map(|measure| line(row, measure, &race, cli.noise_limit)).collect();
        let beside = row
            .contestants
            .iter()
            .filter(|c| matches!(c.role, Role::Beside | Role::Baseline))
            .map(|c| c.name)
            .collect();
        done.push(Done { id: row.id, work: row.work, lines, beside, missing: row.missing.clone(), race });
    }
    println!("{}", report::table(&done));
    print!("{}", report::notes(&done, cli.noise_limit));
    if let Some(path) = &cli.json {
        let everything = Everything { machine: &machine, rounds: cli.rounds, rows: &done };
        let written = File::create(path)
            .and_then(|file| Ok(serde_json::to_writer_pretty(BufWriter::new(file), &everything)?));
        if let Err(error) = written {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::from(2);
        }
    }
    let missed = |line: &Line| line.judged.iter().any(|judged| judged.verdict == Verdict::Missed);
    ExitCode::from(u8::from(done.iter().flat_map(|row| &row.lines).any(missed)))
}

fn contestant(row: &str, name: &str) -> ExitCode {
    let run = rows::all()
        .into_iter()
        .find(|r| r.id == row)
        .and_then(|row| row.contestants.iter().find(|c| c.name == name).map(|contestant| contestant.runner));
    let Some(Runner::Here(run)) = run else {
        eprintln!("row {row} has no contestant {name:?} here");
        return ExitCode::from(2);
    };
    let answer = match run() {
        Ok(figures) => Answer::Figures(figures),
        Err(why) => Answer::Error(why),
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
