//! `cargo orderings`: weakens every memory ordering of the library, one at a time, and demands that a model objects.
//!
//! A **site** is an `Ordering::…` or a `fence(…)` of the library outside the room `sync`; a **mutant** is one site with a weaker
//! ordering, or without its fence. A mutant is killed by the first model that fails, aborts or takes too long, and survives if
//! none does. What may survive stands in `allowed.txt`, with the reason.
//!
//! One build serves all mutants: in a scratch copy of the repository every ordering asks at run time which mutant it is
//! (`mutant.rs`). The unchanged copy is run first; that says how long each model takes, and which sites it comes by.

mod allowed;
mod command_line;
mod copy;
mod model;
mod parallel;
mod results;
mod sites;
mod trial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use allowed::Allowed;
use command_line::{Command, Options};
use model::Models;
use results::{Results, Tally};
use sites::{Mutant, Site};

/// Why the lane could not be run, in a sentence.
type Refusal = String;

fn main() -> ExitCode {
    let done = Options::from_arguments().and_then(|command| match command {
        Command::Help => {
            println!("{}", command_line::HELP);
            Ok(true)
        }
        Command::Run(options) => run(&options),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("orderings: {why}");
            ExitCode::from(2)
        }
    }
}

/// Whether no mutant survived that should not.
fn run(options: &Options) -> Result<bool, Refusal> {
    // The package of this program is the lane, two folders below the root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let root = root.expect("the lane lies in the repository");
    let sites = sites::find(root)?;
    let wanted: Vec<_> =
        sites.iter().flat_map(Site::mutants).filter(|mutant| options.wants(mutant)).collect();
    let allowed = Allowed::read(&root.join("loom-tests/orderings/allowed.txt"))?;
    if options.list {
        wanted.iter().for_each(|mutant| println!("{mutant}"));
        println!("{}", summary(&sites));
        return Ok(true);
    }

    let scratch = scratch()?;
    let executable = copy::build(root, &scratch, &sites)?;
    let models = Models::measured(executable, &scratch, options.jobs)?;
    let results = Results::create(&scratch.join("results.txt"), options.verbose)?;
    eprintln!("orderings: {} mutants, {} models; {}", wanted.len(), models.len(), results.place());
    let fates = trial::all(&wanted, &models, options.jobs, &allowed, &results);

    let tally = Tally::of(&fates);
    let unused = allowed.unused(&fates, options.only.is_none());
    for line in &unused {
        println!("unused: allowed.txt:{line} names no surviving mutant");
    }
    let too_many = tally.allowed * 10 > tally.mutants && options.only.is_none();
    if too_many {
        println!("too many are allowed: {} of {}", tally.allowed, tally.mutants);
    }
    println!("{}", summary(&sites));
    println!("{tally}");
    Ok(tally.survived == 0 && unused.is_empty() && !too_many)
}

fn summary(sites: &[Site]) -> String {
    let relaxed = sites.iter().filter(|site| site.weaker().is_empty()).count();
    format!("sites: {}, of which {relaxed} are Relaxed already", sites.len())
}

/// A folder beside what cargo has built.
fn scratch() -> Result<PathBuf, Refusal> {
    let program =
        env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let target = program.ancestors().nth(2).ok_or("this program lies in no target folder")?;
    let scratch = target.join("orderings");
    fs::create_dir_all(&scratch)
        .map_err(|error| format!("cannot make {}: {error}", scratch.display()))?;
    Ok(scratch)
}

/// For errors of the file system: what was to be done with which file.
fn refused<T>(done: std::io::Result<T>, what: &str, path: &Path) -> Result<T, Refusal> {
    done.map_err(|error| format!("cannot {what} {}: {error}", path.display()))
}

impl Options {
    fn wants(&self, mutant: &Mutant<'_>) -> bool {
        self.only.as_ref().is_none_or(|part| mutant.to_string().contains(part))
    }
}
