//! What a machine with few processors can tell of many: instructions per task, counted by
//! valgrind's callgrind at several numbers of workers.
//!
//! Each piece of work runs twice, the second time with twice as many tasks. The difference leaves
//! out what starting and ending cost. valgrind runs one thread at a time, so that no count says
//! anything of contention; a worker that looks for work in vain is counted with the others, as it
//! would be paid for. By its file and line, callgrind also tells what each file of the library
//! takes, if this program was built with line tables:
//! `CARGO_PROFILE_RELEASE_DEBUG=line-tables-only cargo targets counts`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process};

use clap::Args;

use crate::check::same;
use crate::measure::workers;
use crate::peers::{Millpond, Peer as _};

/// What is counted.
#[derive(Debug, Args)]
pub(crate) struct Course {
    /// The numbers of workers.
    #[arg(long, value_delimiter = ',', value_name = "N,N", default_values_t = [2_u16, 16, 64])]
    at: Vec<u16>,

    /// Only these pieces of work.
    #[arg(long, value_delimiter = ',', value_name = "NAME,NAME", default_values_t = WORKS.map(|work| work.0.to_owned()))]
    work: Vec<String>,
}

/// Each piece of work: its name, how often it is done, what it is, and how.
const WORKS: [(&str, u64, &str, fn(&Millpond, u64) -> u64); 4] = [
    ("submit", 20_000, "apply_async and get, a task at a time", one_by_one),
    ("flight", 20_000, "apply_async, a thousand in flight, and get", in_flight),
    ("map", 100_000, "an item of one map over all of them", map),
    ("maps", 64_000, "an item of maps of 64", maps),
];

fn one_by_one(pool: &Millpond, times: u64) -> u64 {
    (0..times).map(|i| pool.get(pool.submit(move || i))).sum()
}

fn in_flight(pool: &Millpond, times: u64) -> u64 {
    let round = |from: u64| {
        let to = (from + 1_000).min(times);
        let handles: Vec<_> = (from..to).map(|i| pool.submit(move || i)).collect();
        handles.into_iter().map(|handle| pool.get(handle)).sum::<u64>()
    };
    (0..times).step_by(1_000).map(round).sum()
}

fn map(pool: &Millpond, times: u64) -> u64 {
    pool.0.map(|i| i, 0..times).expect("no item here panics").into_iter().sum()
}

fn maps(pool: &Millpond, times: u64) -> u64 {
    let one = |from: u64| {
        let items = from..(from + 64).min(times);
        pool.0.map(|i| i, items).expect("no item here panics").into_iter().sum::<u64>()
    };
    (0..times).step_by(64).map(one).sum()
}

/// Does a piece of work so many times: what runs under valgrind.
///
/// # Errors
///
/// If there is no such work, or it comes to a wrong result.
pub(crate) fn work(name: &str, times: u64) -> Result<(), String> {
    let (.., run) = *find(name)?;
    let pool = Millpond::new(workers());
    // All threads have started by then.
    same("a result", &pool.get(pool.submit(|| 7_u64)), &7)?;
    let sum = run(&pool, times);
    pool.end();
    same("the sum of the results", &sum, &(times * (times - 1) / 2))
}

type Work = (&'static str, u64, &'static str, fn(&Millpond, u64) -> u64);

fn find(name: &str) -> Result<&'static Work, String> {
    static ALL: [Work; 4] = WORKS;
    let names = WORKS.map(|work| work.0).join(", ");
    let found = ALL.iter().find(|work| work.0 == name);
    found.ok_or_else(|| format!("there is no work {name:?}; there are {names}"))
}

impl Course {
    /// Counts, and tells in Markdown what came of it.
    ///
    /// # Errors
    ///
    /// If there is no such work, or a run under valgrind fails.
    pub(crate) fn run(&self) -> Result<String, String> {
        let works: Vec<&Work> =
            self.work.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
        if !is_there() {
            return Ok("No valgrind was found: nothing was counted.\n".to_owned());
        }
        let mut text = String::from(
            "Instructions, by valgrind: the difference of two runs, one with twice as many tasks.\n",
        );
        for (name, times, what, _) in works {
            _ = write!(
                text,
                "\n{name}: {what}\n\n| workers | per task | of these, in |\n|---:|---:|---|\n"
            );
            for workers in &self.at {
                eprintln!("{name}, {workers} workers");
                let [once, twice] = [1, 2].map(|n| count(name, n * times, *workers));
                let (once, twice) = (once?, twice?);
                let per = |all: u64, before: u64| (all as f64 - before as f64) / *times as f64;
                let mut files: Vec<_> = (twice.iter())
                    .map(|(file, all)| (file, per(*all, once.get(file).copied().unwrap_or(0))))
                    .collect();
                files.sort_by(|a, b| b.1.total_cmp(&a.1));
                let all: f64 = files.iter().map(|(_, per)| per).sum();
                let files: Vec<_> =
                    (files.iter().take(6)).map(|(file, per)| format!("{file} {per:.1}")).collect();
                _ = writeln!(text, "| {workers} | {all:.1} | {} |", files.join(" · "));
            }
        }
        Ok(text)
    }
}

fn is_there() -> bool {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// Instructions of a run, by source file.
fn count(name: &str, times: u64, workers: u16) -> Result<BTreeMap<String, u64>, String> {
    let this = env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let out = Scratch::new(name);
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--fair-sched=yes", "--max-threads=20000"]);
    command.arg(format!("--callgrind-out-file={}", out.0.display()));
    command.arg(this).args(["counted", name, &times.to_string()]);
    command.args(["--workers", &workers.to_string()]);
    let done = command.output().map_err(|error| format!("valgrind cannot be started: {error}"))?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{name} with {workers} workers, under valgrind: {}", why.trim()));
    }
    let profile = fs::read_to_string(&out.0).map_err(|error| format!("no profile: {error}"))?;
    Ok(by_file(&profile))
}

/// Where callgrind writes; gone when it has been read.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("millpond-counts-{}-{name}", process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

/// Adds up a profile of callgrind: the instructions of each source file, without those of the
/// functions that it calls. What the compiler has put into a function of ours from elsewhere, an
/// atomic load say, belongs to the file of ours before it. A file of ours has its path, others the
/// name of their crate or library alone.
fn by_file(profile: &str) -> BTreeMap<String, u64> {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    let (mut file, mut ours, mut all) = (String::new(), None, BTreeMap::new());
    let mut of_callee = false;
    for line in profile.lines() {
        if let Some((key, name)) = line.split_once('=').filter(|(key, _)| key.len() < 12) {
            if matches!(key, "fl" | "fi" | "fe" | "cfi" | "cfl") {
                // `(7) path` at its first mention, `(7)` from then on.
                let (number, path) = name.split_once(' ').unwrap_or((name, ""));
                if !path.is_empty() {
                    names.insert(number, short(path));
                }
                if !key.starts_with('c') {
                    file = names.get(number).cloned().unwrap_or_default();
                    ours = if file.starts_with("src/") { Some(file.clone()) } else { ours };
                }
            } else if key == "fn" {
                ours = Some(file.clone()).filter(|file| file.starts_with("src/"));
            }
            // The line that follows is what the callee took.
            of_callee = key == "calls";
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if let (false, Some(cost)) = (of_callee, cost) {
                *all.entry(ours.as_ref().unwrap_or(&file).clone()).or_insert(0) += cost;
            }
            of_callee = false;
        }
    }
    all
}

/// A path that people know.
fn short(path: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    // The compiler may call a file of ours by its path from the project's folder.
    let ours = here.and_then(|here| Path::new(path).strip_prefix(here).ok());
    if let Some(ours) = ours.or(Some(Path::new(path)).filter(|path| path.starts_with("src"))) {
        return ours.display().to_string();
    }
    // Of a registry or of the standard library: the crate's folder.
    let crate_of =
        |marker: &str| path.split_once(marker).and_then(|(_, rest)| rest.split('/').next());
    let registry = path.split("/registry/src/").nth(1).and_then(|rest| rest.split('/').nth(1));
    match registry.or_else(|| crate_of("/library/")) {
        Some(name) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_up_by_file_and_without_what_callees_took() {
        let profile = "\
events: Ir
fl=(1) /rustc/abc/library/core/src/cell.rs
fn=(1) main
16 20
fi=(2) /registry/src/index/crossbeam-deque-0.8.6/src/lib.rs
+3 5
fe=(1)
-1 7
cfn=(2) other
calls=1 50
16 400
17 1
cfi=(4) HERE/src/sched/queues.rs
cfn=(2) other
calls=1 50
16 9
fl=(4)
fn=(2) other
20 300
fi=(1)
20 100
";
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder");
        let profile = profile.replace("HERE", &here.display().to_string());
        let all = by_file(&profile);
        let of = |name: &str| all.get(name).copied();
        assert_eq!(of("core"), Some(28));
        assert_eq!(of("crossbeam-deque-0.8.6"), Some(5));
        // What was put in from elsewhere included.
        assert_eq!(of("src/sched/queues.rs"), Some(400));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn every_work_comes_to_its_sum() {
        for (name, ..) in WORKS {
            work(name, 1_500).expect(name);
        }
        assert!(work("nothing", 1).is_err());
    }
}
