//! The report as one page that needs nothing else: for those who were not there.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::chart;
use crate::done::Done;
use crate::forest::forest;
use crate::judge::{Judged, Line};
use crate::machine::{Circumstances, Package};
use crate::race::Plan;
use crate::report::{
    Loss, best, by_chance, compared, noise, ours, ratio, show_ahead, sorted_losses, unbounded,
};
use crate::select::by_reason;
use crate::verdict::{Interval, Verdict};

const STYLE: &str = include_str!("report.css");

/// The page.
pub(crate) fn page(circumstances: &Circumstances, plan: &Plan, rows: &[Done]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "millpond against its peers, " (circumstances.date) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" {
                    @for (id, name) in [("bounds", "Bounds"), ("losses", "Where others are better"), ("figures", "All figures"), ("method", "Method"), ("again", "Repeat it")] {
                        a href=(format!("#{id}")) { (name) } " "
                    }
                }
                h1 { "millpond against its peers" }
                @if circumstances.machine.cores < 4 {
                    p.banner { "Measured on " (circumstances.machine.cores) " processors. It says little about a machine with many." }
                }
                (verdict(rows))
                (counts(rows))
                h2 id="bounds" { "All bounds" }
                (forest(rows))
                (bounds(rows))
                (losses(rows))
                h2 id="figures" { "All figures" }
                p.rows { @for row in rows { a href=(format!("#{}", row.id)) { (row.id) } " " } }
                p {
                    "Medians with their intervals, best first. " span.ours { "Blue" } " is millpond, its line goes down the chart; "
                    span.ahead { "orange" } " is who is better with the whole interval. Turns in which others had more than "
                    (plan.noise_limit * 100.0) " % of the machine are repeated, and if that does not help, no time is judged by them."
                }
                @for row in rows { (row_of(row)) }
                (method())
                h2 id="again" { "Repeat it" }
                (measured(circumstances, plan))
                pre { (repeat(circumstances, plan)) }
            }
        }
    };
    page.into_string()
}

/// The verdict in three sentences: how many, the worst, the best.
fn verdict(rows: &[Done]) -> Markup {
    let judged = || {
        let lines = rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
        lines.flat_map(|(row, line)| line.judged.iter().map(move |judged| (row, judged)))
    };
    let count = |is: fn(Verdict) -> bool| judged().filter(|(_, j)| is(j.verdict)).count();
    let kept = count(|verdict| matches!(verdict, Verdict::Reached | Verdict::LikelyReached));
    let broken = count(Verdict::is_loss);
    let with_share =
        || judged().filter_map(|(row, j)| Some((row, j, Interval::of(j.shares.clone())?.median)));
    let most = with_share().max_by(|a, b| a.2.total_cmp(&b.2));
    // A count of 0 is infinitely better than any bound, and says nothing of others.
    let least = with_share()
        .filter(|(_, judged, _)| !judged.against.is_empty())
        .min_by(|a, b| a.2.total_cmp(&b.2));
    html! {
        p.verdict {
            "Of " (judged().count()) " bounds " (kept) " are kept or likely kept, and " (broken) " are missed or likely missed. "
            @if let Some((row, judged, share)) = most.filter(|most| most.2 > 1.0) {
                "The worst is " a href=(format!("#{}", row.id)) { (row.id) } ", " (row.work) ": " (format!("{share:.1}"))
                " times what the bound allows (" (judged.must) "). "
            }
            @if let Some((row, judged, share)) = least.filter(|least| least.2 < 1.0) {
                "The best is " a href=(format!("#{}", row.id)) { (row.id) } ", " (row.work) ": " (format!("{:.1}", 1.0 / share))
                " times better than its bound (" (judged.must) ")."
            }
        }
    }
}

fn method() -> Markup {
    html! {
        h2 id="method" { "Method" }
        ul {
            li { "A " b { "row" } " (P1, P2 and so on) is a piece of work that every contestant does, each in a process of its own, "
                "with its results checked. Contestants take turns in an order that is shuffled anew in each turn." }
            li { "The " b { "floor" } " is what no pool can beat: the bare primitive, or sequential time divided by the workers." }
            li { b { "Must" } " is the bound of a figure. A ratio is ours divided by the other's, turn by turn, so that a slow drift of "
                "the machine cancels out." }
            li { "The " b { "interval" } " holds the true median with 95 % probability, whatever the distribution: the sign test's." }
            li { "A " b { "median" } " stands for all turns, and not a mean, since one disturbed turn moves a mean as far as it likes." }
            li { "A bound is " b { "reached" } " if the whole interval keeps it, " b { "missed" } " if the whole interval is beyond it, "
                "and likely the one or the other in between." }
        }
    }
}

/// The commands that repeat the run.
fn repeat(circumstances: &Circumstances, plan: &Plan) -> String {
    let checkout = circumstances.commit.as_ref().map_or(String::new(), |commit| {
        format!("git checkout {}\n", commit.trim_end_matches("-dirty"))
    });
    let quick = if plan.quick { " --quick" } else { "" };
    format!(
        "{checkout}cargo report measure{quick} --turns {} --workers {} --seed {}",
        plan.turns, plan.workers, plan.seed
    )
}

fn measured(circumstances: &Circumstances, plan: &Plan) -> Markup {
    let Circumstances { date, millpond, commit, rustc, machine, peers } = circumstances;
    html! {
        p {
            "millpond " (millpond) ", " (commit.as_deref().unwrap_or("no commit known")) ", " (rustc) ". "
            (date) ", " (machine.cores) " cores of " (machine.processor) ", Linux " (machine.kernel) ", "
            (machine.python.as_deref().unwrap_or("no Python found")) ". " (plan) "."
        }
        p { "Peers: " @for (at, Package { name, version }) in peers.iter().enumerate() {
            @if at > 0 { ", " } (name) " " (version)
        } "." }
    }
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
        ul.counts { @for verdict in Verdict::ALL { li class=(class(verdict)) { b { (judged(verdict)) } " " (verdict) } } }
    }
}

fn losses(rows: &[Done]) -> Markup {
    let losses = sorted_losses(rows);
    html! {
        h2 id="losses" { "Where others are better" }
        p { "With the whole interval, and so many times; missed bounds first. " (by_chance(rows)) "." }
        @if losses.is_empty() {
            p { "Nowhere in the rows measured." }
        } @else {
            table {
                thead { tr { th { "row" } th { "figure" } th { "who" } th { "bound" } } }
                tbody { @for Loss { row, line, missed } in losses {
                    tr {
                        td { a href=(format!("#{}", row.id)) { (row.id) } }
                        td { (line.title(row)) }
                        td { @for ahead in &line.better_than_ours { div { (show_ahead(ahead)) } } }
                        @if missed { td.missed { "missed" } } @else if line.noisy { td { "too noisy" } } @else { td {} }
                    }
                } }
            }
        }
    }
}

fn bounds(rows: &[Done]) -> Markup {
    let judged = rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    html! {
        table {
            thead { tr { @for head in ["row", "verdict", "figure", "ratio (95 %)", "must", "ours", "floor", "best peer"] {
                th { (head) }
            } } }
            tbody { @for (row, line) in judged { @for judged in &line.judged { (bound(row, line, judged)) } } }
        }
    }
}

fn bound(row: &Done, line: &Line, judged: &Judged) -> Markup {
    let of = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| line.unit.show(figure));
    html! {
        tr {
            td { a href=(format!("#{}", row.id)) { (row.id) } }
            td class=(class(judged.verdict)) { (judged.verdict) }
            td { (line.title(row)) }
            td { (ratio(judged, line.unit)) }
            td { (judged.must) }
            td { (ours(line)) }
            td { (of(line.floor().map(|floor| floor.figure.median))) }
            td { @if let Some(best) = best(line) { (line.unit.show(best.figure.median)) " " (best.name) } }
        }
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
                        span class=(class(judged.verdict)) { (judged.verdict) } "." }
                }
                @if let (true, Some(best)) = (line.judged.is_empty(), &line.to_best) {
                    p { "No bound. Ours divided by " (best.against) ": " (unbounded(line).unwrap_or_default()) "." }
                }
                (chart(line))
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

pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reached => "reached",
        Verdict::Missed => "missed",
        Verdict::LikelyReached | Verdict::LikelyMissed => "likely",
        Verdict::Noise | Verdict::TooFew | Verdict::Unmeasured => "open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::PLAN;
    use crate::report::tests::done;

    #[test]
    fn the_page_has_every_row_loss_and_chart() {
        let machine = Circumstances::now(None);
        let page = super::page(&machine, &PLAN, &[done("P1"), done("P2")]);
        assert_eq!(page.matches("class=\"chart\"").count(), 4);
        assert_eq!(
            page.matches("class=\"ahead\"").count() + page.matches("class=\"bar ahead\"").count(),
            1 + 2,
            "in the legend and in a chart of each row"
        );
        for part in ["id=\"P1\"", "id=\"P2\"", "rayon 2.00 ×", "missed", "chili, forte: sleeps"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("http"), "the page needs nothing from elsewhere");
    }
}
