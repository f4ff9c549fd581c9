//! A run's JSON document as a page of Markdown: what is published, and read without a browser.
//!
//! It is made from the document alone, so that a page and the figures that it came from cannot part.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::json::FORMAT;
use crate::row::Unit;
use crate::verdict::Interval;

/// What the page needs of the document.
#[derive(Debug, Deserialize)]
struct Document {
    format: u32,
    #[serde(flatten)]
    head: Head,
    workers: usize,
    quick: bool,
    rows: Vec<Row>,
}

/// When, where and how it was measured.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    date: String,
    millpond: String,
    commit: Option<String>,
    rustc: String,
    machine: Machine,
    peers: Vec<Package>,
    turns: usize,
    submitters: Option<usize>,
    seed: u64,
    noise_limit: f64,
}

#[derive(Debug, Deserialize)]
struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
    python: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    work: String,
    measures: Vec<Measure>,
    missing: Vec<String>,
    failed: std::collections::BTreeMap<String, String>,
    others_cpu: Vec<Option<f64>>,
    repeats: Vec<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Measure {
    what: String,
    unit: String,
    noisy: bool,
    standings: Vec<Standing>,
    judged: Vec<Judged>,
    /// Documents of the first weeks have none.
    #[serde(default)]
    to_best: Option<ToBest>,
    better_than_ours: Vec<Ahead>,
}

#[derive(Debug, Deserialize)]
struct Standing {
    name: String,
    role: String,
    low: f64,
    median: f64,
    high: f64,
}

#[derive(Debug, Deserialize)]
struct Judged {
    must: String,
    against: String,
    ratio: Option<Interval>,
    verdict: String,
}

#[derive(Debug, Deserialize)]
struct ToBest {
    against: String,
    ratio: Interval,
}

#[derive(Debug, Deserialize)]
struct Ahead {
    name: String,
    times: Option<Interval>,
}

/// In the order of the page: the losses first.
const VERDICTS: [&str; 7] =
    ["missed", "likely-missed", "noise", "too-few", "unmeasured", "likely-reached", "reached"];

/// The page of a document; `source` is where it stands, as the page should call it.
///
/// # Errors
///
/// If it is no such document, or one of another format.
pub(crate) fn page(document: &str, source: &str) -> Result<String, String> {
    let all: Document = serde_json::from_str(document).map_err(|error| error.to_string())?;
    if all.format != FORMAT {
        return Err(format!("it has format {}, and this program writes {FORMAT}", all.format));
    }
    let pools = format!("{} workers", all.workers);
    let mut text = all.head.show("Performance", source, &pools);
    if all.quick {
        text.push_str("A quick look: few rows, few peers.\n\n");
    }
    text.push_str(&bounds(&all));
    text.push_str(&without_bounds(&all));
    text.push_str(&losses(&all));
    text.push_str(&figures(&all));
    Ok(text)
}

impl Head {
    pub(crate) fn cores(&self) -> usize {
        self.machine.cores
    }

    /// The beginning of a page, `pools` being how many workers there were.
    pub(crate) fn show(&self, title: &str, source: &str, pools: &str) -> String {
        let Self { date, millpond, commit, rustc, machine, turns, seed, .. } = self;
        let Machine { cores, processor, kernel, python } = machine;
        let (commit, python) = (commit.as_deref(), python.as_deref());
        let peers: Vec<_> =
            self.peers.iter().map(|peer| format!("{} {}", peer.name, peer.version)).collect();
        let limit = self.noise_limit * 100.0;
        let submitters = self
            .submitters
            .map_or(String::new(), |number| format!("{number} threads that submit, "));
        format!(
            "# {title}\n\n`cargo targets page` made this page from [{source}]({source}), which has every single \
         figure. The [README of the benches](../benches/README.md) says how they are measured and \
         how to read them. Only ratios within one run mean anything.\n\n\
         * millpond {millpond}, {}, {rustc}, {date}\n\
         * {cores} cores of {processor}, Linux {kernel}, {}\n\
         * {turns} turns, {pools}, {submitters}seed {seed}; turns in which others had more than {limit} % \
         of the machine were repeated\n\
         * peers: {}\n\n",
            commit.unwrap_or("no commit known"),
            python.unwrap_or("no Python found"),
            peers.join(", "),
        )
    }
}

/// All bounds, those that are broken first.
fn bounds(all: &Document) -> String {
    let judged = || {
        all.rows.iter().flat_map(|row| {
            row.measures
                .iter()
                .flat_map(move |line| line.judged.iter().map(move |j| (row, line, j)))
        })
    };
    let count = |verdict: &str| judged().filter(|(_, _, j)| j.verdict == verdict).count();
    let counts: Vec<_> = VERDICTS
        .iter()
        .filter(|verdict| count(verdict) > 0)
        .map(|verdict| format!("{} {}", count(verdict), words(verdict)))
        .collect();
    let mut text = format!("## Bounds\n\n{}.\n\n", counts.join(", "));
    text.push_str("| row | figure | ours (95 %) | against | ratio (95 %) | must | verdict |\n");
    text.push_str("|---|---|---:|---|---:|---|---|\n");
    for verdict in VERDICTS {
        for (row, line, j) in judged().filter(|(_, _, judged)| judged.verdict == verdict) {
            let unit = line.unit();
            let ours = line.ours().map_or("–".to_owned(), |ours| unit.show_interval(ours));
            // Where the figure itself is bounded, it is a ratio only if that is what it is of.
            let is_ratio = unit == Unit::Share || !j.against.is_empty();
            let ratio = j.ratio.filter(|_| is_ratio).map_or("–".to_owned(), show_ratio);
            _ = writeln!(
                text,
                "| {} | {} | {ours} | {} | {ratio} | {} | {} |",
                row.id,
                line.title(row),
                j.against,
                j.must,
                words(verdict)
            );
        }
    }
    for row in &all.rows {
        for why in &row.missing {
            _ = writeln!(text, "\n{}, {}: not measured: {why}.", row.id, row.work);
        }
    }
    text.push('\n');
    text
}

/// Figures that no bound is about, in the rows that are about nothing else.
fn without_bounds(all: &Document) -> String {
    let rows = all.rows.iter().filter(|row| row.measures.iter().all(|m| m.judged.is_empty()));
    let lines = rows.flat_map(|row| row.measures.iter().map(move |line| (row, line)));
    let lines: Vec<_> = lines
        .filter_map(|(row, line)| Some((row, line, line.best()?, line.ours()?)))
        .map(|(row, line, (against, ratio), ours)| {
            let (ours, ratio) = (line.unit().show_interval(ours), show_ratio(ratio));
            format!("| {} | {} | {ours} | {against} | {ratio} |\n", row.id, line.title(row))
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let head =
        "| row | figure | ours (95 %) | best peer | ratio (95 %) |\n|---|---|---:|---|---:|\n";
    format!("## Without a bound\n\nOurs divided by the best peer's.\n\n{head}{}\n", lines.concat())
}

/// Who is better with the whole interval, with a bound or without one.
fn losses(all: &Document) -> String {
    let mut text = String::from(
        "## Where others are better\n\nWith the whole interval, and how many times. So many comparisons \
         are not corrected for their number.\n\n| row | figure | who |\n|---|---|---|\n",
    );
    let show = |ahead: &Ahead| match ahead.times {
        Some(Interval { low, median, high }) => {
            format!("{} {median:.2} × ({low:.2}..{high:.2})", ahead.name)
        }
        None => format!("{} with 0", ahead.name),
    };
    for row in &all.rows {
        for line in row.measures.iter().filter(|line| !line.better_than_ours.is_empty()) {
            let noisy = if line.noisy { " (too noisy to judge)" } else { "" };
            let who: Vec<_> = line.better_than_ours.iter().map(show).collect();
            _ = writeln!(
                text,
                "| {} | {}{noisy} | {} |",
                row.id,
                line.title(row),
                who.join("<br>")
            );
        }
    }
    text.push('\n');
    text
}

/// Everybody's figures, a table for each figure of each row.
fn figures(all: &Document) -> String {
    let mut text = String::from("## All figures\n\nMedians with their intervals, best first.\n");
    for row in all.rows.iter().filter(|row| !row.measures.is_empty()) {
        let most = row.others_cpu.iter().copied().flatten().reduce(f64::max);
        let most =
            most.map_or("an unknown share".to_owned(), |m| format!("at most {:.0} %", m * 100.0));
        let repeats: u32 = row.repeats.iter().sum();
        _ = write!(
            text,
            "\n### {}: {}\n\nOthers had {most} of the machine in a turn; {repeats} turns were repeated.\n",
            row.id, row.work
        );
        for (name, why) in &row.failed {
            _ = writeln!(text, "\n{name} failed: {why}.");
        }
        for line in &row.measures {
            let (unit, title) = (line.unit(), line.title(row));
            _ = write!(text, "\n| {title} | median | interval |\n|---|---:|---:|\n");
            for Standing { name, role, low, median, high } in &line.standings {
                let (name, role) = match &**role {
                    "ours" => (format!("**{name}**"), String::new()),
                    "peer" => (name.clone(), String::new()),
                    role => (name.clone(), format!(" ({role})")),
                };
                let [low, median, high] = [low, median, high].map(|figure| unit.show(*figure));
                _ = writeln!(text, "| {name}{role} | {median} | {low} to {high} |");
            }
        }
    }
    text
}

impl Measure {
    /// Of a document that another version wrote, a unit may be unknown: then it is a plain number.
    pub(crate) fn unit(&self) -> Unit {
        Unit::ALL.into_iter().find(|unit| unit.name() == self.unit).unwrap_or(Unit::Count)
    }

    pub(crate) fn ours(&self) -> Option<Interval> {
        let ours = self.standings.iter().find(|standing| standing.role == "ours")?;
        Some(Interval { low: ours.low, median: ours.median, high: ours.high })
    }

    /// The peer that we were divided by, and the quotient.
    pub(crate) fn best(&self) -> Option<(&str, Interval)> {
        self.to_best.as_ref().map(|best| (&*best.against, best.ratio))
    }

    /// Each bound, with its verdict as the document has it.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (&str, &str)> {
        self.judged.iter().map(|judged| (&*judged.must, &*judged.verdict))
    }

    /// What the figure is, or the row's work if that says it.
    pub(crate) fn title_or<'a>(&'a self, work: &'a str) -> &'a str {
        if self.what.is_empty() { work } else { &self.what }
    }

    fn title<'a>(&'a self, row: &'a Row) -> &'a str {
        self.title_or(&row.work)
    }
}

pub(crate) fn show_ratio(Interval { low, median, high }: Interval) -> String {
    format!("{median:.2} ({low:.2}..{high:.2})")
}

/// A verdict as the document has it, in words.
pub(crate) fn words(verdict: &str) -> String {
    match verdict {
        "noise" => "too noisy".to_owned(),
        "too-few" => "too few turns".to_owned(),
        "unmeasured" => "not measured".to_owned(),
        other => other.replace('-', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Everything;
    use crate::json::tests::PLAN;
    use crate::machine::Circumstances;
    use crate::report::tests::done;
    use crate::verdict::Verdict;

    /// What is published, and what it was made from.
    const PUBLISHED: &str = include_str!("../../docs/performance.md");
    const SOURCE: &str = "benchmarks/2026-11-28.json";
    const DOCUMENT: &str = include_str!("../../docs/benchmarks/2026-11-28.json");

    #[test]
    fn the_published_page_is_the_one_of_the_published_document() {
        let page = page(DOCUMENT, SOURCE).expect("it is a document of ours");
        assert!(page == PUBLISHED, "run: cargo targets page docs/{SOURCE} > docs/performance.md");
    }

    /// A table of the README has a row of the harness in each line, and its figures.
    #[test]
    fn the_figures_of_the_readme_are_those_of_the_published_page() {
        let readme = include_str!("../../README.md");
        let lines: Vec<_> = readme.lines().filter(|line| line.starts_with("| P")).collect();
        assert!(lines.len() > 5, "the table was not found");
        for line in lines {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let begin = format!("\n### {}:", cells[0]);
            let (_, row) = PUBLISHED.split_once(&begin).expect("the page has this row");
            let row = row.split("\n### ").next().unwrap_or_default();
            for cell in cells[2..].iter().filter(|cell| **cell != "–") {
                let figure = cell.split(" (").next().unwrap_or_default();
                assert!(row.contains(&format!("| {figure} |")), "{}: {figure}", cells[0]);
            }
        }
    }

    #[test]
    fn a_page_has_the_losses_before_the_gains_and_every_figure() {
        let done = [done("P1"), done("P2")];
        let mut json = Vec::new();
        let machine = Circumstances::now(None);
        Everything::new(&machine, &PLAN, &done).write(&mut json).expect("memory takes it");
        let json = String::from_utf8(json).expect("it is text");
        let page = page(&json, "a.json").expect("it was just written");
        for part in [
            "2 missed.",
            "| P1 | some work | 20.0 ns (20.0 ns..20.0 ns) | rayon | 2.00 (2.00..2.00) | ≤ 1 × best | missed |",
            "| P2 | some work | rayon 2.00 × (2.00..2.00) |",
            "### P2: some work",
            "| **millpond** | 4.00 /s | 4.00 /s to 4.00 /s |",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let old = json.replace(&format!("\"format\": {FORMAT}"), "\"format\": 1");
        assert!(super::page(&old, "a.json").expect_err("an old format").contains("format 1"));
        assert!(super::page("{}", "a.json").is_err());
    }

    #[test]
    fn every_verdict_has_its_place_on_the_page() {
        for verdict in Verdict::ALL {
            let name = serde_json::to_value(verdict).expect("it is a word");
            let name = name.as_str().expect("it is a word");
            assert!(VERDICTS.contains(&name), "{name}");
            assert_eq!(words(name), verdict.to_string());
        }
    }
}
