//! What must stand beside the figures: how they were measured, where, and what else holds the code.

use maud::{Markup, html};

use crate::document::Document;
use crate::machine::{Circumstances, Package};
use crate::sentences::repeat;

pub(super) fn proofs(all: &Document) -> Markup {
    html! {
        @if let Some(provenance) = &all.circumstances.provenance {
            @let proofs = &provenance.proofs;
            p { "A figure says nothing of correctness. At this revision the ledgers of the repository count:" }
            ul {
                li { (proofs.ordering_ends) " ends of happens-before edges, in " code { "docs/orderings.md" } ". Of the edges, "
                    (proofs.edges_with_models) " have a loom model that fails when an end is weakened, and "
                    (proofs.edges_with_reasons) " have none, each with the reason." }
                li { (proofs.models) " such models. " code { "cargo models" } " runs them with all the others, each with a control that must fail; "
                    code { "cargo orderings" } " weakens each ordering in turn." }
                li { (proofs.unsafe_blocks) " unsafe blocks, in " code { "docs/unsafe.md" } ", each with the obligations that it meets." }
            }
            p { "The report counts what the ledgers say. It runs none of the models." }
        } @else {
            p { "This run was measured before reports told of proofs. " code { "docs/orderings.md" } " and " code { "docs/unsafe.md" }
                " of its revision list them." }
        }
    }
}

pub(super) fn method() -> Markup {
    html! {
        ul {
            li { "A " b { "row" } " (P1, P2 and so on) is a piece of work that every contestant does, each in a process of its own, "
                "with its results checked. Contestants take turns in an order that is shuffled anew in each turn." }
            li { "The " b { "floor" } " is what no pool can beat: the bare primitive, or sequential time divided by the workers. "
                "A " b { "baseline" } " is what a program would do without a pool. Who stands " b { "beside" } " is reported, and never the best peer." }
            li { b { "Must" } " is the bound of a figure. A ratio is ours divided by the other's, turn by turn, so that a slow drift of "
                "the machine cancels out. The " b { "best" } " peer is the one against which ours looks worst." }
            li { "The " b { "interval" } " holds the true median with 95 % probability, whatever the distribution: the sign test's, "
                "which of six to eight turns is everything that was seen." }
            li { "A " b { "median" } " stands for all turns, and not a mean, since one disturbed turn moves a mean as far as it likes." }
            li { "A bound is " b { "reached" } " if the whole interval keeps it, " b { "missed" } " if the whole interval is beyond it, "
                "and likely the one or the other in between." }
            li { "Only ratios within one run mean anything. Figures of two machines, and of two runs, cannot be compared." }
        }
    }
}

pub(super) fn provenance(all: &Document) -> Markup {
    let Circumstances { date, millpond, commit, rustc, machine, peers, provenance } =
        &all.circumstances;
    let peers: Vec<_> =
        peers.iter().map(|Package { name, version }| format!("{name} {version}")).collect();
    let loudest = all.rows.iter().filter_map(|row| row.race.most_noise()).reduce(f64::max);
    let repeats: u32 = all.rows.iter().flat_map(|row| &row.race.repeats).sum();
    let facts = [
        ("millpond", millpond.clone()),
        ("Revision", commit.clone().unwrap_or_else(|| "no commit known".to_owned())),
        ("Compiler", rustc.clone()),
        ("Began", date.clone()),
        ("Processor", format!("{} of {}", machine.cores, machine.processor)),
        ("Kernel", format!("Linux {}", machine.kernel)),
        ("Python", machine.python.clone().unwrap_or_else(|| "no Python found".to_owned())),
        ("Plan", all.plan.to_string()),
        (
            "Others' share, the loudest turn kept",
            loudest.map_or("the system does not tell".to_owned(), |most| {
                format!("{:.1} %", most * 100.0)
            }),
        ),
        ("Turns repeated for noise", repeats.to_string()),
        ("Peers", peers.join(", ")),
    ];
    html! {
        dl {
            @for (name, fact) in &facts { dt { (name) } dd { (fact) } }
            @for (name, fact) in provenance.iter().flat_map(|more| more.facts()) { dt { (name) } dd { (fact) } }
        }
        @if provenance.is_none() {
            p { "This run was measured before reports told of affinity, quota, governor, clock and the like." }
        }
    }
}

pub(super) fn again(all: &Document, json: Option<&str>) -> Markup {
    html! {
        pre tabindex="0" { (repeat(all)) }
        p {
            @if let Some(json) = json {
                "Every single figure stands in " a href=(json) download { (json) } ". "
            } @else {
                "Every single figure stands in the JSON file that this page was made from. "
            }
            code { "cargo bench-report schema" } " prints its JSON Schema, and " code { "cargo bench-report render" } " makes this page of it again."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn what_a_document_does_not_have_is_said_and_not_invented() {
        let mut all = document(&["P1"]);
        let full = provenance(&all).into_string();
        let facts = all.circumstances.provenance.as_ref().map_or(0, |more| more.facts().len());
        assert_eq!(full.matches("<dt>").count(), 11 + facts);
        assert!(proofs(&all).into_string().contains("unsafe blocks"));
        all.circumstances.provenance = None;
        let old = provenance(&all).into_string();
        assert!(
            old.contains("before reports told of affinity") && old.matches("<dt>").count() == 11
        );
        assert!(proofs(&all).into_string().contains("before reports told of proofs"));
    }

    #[test]
    fn the_figures_can_be_had_where_they_stand_beside_the_page() {
        let all = document(&["P1"]);
        assert!(again(&all, Some("a.json")).into_string().contains("href=\"a.json\" download"));
        assert!(!again(&all, None).into_string().contains("href"));
    }
}
