//! The verdict of a run in a few sentences, and how to repeat it: the same words on every page.

use crate::document::Document;
use crate::done::Done;
use crate::judge::Judged;
use crate::verdict::Verdict;

/// A sentence that may be about a row.
#[derive(Debug, PartialEq)]
pub(crate) struct Sentence<'a> {
    pub(crate) before: String,
    pub(crate) row: &'a str,
    pub(crate) after: String,
}

impl Sentence<'_> {
    pub(crate) fn text(&self) -> String {
        format!("{}{}{}", self.before, self.row, self.after)
    }
}

/// Below it a machine says little of others.
const ENOUGH_CORES: usize = 4;

/// What must be said first where the machine has few processors.
pub(crate) fn few_cores(all: &Document) -> Option<String> {
    let cores = all.circumstances.machine.cores;
    let processors = if cores == 1 { "processor" } else { "processors" };
    (cores < ENOUGH_CORES).then(|| {
        format!("Measured on {cores} {processors}. It says little about a machine with many.")
    })
}

/// How many bounds are kept, the worst, the best.
pub(crate) fn sentences<'r>(all: &'r Document) -> Vec<Sentence<'r>> {
    let judged = || {
        let lines = all.rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
        lines.flat_map(|(row, line)| line.judged.iter().map(move |judged| (row, judged)))
    };
    let count = |is: fn(Verdict) -> bool| judged().filter(|(_, j)| is(j.verdict)).count();
    let kept = count(|verdict| matches!(verdict, Verdict::Reached | Verdict::LikelyReached));
    let (broken, number) = (count(Verdict::is_loss), judged().count());
    let open = match number - kept - broken {
        0 => String::new(),
        open => format!(" Of {open} nothing can be said."),
    };
    let bounds = if number == 1 { "bound" } else { "bounds" };
    let before = format!(
        "Of {number} {bounds} {kept} are kept or likely kept, and {broken} are missed or likely missed.{open}"
    );
    let mut text = vec![Sentence { before, row: "", after: String::new() }];
    let with_share = || judged().filter_map(|(row, j)| Some((row, j, j.share()?)));
    let most = with_share().max_by(|a, b| a.2.total_cmp(&b.2)).filter(|most| most.2 > 1.0);
    // A count of 0 is infinitely better than any bound, and says nothing of others.
    let least = with_share()
        .filter(|(_, judged, _)| !judged.against.is_empty())
        .min_by(|a, b| a.2.total_cmp(&b.2))
        .filter(|least| least.2 < 1.0);
    let about = |what: &str, (row, judged, share): (&'r Done, &Judged, f64), than: &str| Sentence {
        before: what.to_owned(),
        row: &row.id,
        after: format!(", {}: {share:.1} times {than} ({}).", row.work, judged.must),
    };
    text.extend(most.map(|most| about("The worst is ", most, "what the bound allows")));
    text.extend(least.map(|(row, judged, share)| {
        about("The best is ", (row, judged, 1.0 / share), "better than its bound")
    }));
    text
}

/// The commands that repeat a run.
pub(crate) fn repeat(all: &Document) -> String {
    let plan = &all.plan;
    let checkout = all.circumstances.commit.as_ref().map_or(String::new(), |commit| {
        format!("git checkout {}\n", commit.trim_end_matches("-dirty"))
    });
    let quick = if plan.quick { " --quick" } else { "" };
    let submitters =
        plan.submitters.map_or(String::new(), |number| format!(" --submitters {number}"));
    format!(
        "{checkout}cargo bench-report measure{quick} --turns {} --workers {}{submitters} --seed {}",
        plan.turns, plan.workers, plan.seed
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_verdict_is_said_in_sentences() {
        let mut all = document(&["P1", "P2"]);
        all.rows[1].lines[0].judged[0].ratio.as_mut().expect("it has one").median = 0.25;
        all.rows[1].lines[0].judged[0].verdict = Verdict::Reached;
        let said: Vec<_> = sentences(&all).iter().map(Sentence::text).collect();
        assert_eq!(
            said,
            [
                "Of 2 bounds 1 are kept or likely kept, and 1 are missed or likely missed.",
                "The worst is P1, some work: 2.0 times what the bound allows (≤ 1 × best).",
                "The best is P2, some work: 4.0 times better than its bound (≤ 1 × best).",
            ]
        );
        all.rows[0].lines[0].judged[0].verdict = Verdict::Noise;
        assert!(sentences(&all)[0].text().ends_with("Of 1 nothing can be said."));
    }

    #[test]
    fn a_run_is_repeated_with_its_options() {
        let mut all = document(&[]);
        all.circumstances.commit = Some("0123-dirty".to_owned());
        all.plan.quick = true;
        assert_eq!(
            repeat(&all),
            "git checkout 0123\ncargo bench-report measure --quick --turns 6 --workers 2 --seed 1"
        );
    }
}
