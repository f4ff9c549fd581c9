//! The report as one page that needs nothing else: for those who were not there.

mod chart;
mod circumstances;
mod forest;
mod lines;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use chart::look;

use crate::document::Document;
use crate::done::Done;
use crate::report::{compared, noise, show_ahead, unbounded};
use crate::select::by_reason;
use crate::sentences::{few_cores, sentences};
use crate::verdict::Verdict;

const STYLE: &str = include_str!("report.css");

/// The parts of the page, for its navigation.
const PARTS: [(&str, &str); 11] = [
    ("losses", "Where millpond loses"),
    ("bounds", "All bounds"),
    ("latency", "Latency and processor time"),
    ("percentiles", "Percentiles"),
    ("growth", "Growth"),
    ("memory", "Memory"),
    ("figures", "All figures"),
    ("proofs", "Proofs"),
    ("method", "Method"),
    ("provenance", "Provenance"),
    ("again", "Repeat it"),
];

/// The page; `json` is the name of the file of the figures, if it stands beside the page.
pub(crate) fn page(all: &Document, json: Option<&str>) -> String {
    let rows = &all.rows;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing is fetched, an icon neither.
                link rel="icon" href="data:,";
                title { "millpond against its peers, " (all.circumstances.date) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the verdict" }
                nav aria-label="Contents" {
                    @for (id, name) in PARTS { a href=(format!("#{id}")) { (name) } " " }
                }
                main id="main" {
                    h1 { "millpond against its peers" }
                    @if let Some(banner) = few_cores(all) { p.banner role="note" { (banner) } }
                    (verdict(all))
                    (counts(rows))
                    h2 id="losses" { "Where millpond loses" }
                    (tables::losses(rows))
                    h2 id="bounds" { "All bounds" }
                    (forest::forest(all))
                    (tables::bounds(rows))
                    h2 id="latency" { "Latency and processor time" }
                    (tables::latency(rows))
                    h2 id="percentiles" { "Percentiles" }
                    (percentiles(all))
                    h2 id="growth" { "Growth" }
                    (growth(rows))
                    h2 id="memory" { "Memory" }
                    (tables::memory(rows))
                    h2 id="figures" { "All figures" }
                    (figures(all))
                    h2 id="proofs" { "Proofs" }
                    (circumstances::proofs(all))
                    h2 id="method" { "Method" }
                    (circumstances::method())
                    h2 id="provenance" { "Provenance" }
                    (circumstances::provenance(all))
                    h2 id="again" { "Repeat it" }
                    (circumstances::again(all, json))
                }
            }
        }
    };
    page.into_string()
}

/// The verdict in three sentences: how many, the worst, the best.
fn verdict(all: &Document) -> Markup {
    html! {
        p.verdict { @for sentence in sentences(all) {
            (sentence.before)
            @if !sentence.row.is_empty() { (link(sentence.row)) }
            (sentence.after) " "
        } }
    }
}

/// To a row, by its name.
fn link(id: &str) -> Markup {
    html! { a href=(format!("#{id}")) { (id) } }
}

fn counts(rows: &[Done]) -> Markup {
    let judged = |verdict| {
        rows.iter()
            .flat_map(|row| &row.lines)
            .flat_map(|line| &line.judged)
            .filter(|j| j.verdict == verdict)
            .count()
    };
    html! {
        ul.counts { @for verdict in Verdict::ALL.into_iter().filter(|verdict| judged(*verdict) > 0) {
            li class=(look(verdict)) { b { (judged(verdict)) } " " (verdict) }
        } }
    }
}

fn percentiles(all: &Document) -> Markup {
    let rows = || all.rows.iter().filter(|row| !row.race.curves.is_empty());
    html! {
        @if rows().next().is_none() {
            p { "This run has no curves: it was measured before contestants told of them, or without the rows that have some." }
        } @else {
            p { "How long the given share of calls took at most: at 99 %, one call in a hundred takes longer. At each place the "
                "median of the turns. Both axes are logarithmic. A line ends where fewer than five calls of a turn took longer." }
            @for row in rows() {
                h3 { (link(&row.id)) ": " (row.work) }
                (lines::percentiles(row, &all.percentiles, all.plan.noise_limit))
            }
        }
    }
}

fn growth(rows: &[Done]) -> Markup {
    let curves = || rows.iter().filter(|row| row.is_curve());
    html! {
        @if curves().next().is_none() {
            p { "This run has no rows of growth: " code { "cargo bench-report measure --full" } " measures them." }
        } @else {
            p { "How the time of one task or item changes. The points stand side by side, whatever lies between them. Less is better." }
            @for row in curves() { h3 { (link(&row.id)) ": " (row.work) } (lines::growth(row)) }
        }
    }
}

fn figures(all: &Document) -> Markup {
    html! {
        p.rows { @for row in &all.rows { (link(&row.id)) " " } }
        p {
            "Medians with their intervals, best first. " span.ours { "Blue" } " is millpond, its line goes down the chart; "
            span.ahead { "orange" } " is who is better with the whole interval. Turns in which others had more than "
            (all.plan.noise_limit * 100.0) " % of the machine are repeated, and if that does not help, no time is judged by them."
        }
        @for row in &all.rows { (row_of(row)) }
    }
}

fn row_of(row: &Done) -> Markup {
    html! {
        section id=(row.id) {
            h3 { (row.id) ": " (row.work) }
            @for line in &row.lines {
                @if !line.what.is_empty() { h4 { (line.what) } }
                @for judged in &line.judged {
                    p { "Must be " (judged.must) ": " (compared(judged, line.unit)) ", "
                        span class=(look(judged.verdict)) { (judged.verdict) } "." }
                }
                @if let (true, Some(best)) = (line.judged.is_empty(), &line.to_best) {
                    p { "No bound. Ours divided by " (best.against) ": " (unbounded(line).unwrap_or_default()) "." }
                }
                (chart::chart(line))
                @if let (false, Some(floor)) = (line.better_than_floor.is_empty(), line.floor()) {
                    p.missed { "The floor (" (floor.name) ") is beaten, and so is wrong, or the machine was noisy: "
                        @for ahead in &line.better_than_floor { span { (show_ahead(ahead)) "; " } } }
                }
            }
            @if !row.race.others.is_empty() { p { "Others had " (noise(&row.race)) " of the machine." } }
            @for (name, why) in &row.race.failed { p.missed { (name) " failed: " (why) } }
            @for why in &row.missing { p { "Not measured: " (why) } }
            @if !row.race.absent.is_empty() {
                details { summary { "Who did not take part" }
                    ul { @for (why, names) in by_reason(row.race.absent.iter().map(|(name, why)| (name.as_str(), why.as_str()))) {
                        li { (names.join(", ")) ": " (why) }
                    } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_page_has_every_part_row_loss_and_chart() {
        let page = page(&document(&["P1", "P2"]), None);
        assert_eq!(page.matches("class=\"chart bars\"").count(), 4);
        assert_eq!(
            page.matches("class=\"ahead\"").count() + page.matches("class=\"bar ahead\"").count(),
            1 + 2,
            "in the legend and in a chart of each row"
        );
        for (id, _) in PARTS {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
        }
        for part in ["id=\"P1\"", "id=\"P2\"", "rayon 2.00 ×", "missed", "chili, forte: sleeps"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("http"), "the page needs nothing from elsewhere");
    }

    /// A page where a link leads nowhere is of no use to those who have a keyboard alone.
    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page = page(&document(&["P1", "P2"]), Some("a.json"));
        let mut links = 0;
        for link in page.split("href=\"#").skip(1) {
            let id = link.split('"').next().unwrap_or_default();
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
            links += 1;
        }
        assert!(links > PARTS.len(), "{links}");
    }

    #[test]
    fn a_machine_with_few_processors_is_named_before_anything_is_said() {
        let at = |cores: usize| {
            let mut all = document(&["P1"]);
            all.circumstances.machine.cores = cores;
            let page = page(&all, None);
            page.find("class=\"banner\"")
                .map(|banner| banner < page.find("class=\"verdict\"").unwrap_or(0))
        };
        assert_eq!([2, 4].map(at), [Some(true), None]);
    }
}
