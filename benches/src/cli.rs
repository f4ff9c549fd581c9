//! The command line.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::done::Done;
use crate::html;
use crate::json::Everything;
use crate::judge::{Line, Verdict, line};
use crate::machine::Circumstances;
use crate::measure::time;
use crate::progress::{Progress, minutes};
use crate::python::Python;
use crate::race::{Answer, race};
use crate::report;
use crate::row::{Row, Runner};
use crate::rows;
use crate::select;

/// Measures the performance targets, and says which are reached. Exit code 1 if one is missed.
#[derive(Debug, Parser)]
#[command(name = "targets")]
struct Cli {
    /// Only these rows.
    #[arg(long, value_delimiter = ',', value_name = "P4,P7")]
    only: Vec<String>,

    /// Measure nothing: say of each row what must be reached, who takes part, and who does not.
    #[arg(long)]
    list: bool,

    /// Also write everything, each single figure included, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Also write a report with charts to this file: a page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

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

/// Runs the program: `cargo targets`.
#[must_use]
pub fn main() -> ExitCode {
    let matches = Cli::command().after_help(select::index(&rows::all())).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(Command::Contestant { row, name }) = &cli.command {
        return contestant(row, name);
    }
    match run(&cli) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, String> {
    let rows = select::select(rows::all(), &cli.only)?;
    if cli.list {
        print!("{}", select::list(&rows));
        return Ok(ExitCode::SUCCESS);
    }
    // Before anything is measured: a quarter of an hour later is too late to find out.
    let json = cli.json.as_deref().map(create).transpose()?;
    let html = cli.html.as_deref().map(create).transpose()?;
    let python = Python::find();
    let circumstances = Circumstances::now(python.as_ref());
    println!("{circumstances}");
    let done = measure(&rows, cli, python.as_ref());
    println!("{}", report::table(&done));
    print!("{}", report::losses(&done));
    print!("{}", report::notes(&done, cli.noise_limit));
    if let Some((path, file)) = json {
        let everything = Everything::new(&circumstances, cli.rounds, cli.noise_limit, &done);
        everything.write(file).map_err(|error| cannot_write(path, &error))?;
    }
    if let Some((path, mut file)) = html {
        let page = html::page(&circumstances, cli.rounds, cli.noise_limit, &done);
        file.write_all(page.as_bytes()).map_err(|error| cannot_write(path, &error))?;
    }
    let missed = |line: &Line| line.judged.iter().any(|judged| judged.verdict == Verdict::Missed);
    Ok(ExitCode::from(u8::from(done.iter().flat_map(|row| &row.lines).any(missed))))
}

fn measure(rows: &[Row], cli: &Cli, python: Option<&Python>) -> Vec<Done> {
    let mut progress = Progress::new(rows, usize::from(cli.rounds));
    let mut done = Vec::new();
    for row in rows {
        progress.begin(row);
        let (race, nanos) = time(|| race(row, usize::from(cli.rounds), python));
        let lines =
            row.measures.iter().map(|measure| line(row, measure, &race, cli.noise_limit)).collect();
        let (id, work, missing) = (row.id, row.work, row.missing.clone());
        done.push(Done { id, work, seconds: nanos / 1e9, lines, missing, race });
        progress.done(row);
    }
    eprintln!("{} in all", minutes(progress.elapsed()));
    done
}

fn create(path: &Path) -> Result<(&Path, File), String> {
    File::create(path).map(|file| (path, file)).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

fn contestant(row: &str, name: &str) -> ExitCode {
    let run = rows::all().into_iter().find(|r| r.id == row).and_then(|row| {
        row.contestants.iter().find(|c| c.name == name).map(|contestant| contestant.runner)
    });
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
        assert!(Cli::try_parse_from(["targets", "--rounds", "0"]).is_err());
    }
}
