//! `cargo losses [--lost] [--from FOLDER]`: where a peer is faster than millpond, by what `cargo bench` measured last.
//!
//! Reads the medians, with their confidence intervals, that criterion keeps of each contestant of each row
//! (`target/criterion/<group>/<contestant>[/<parameter>]/new/estimates.json`), and divides each by ours of the same row. The
//! interval of a quotient is as wide as those of both medians allow. What is called "sequential" is no pool and left out. Rows
//! that no longer exist stay until the folder is deleted; the tables of the benches `latency` and `allocation` are not
//! there.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use millpond_bench::peers::OURS;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Says where a peer is faster than millpond, by what `cargo bench -p millpond-bench` measured last.
#[derive(Debug, Parser)]
#[command(name = "losses")]
struct Cli {
    /// Only rows that are lost: those in which the peer is faster by the whole interval.
    #[arg(long)]
    lost: bool,

    /// Where criterion keeps its figures.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
}

/// Criterion's `benchmark.json`.
#[derive(Debug, Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

/// Criterion's `estimates.json`, in nanoseconds.
#[derive(Debug, Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Bounds,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Bounds {
    lower_bound: f64,
    upper_bound: f64,
}

/// Group and parameter: the contestants' medians by name.
type Rows = BTreeMap<(String, String), BTreeMap<String, Estimate>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The peer is faster, by the whole interval.
    Lost,
    /// One of them is faster.
    Undecided,
    Won,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Undecided => "undecided",
            Self::Won => "won",
        })
    }
}

/// A peer's time divided by ours.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ratio {
    low: f64,
    median: f64,
    high: f64,
}

impl Ratio {
    fn of(theirs: Estimate, ours: Estimate) -> Self {
        let (their, our) = (theirs.confidence_interval, ours.confidence_interval);
        Self {
            low: their.lower_bound / our.upper_bound,
            median: theirs.point_estimate / ours.point_estimate,
            high: their.upper_bound / our.lower_bound,
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self { high, .. } if high < 1.0 => Verdict::Lost,
            Self { low, .. } if low > 1.0 => Verdict::Won,
            _ => Verdict::Undecided,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let folder = cli.from.or_else(criterion_home).unwrap_or_else(|| "target/criterion".into());
    let mut rows = Rows::new();
    match read(&folder, &mut rows) {
        Ok(()) if rows.is_empty() => {
            eprintln!("nothing was measured yet: there is nothing in {}", folder.display());
            ExitCode::from(2)
        }
        Ok(()) => {
            println!("{}", table(&rows, cli.lost));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot read {}: {error}", folder.display());
            ExitCode::from(2)
        }
    }
}

/// Where criterion writes: as the environment says, or beside the folder that this program was built into.
fn criterion_home() -> Option<PathBuf> {
    let beside = || Some(env::current_exe().ok()?.parent()?.parent()?.join("criterion"));
    env::var_os("CRITERION_HOME").map(PathBuf::from).or_else(beside)
}

/// Adds the medians in all folders called `new`, however deep.
fn read(folder: &Path, rows: &mut Rows) -> io::Result<()> {
    if folder.file_name().is_some_and(|name| name == "new") {
        let Benchmark { group_id, function_id, value_str } = json(&folder.join("benchmark.json"))?;
        let Estimates { median } = json(&folder.join("estimates.json"))?;
        let row = rows.entry((group_id, value_str.unwrap_or_default())).or_default();
        row.insert(function_id.unwrap_or_default(), median);
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read(&entry.path(), rows)?;
        }
    }
    Ok(())
}

fn json<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?)
}

/// One line of the table.
struct Line<'a> {
    group: &'a str,
    parameter: &'a str,
    peer: &'a str,
    theirs: Estimate,
    ours: Estimate,
    ratio: Ratio,
}

/// All rows that we are in, against each peer.
fn lines(rows: &Rows) -> impl Iterator<Item = Line<'_>> {
    let with_ours = rows.iter().filter_map(|(row, all)| Some((row, all, *all.get(OURS)?)));
    with_ours.flat_map(|((group, parameter), all, ours)| {
        let peers = all.iter().filter(|(name, _)| ![OURS, "sequential"].contains(&name.as_str()));
        peers.map(move |(peer, &theirs)| Line {
            group,
            parameter,
            peer,
            theirs,
            ours,
            ratio: Ratio::of(theirs, ours),
        })
    })
}

/// The worst first.
fn table(rows: &Rows, only_lost: bool) -> Table {
    let mut lines: Vec<_> = lines(rows).collect();
    lines.retain(|line| !only_lost || line.ratio.verdict() == Verdict::Lost);
    lines.sort_by(|a, b| {
        let by_ratio = a.ratio.median.total_cmp(&b.ratio.median);
        a.ratio.verdict().cmp(&b.ratio.verdict()).then(by_ratio)
    });
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "group", "at", "peer", "theirs", "ours", "theirs ÷ ours (95 %)"]);
    for Line { group, parameter, peer, theirs, ours, ratio } in lines {
        let Ratio { low, median, high } = ratio;
        let cells =
            [ratio.verdict().to_string(), group.to_owned(), parameter.to_owned(), peer.to_owned()];
        let figures = [time(theirs), time(ours), format!("{median:.2} ({low:.2}..{high:.2})")];
        table.add_row(cells.into_iter().chain(figures));
    }
    for column in table.column_iter_mut().skip(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn time(estimate: Estimate) -> String {
    format!("{:.1?}", Duration::from_secs_f64(estimate.point_estimate * 1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(lower_bound: f64, point_estimate: f64, upper_bound: f64) -> Estimate {
        Estimate { point_estimate, confidence_interval: Bounds { lower_bound, upper_bound } }
    }

    #[test]
    fn a_row_is_lost_only_by_the_whole_interval() {
        let ours = estimate(9.0, 10.0, 11.0);
        let against = |theirs| Ratio::of(theirs, ours).verdict();
        assert_eq!(against(estimate(7.0, 8.0, 8.9)), Verdict::Lost);
        assert_eq!(against(estimate(7.0, 8.0, 9.1)), Verdict::Undecided);
        assert_eq!(against(estimate(10.9, 12.0, 13.0)), Verdict::Undecided);
        assert_eq!(against(estimate(11.1, 12.0, 13.0)), Verdict::Won);
    }

    #[test]
    fn ours_is_compared_with_the_pools_of_its_own_row() {
        let row = |group: &str, all: &[(&str, f64)]| {
            let all =
                all.iter().map(|&(name, at)| (name.to_owned(), estimate(at, at, at))).collect();
            ((group.to_owned(), String::new()), all)
        };
        let rows = Rows::from([
            row("apply", &[(OURS, 10.0), ("rayon", 5.0), ("sequential", 1.0)]),
            row("map", &[(OURS, 10.0), ("rayon", 40.0)]),
            row("not ours", &[("rayon", 40.0)]),
        ]);
        let found: Vec<_> =
            lines(&rows).map(|line| (line.group, line.peer, line.ratio.median)).collect();
        assert_eq!(found, [("apply", "rayon", 0.5), ("map", "rayon", 4.0)]);
    }
}
