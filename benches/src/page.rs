//! A run's JSON document as a page of Markdown: what is published, and read without a browser.
//!
//! It is made from the document alone, so that a page and the figures that it came from cannot part.

use std::fmt::Write as _;

use crate::document::Document;
use crate::judge::{Ahead, Standing, ToBest};
use crate::machine::{Circumstances, Machine};
use crate::race::Plan;
use crate::row::{Role, Unit};
use crate::verdict::{Interval, Verdict};

/// When, where and how it was measured.
pub(crate) struct Head<'a> {
    pub(crate) circumstances: &'a Circumstances,
    pub(crate) turns: usize,
    pub(crate) submitters: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) noise_limit: f64,
}

/// In the order of the page: the losses first.
const VERDICTS: [Verdict; 7] = [
    Verdict::Missed,
    Verdict::LikelyMissed,
    Verdict::Noise,
    Verdict::TooFew,
    Verdict::Unmeasured,
    Verdict::LikelyReached,
    Verdict::Reached,
];

/// The page of a document; `source` is where it stands, as the page should call it.
pub(crate) fn page(all: &Document, source: &str) -> String {
    let Plan { turns, workers, submitters, seed, noise_limit, quick } = all.plan;
    let head = Head { circumstances: &all.circumstances, turns, submitters, seed, noise_limit };
    let mut text = head.show("Performance", source, &format!("{workers} workers"));
    if quick {
        text.push_str("A quick look: few rows, few peers.\n\n");
    }
    text.push_str(&bounds(all));
    text.push_str(&without_bounds(all));
    text.push_str(&losses(all));
    text.push_str(&figures(all));
    text
}

impl Head<'_> {
    /// The beginning of a page, `pools` being how many workers there were.
    pub(crate) fn show(&self, title: &str, source: &str, pools: &str) -> String {
        let Self { circumstances, turns, submitters, seed, noise_limit } = self;
        let Circumstances { date, millpond, commit, rustc, machine, peers, .. } = circumstances;
        let Machine { cores, processor, kernel, python } = machine;
        let (commit, python) = (commit.as_deref(), python.as_deref());
        let peers: Vec<_> =
            peers.iter().map(|peer| format!("{} {}", peer.name, peer.version)).collect();
        let limit = noise_limit * 100.0;
        let submitters =
            submitters.map_or(String::new(), |number| format!("{number} threads that submit, "));
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
pub(crate) fn bounds(all: &Document) -> String {
    let judged = || {
        all.rows.iter().flat_map(|row| {
            row.lines.iter().flat_map(move |line| line.judged.iter().map(move |j| (row, line, j)))
        })
    };
    let count = |verdict: Verdict| judged().filter(|(_, _, j)| j.verdict == verdict).count();
    let counts: Vec<_> = VERDICTS
        .into_iter()
        .filter(|verdict| count(*verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(verdict)))
        .collect();
    let mut text = format!("## Bounds\n\n{}.\n\n", counts.join(", "));
    text.push_str("| row | figure | ours (95 %) | against | ratio (95 %) | must | verdict |\n");
    text.push_str("|---|---|---:|---|---:|---|---|\n");
    for verdict in VERDICTS {
        for (row, line, j) in judged().filter(|(_, _, judged)| judged.verdict == verdict) {
            let unit = line.unit;
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
                verdict
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
    let rows = all.rows.iter().filter(|row| row.lines.iter().all(|m| m.judged.is_empty()));
    let lines = rows.flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    let lines: Vec<_> = lines
        .filter_map(|(row, line)| Some((row, line, line.to_best.as_ref()?, line.ours()?)))
        .map(|(row, line, ToBest { against, ratio }, ours)| {
            let (ours, ratio) = (line.unit.show_interval(ours), show_ratio(*ratio));
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
pub(crate) fn losses(all: &Document) -> String {
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
        for line in row.lines.iter().filter(|line| !line.better_than_ours.is_empty()) {
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
    for row in all.rows.iter().filter(|row| !row.lines.is_empty()) {
        let most = row.race.most_noise();
        let most =
            most.map_or("an unknown share".to_owned(), |m| format!("at most {:.0} %", m * 100.0));
        let repeats: u32 = row.race.repeats.iter().sum();
        _ = write!(
            text,
            "\n### {}: {}\n\nOthers had {most} of the machine in a turn; {repeats} turns were repeated.\n",
            row.id, row.work
        );
        for (name, why) in &row.race.failed {
            _ = writeln!(text, "\n{name} failed: {why}.");
        }
        for line in &row.lines {
            let (unit, title) = (line.unit, line.title(row));
            _ = write!(text, "\n| {title} | median | interval |\n|---|---:|---:|\n");
            for Standing { name, role, figure: Interval { low, median, high } } in &line.standings {
                let (name, role) = match role {
                    Role::Ours => (format!("**{name}**"), ""),
                    Role::Peer => (name.clone(), ""),
                    Role::Floor => (name.clone(), " (floor)"),
                    Role::Beside => (name.clone(), " (beside)"),
                    Role::Baseline => (name.clone(), " (baseline)"),
                };
                let [low, median, high] = [low, median, high].map(|figure| unit.show(*figure));
                _ = writeln!(text, "| {name}{role} | {median} | {low} to {high} |");
            }
        }
    }
    text
}

pub(crate) fn show_ratio(Interval { low, median, high }: Interval) -> String {
    format!("{median:.2} ({low:.2}..{high:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn a_page_has_the_losses_before_the_gains_and_every_figure() {
        let page = page(&document(&["P1", "P2"]), "a.json");
        for part in [
            "2 missed.",
            "| P1 | some work | 20.0 ns (20.0 ns..20.0 ns) | rayon | 2.00 (2.00..2.00) | ≤ 1 × best | missed |",
            "| P2 | some work | rayon 2.00 × (2.00..2.00) |",
            "### P2: some work",
            "| **millpond** | 4.00 /s | 4.00 /s to 4.00 /s |",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn every_verdict_has_its_place_on_the_page() {
        assert!(Verdict::ALL.iter().all(|verdict| VERDICTS.contains(verdict)));
    }
}
