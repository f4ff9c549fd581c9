//! The table, and what must be said beside it.

use std::fmt::{self, Write as _};
use std::thread::available_parallelism;

use comfy_table::presets::UTF8_FULL;
use comfy_table::{ContentArrangement, Table};
use procfs::{CpuInfo, Current};
use serde::Serialize;

use crate::cli::Done;
use crate::judge::{Interval, Judged, Line, Verdict};
use crate::peers::KNOWN;
use crate::python::Python;
use crate::row::Unit;

/// Where this was measured. Figures of two machines, and of two runs, are not to be compared; ratios are.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
    python: Option<String>,
    /// Peers and their versions.
    peers: Vec<String>,
}

/// Name and version of each peer, from the lock file that this was built with.
fn peers() -> Vec<String> {
    const LOCK: &str = include_str!("../../Cargo.lock");
    let packages = LOCK.split("[[package]]").map(|package| {
        let value =
            |key: &str| package.lines().find_map(|line| line.strip_prefix(key)).map(|v| v.trim_matches('"'));
        (value("name = ").unwrap_or(""), value("version = ").unwrap_or(""))
    });
    packages
        .filter(|(name, _)| KNOWN.iter().any(|peer| peer.package == Some(name)))
        .map(|(name, version)| format!("{name} {version}"))
        .collect()
}

impl Machine {
    pub(crate) fn here(python: Option<&Python>) -> Self {
        let processor = CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
        let kernel =
            procfs::sys::kernel::Version::current().map(|v| format!("{}.{}.{}", v.major, v.minor, v.patch));
        Self {
            cores: available_parallelism().map_or(1, usize::from),
            processor: processor.unwrap_or_else(|| "unknown processor".to_owned()),
            kernel: kernel.unwrap_or_else(|_| "unknown".to_owned()),
            python: python.map(|python| python.version.clone()),
            peers: peers(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, processor, kernel, python, peers } = self;
        let python = python.as_deref().unwrap_or("no Python found");
        write!(f, "{cores} cores of {processor}, Linux {kernel}, {python}\nPeers: {}", peers.join(", "))
    }
}

/// A line for each figure and bound.
pub(crate) fn table(rows: &[Done]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "row",
        "work",
        "ours",
        "floor",
        "best peer",
        "ratio (95 %)",
        "must",
        "verdict",
        "others' CPU",
    ]);
    for row in rows {
        let share = row.race.others.map_or("?".to_owned(), |share| format!("{:.0} %", share * 100.0));
        for line in &row.lines {
            let mut work = wrap(row.work, 30);
            if !line.what.is_empty() {
                work = format!("{work}\n— {}", wrap(line.what, 28));
            }
            let ours = match (line.ours, row.race.failed.get(crate::peers::OURS)) {
                (_, Some(why)) => wrap(why, 24),
                (ours, None) => ours.map_or("–".to_owned(), |ours| line.unit.show(ours.median)),
            };
            let of = |(name, at): (&str, Interval)| format!("{}\n{name}", line.unit.show(at.median));
            let floor = line.floor.map_or("–".to_owned(), of);
            let best = best(row, line).map_or("–".to_owned(), of);
            let join = |cell: &dyn Fn(&Judged) -> String| {
                line.judged.iter().map(cell).collect::<Vec<_>>().join("\n")
            };
            let ratios = join(&|judged| ratio(judged, line.unit));
            let musts = join(&|judged| judged.must.clone());
            let verdicts = join(&|judged| judged.verdict.to_string());
            table.add_row([
                row.id.to_owned(),
                work,
                ours,
                floor,
                best,
                ratios,
                musts,
                verdicts,
                share.clone(),
            ]);
        }
        if row.lines.is_empty() {
            let work = wrap(row.work, 30);
            table.add_row([row.id, &work, "–", "–", "–", "–", "–", "not measured", ""]);
        }
    }
    table
}

/// All contestants, who is missing and why, and whether the machine was quiet.
pub(crate) fn notes(rows: &[Done], noise_limit: f64) -> String {
    let mut text = String::from("\nAll who took part, best first, median (interval):\n");
    for row in rows {
        for line in row.lines.iter() {
            let all = line.floor.iter().map(|(name, at)| ("floor, ", *name, *at));
            let all = all.chain(line.others.iter().map(|(name, at)| ("", *name, *at)));
            let all: Vec<_> =
                all.map(|(role, name, at)| format!("{role}{name} {}", line.unit.show_interval(at))).collect();
            let ours = line.ours.map_or("–".to_owned(), |ours| line.unit.show_interval(ours));
            let what = if line.what.is_empty() { String::new() } else { format!(" {}", line.what) };
            _ = writeln!(text, "  {}{what}: ours {ours} · {}", row.id, all.join(" · "));
        }
        for (name, why) in &row.race.failed {
            _ = writeln!(text, "  {}: {name} failed: {why}", row.id);
        }
        for (name, why) in &row.race.absent {
            _ = writeln!(text, "  {}: {name} did not run: {why}", row.id);
        }
        for why in &row.missing {
            _ = writeln!(text, "  {}: not measured: {why}", row.id);
        }
    }
    let judged = || {
        rows.iter().flat_map(|row| row.lines.iter().flat_map(|line| &line.judged).map(move |j| (row.id, j)))
    };
    let number = |verdict| judged().filter(|(_, judged)| judged.verdict == verdict).count();
    _ = writeln!(
        text,
        "\n{} reached, {} missed, {} undecided, {} not judged for noise, {} not measured.",
        number(Verdict::Reached),
        number(Verdict::Missed),
        number(Verdict::Undecided),
        number(Verdict::Noise),
        number(Verdict::Unmeasured) + rows.iter().filter(|row| row.lines.is_empty()).count(),
    );
    let mut noisy: Vec<&str> =
        judged().filter(|(_, j)| j.verdict == Verdict::Noise).map(|(id, _)| id).collect();
    noisy.dedup();
    if !noisy.is_empty() {
        let limit = noise_limit * 100.0;
        _ = writeln!(
            text,
            "Too noisy to judge {}: others had more than {limit} % of the machine.",
            noisy.join(", ")
        );
    }
    text
}

/// The peer that a bound on the best was judged against, or else the one that did best by itself.
fn best<'a>(row: &Done, line: &'a Line) -> Option<(&'a str, Interval)> {
    let against =
        line.judged.iter().find(|judged| judged.must.ends_with("best")).map(|judged| &judged.against);
    let beside = |name: &str| row.beside.contains(&name);
    let found = match against {
        Some(name) => line.others.iter().find(|(other, _)| other == name),
        None => line.others.iter().find(|(name, _)| !beside(name)),
    };
    found.copied()
}

/// A quotient, or the figure itself where that is bounded.
fn ratio(judged: &Judged, unit: Unit) -> String {
    match judged.ratio {
        None => "–".to_owned(),
        Some(figure) if judged.against.is_empty() => unit.show_interval(figure),
        Some(Interval { low, median, high }) => format!("{median:.3} ({low:.3}..{high:.3})"),
    }
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        let scaled = |steps: &[(f64, &str)]| {
            let (step, name) = steps.iter().rev().find(|(step, _)| value >= *step).unwrap_or(&steps[0]);
            let value = value / step;
            let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
            format!("{value:.digits$} {name}")
        };
        match self {
            Self::Nanos => scaled(&[(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")]),
            Self::Rate => scaled(&[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s")]),
            Self::Bytes => format!("{value:.1} B"),
            Self::Share => format!("{value:.3} ×"),
            Self::Count => {
                let digits = format!("{value:.6}");
                digits.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }

    fn show_interval(self, Interval { low, median, high }: Interval) -> String {
        format!("{} ({}..{})", self.show(median), self.show(low), self.show(high))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
            Self::Noise => "too noisy",
            Self::Unmeasured => "not measured",
        })
    }
}

/// Breaks lines at spaces: the table's columns are as wide as what they hold.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
