//! `cargo models`: runs the models, each in a process of its own, the longest first, and keeps the tables of the README.
//!
//! loom maps the stacks of a model anew in each execution. In one process the models that run side by side wait for each
//! other there: `cargo test` takes more than twice as long for them.
//!
//! A model that a limit has stopped is INCOMPLETE: it is neither passed nor failed, and the lane fails.

mod command_line;
mod program;
mod said;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use command_line::{Command, Options};
use program::{End, Program, Run};
use table::Table;

/// Why the lane could not be run, in a sentence.
type Refusal = String;

fn main() -> ExitCode {
    let done = match command_line::read(std::env::args().skip(1)) {
        Ok(Command::Help) => {
            println!("{}", command_line::HELP);
            Ok(true)
        }
        Ok(Command::Run(options)) => run(&options),
        Err(why) => Err(why),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(why) => {
            eprintln!("models: {why}");
            ExitCode::from(2)
        }
    }
}

/// Whether every model has passed, and the tables are fresh.
fn run(options: &Options) -> Result<bool, Refusal> {
    let lane = Path::new(env!("CARGO_MANIFEST_DIR"));
    let member = lane.parent().expect("the lane lies in the member");
    let page = member.join("README.md");
    let text = std::fs::read_to_string(&page)
        .map_err(|error| format!("cannot read {}: {error}", page.display()))?;
    let written = Table::read(&text);
    let program = Program::build(member)?;
    let mut tests = program.tests(&options.names)?;
    if tests.is_empty() {
        return Err(format!("no model has {} in its name", options.names.join(" or ")));
    }
    // The table knows how long each took. What it does not know may be long too.
    tests.sort_by_key(|test| (std::cmp::Reverse(written.tenths_of(test)), test.clone()));
    let began = Instant::now();
    let runs = all(&program, &tests, options);
    let (passed, failed, incomplete) = counts(&runs);
    for run in runs.iter().filter(|run| matches!(run.end, End::Failed)) {
        println!("\n== {}\n{}", run.test, run.said.trim_end());
    }
    for run in runs.iter().filter(|run| matches!(run.end, End::Incomplete)) {
        println!("INCOMPLETE: {}", run.test);
    }
    println!(
        "models: {passed} of {} passed, {failed} failed, {incomplete} incomplete, {} at a time, {} s",
        tests.len(),
        options.jobs,
        began.elapsed().as_secs()
    );
    if passed < tests.len() {
        return Ok(false);
    }
    let found = Table::of(runs.iter().map(|run| (run.test.as_str(), run.said.as_str())));
    // A long run has other bounds, and some of the models are not the table.
    if options.long || !options.names.is_empty() {
        return Ok(true);
    }
    if options.table {
        std::fs::write(&page, found.put_into(&text)?)
            .map_err(|error| format!("cannot write {}: {error}", page.display()))?;
        println!("models: the tables of {} are written", page.display());
        return Ok(true);
    }
    let stale = written.differences(&found);
    for line in &stale {
        println!("stale: {line}");
    }
    if !stale.is_empty() {
        println!("models: the tables of loom-tests/README.md are stale: `cargo models --table`");
    }
    Ok(stale.is_empty())
}

fn counts(runs: &[Run]) -> (usize, usize, usize) {
    let of = |is: fn(&End) -> bool| runs.iter().filter(|run| is(&run.end)).count();
    (
        of(|end| matches!(end, End::Passed)),
        of(|end| matches!(end, End::Failed)),
        of(|end| matches!(end, End::Incomplete)),
    )
}

/// Runs the tests, several at a time, and says what each has said as it ends.
fn all(program: &Program, tests: &[String], options: &Options) -> Vec<Run> {
    let (next, ended, runs) = (AtomicUsize::new(0), Mutex::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = program.run(test, options);
            let mut ended = ended.lock().expect("no thread panics holding it");
            *ended += 1;
            report(&run, *ended, tests.len(), options.nocapture);
            runs.lock().expect("no thread panics holding it").push(run);
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.min(tests.len()) {
            scope.spawn(work);
        }
    });
    runs.into_inner().expect("no thread panics holding it")
}

fn report(run: &Run, at: usize, of: usize, everything: bool) {
    let end = match run.end {
        End::Passed => "",
        End::Failed => " FAILED",
        End::Incomplete => " INCOMPLETE",
    };
    println!("[{at} of {of}] {}{end}, {}", run.test, seconds(run.took));
    if everything {
        print!("{}", run.said);
    } else {
        for line in run.said.lines().filter(|line| said::Line::parse(line).is_some()) {
            println!("    {line}");
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
