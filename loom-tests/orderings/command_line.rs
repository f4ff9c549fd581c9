//! The command line.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::Refusal;

pub(crate) const HELP: &str = "\
Weakens each memory ordering of the library in its turn, and runs the models of
the protocols until one objects. Ends with
`orderings: N mutants, N killed, N allowed, N survived`, and fails if one survived.

usage: cargo orderings [--only SUBSTRING] [--list] [--jobs N] [--verbose]

  --only SUBSTRING  only mutants whose line in the list contains this
  --list            print the mutants, and run nothing
  --jobs N          so many models at a time; one per processor if not given
  --verbose         also print what was killed, by which model and why
  --help            print this

A mutant that no model can refuse stands in loom-tests/orderings/allowed.txt, with
the reason, and has a second witness in loom-tests/orderings/README.md. An entry
that no survivor needs fails the lane. results.txt below the target folder says, as
the lane goes, what became of each mutant. About 15 minutes on two processors.";

pub(crate) enum Command {
    Help,
    Run(Options),
}

pub(crate) struct Options {
    pub(crate) only: Option<String>,
    pub(crate) list: bool,
    pub(crate) jobs: usize,
    pub(crate) verbose: bool,
}

impl Options {
    pub(crate) fn from_arguments() -> Result<Command, Refusal> {
        let jobs = available_parallelism().map_or(1, NonZeroUsize::get);
        let mut options = Self { only: None, list: false, jobs, verbose: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
            match argument.as_str() {
                "--only" => options.only = Some(value()?),
                "--list" => options.list = true,
                "--jobs" => {
                    options.jobs = value()?
                        .parse()
                        .ok()
                        .filter(|&jobs| jobs > 0)
                        .ok_or("--jobs needs a number over 0")?;
                }
                "--verbose" => options.verbose = true,
                "--help" | "-h" => return Ok(Command::Help),
                _ => return Err(format!("what is {argument}?\n\n{HELP}")),
            }
        }
        Ok(Command::Run(options))
    }
}
