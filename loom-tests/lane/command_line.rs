//! The command line.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use crate::Refusal;

pub(crate) const HELP: &str = "\
Runs the models of the protocols, each in a process of its own, the longest first.

usage: cargo models [NAME…] [--table] [--long] [--limit MINUTES] [--jobs N] [--nocapture]

  NAME             only the tests with NAME in their paths; of several names, any
  --table          write the tables of loom-tests/README.md anew
  --long           each bound raised by one, as with MILLPOND_MODELS=long
  --limit MINUTES  a model that takes longer says INCOMPLETE, and after how many
                   executions; 0.5 is half a minute
  --jobs N         so many models at a time; one per processor if not given
  --nocapture      print everything that the models print; `-- --nocapture` does too

Without a name, all models run, and the lane fails if the tables are stale: the
names, threads, executions and bounds, not the seconds. A long run compares nothing.";

pub(crate) enum Command {
    Help,
    Run(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) names: Vec<String>,
    pub(crate) table: bool,
    pub(crate) long: bool,
    /// Seconds.
    pub(crate) limit: Option<f64>,
    pub(crate) jobs: usize,
    pub(crate) nocapture: bool,
}

pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Command, Refusal> {
    let mut options = Options {
        names: Vec::new(),
        table: false,
        long: std::env::var_os("MILLPOND_MODELS").is_some_and(|lane| lane == "long"),
        limit: None,
        jobs: available_parallelism().map_or(1, NonZeroUsize::get),
        nocapture: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--table" => options.table = true,
            "--long" => options.long = true,
            "--limit" => {
                let minutes = value()?
                    .parse()
                    .ok()
                    .filter(|minutes: &f64| minutes.is_finite() && *minutes > 0.0);
                options.limit = Some(minutes.ok_or("--limit needs minutes, over 0")? * 60.0);
            }
            "--jobs" => {
                let jobs = value()?.parse().ok().filter(|&jobs| jobs > 0);
                options.jobs = jobs.ok_or("--jobs needs a number over 0")?;
            }
            "--nocapture" => options.nocapture = true,
            "--" => {}
            _ if argument.starts_with('-') => {
                return Err(format!("what is {argument}?\n\n{HELP}"));
            }
            _ => options.names.push(argument),
        }
    }
    if options.table && (options.long || !options.names.is_empty()) {
        return Err("--table needs all models, with their usual bounds".into());
    }
    Ok(Command::Run(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Command, Refusal> {
        read(arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[test]
    fn names_and_options_may_stand_in_any_order() {
        let Ok(Command::Run(options)) =
            options(&["sched", "--limit", "0.5", "fed", "--jobs", "3", "--", "--nocapture"])
        else {
            panic!("they are well formed");
        };
        assert_eq!(options.names, ["sched", "fed"]);
        assert_eq!((options.limit, options.jobs), (Some(30.0), 3));
        assert!(options.nocapture && !options.table);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            &["--what"][..],
            &["--limit"],
            &["--limit", "0"],
            &["--jobs", "no"],
            &["--table", "sched"],
            &["--table", "--long"],
        ] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
        assert!(matches!(options(&["--help"]), Ok(Command::Help)));
    }
}
