//! Two runs side by side: has anything become worse?
//!
//! Figures of two runs are not to be compared, so the **ratios** are: ours to whom a bound names,
//! or to the best peer. A ratio has become worse if it has changed for the worse by more than the
//! threshold, and no value lies in both intervals. A change of one alone may be noise.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::document::Document;
use crate::row::Unit;
use crate::verdict::Interval;

/// A ratio that both runs may have.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Key {
    row: String,
    figure: String,
    /// The bound, or that it is the ratio to the best peer.
    of: String,
}

struct Ratio {
    interval: Interval,
    more_is_better: bool,
    noisy: bool,
}

/// What has become of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Worse,
    Better,
    Noisy,
    Same,
}

impl Change {
    fn of(old: &Ratio, new: &Ratio, threshold: f64) -> Self {
        if old.noisy || new.noisy {
            return Self::Noisy;
        }
        let (old, is_more) = (old.interval, new.more_is_better);
        let new = new.interval;
        let grown = new.median > old.median * (1.0 + threshold) && new.low > old.high;
        let shrunk = new.median < old.median / (1.0 + threshold) && new.high < old.low;
        match (grown, shrunk) {
            (true, _) => {
                if is_more {
                    Self::Better
                } else {
                    Self::Worse
                }
            }
            (_, true) => {
                if is_more {
                    Self::Worse
                } else {
                    Self::Better
                }
            }
            _ => Self::Same,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Worse => "**worse**",
            Self::Better => "better",
            Self::Noisy => "too noisy",
            Self::Same => "same",
        }
    }
}

/// A comparison of two documents.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Markdown: what has changed, the losses first.
    pub(crate) page: String,
    pub(crate) is_worse: bool,
}

/// Compares a run with an earlier one. A ratio may change by the `threshold`, a share.
///
/// # Errors
///
/// If the pools had different numbers of workers, or the runs have no ratio in common.
pub(crate) fn compare(
    old: &Document,
    new: &Document,
    threshold: f64,
) -> Result<Comparison, String> {
    if old.plan.workers != new.plan.workers {
        return Err(format!(
            "the pools had {} workers in the first file and {} in the second",
            old.plan.workers, new.plan.workers
        ));
    }
    let (before, mut after) = (ratios(old), ratios(new));
    let (mut changes, mut gone) = (Vec::new(), Vec::new());
    for (key, old) in before {
        match after.remove(&key) {
            Some(new) => changes.push((Change::of(&old, &new, threshold), key, old, new)),
            None => gone.push(key),
        }
    }
    if changes.is_empty() {
        return Err("the two files have no ratio in common".to_owned());
    }
    changes.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let count = |change| changes.iter().filter(|one| one.0 == change).count();
    let is_worse = count(Change::Worse) > 0;
    let name = |run: &Document| {
        let all = &run.circumstances;
        format!("{}, {}", all.commit.as_deref().unwrap_or("no commit known"), all.date)
    };
    let mut page = format!(
        "# Compared\n\n* old: {}\n* new: {}\n* {} ratios: {} worse, {} better, {} too noisy, {} the \
         same. A ratio counts as changed if it differs by more than {:.0} % and the intervals do \
         not meet. So many comparisons are not corrected for their number.\n",
        name(old),
        name(new),
        changes.len(),
        count(Change::Worse),
        count(Change::Better),
        count(Change::Noisy),
        count(Change::Same),
        threshold * 100.0,
    );
    page.push_str("\n| row | figure | ratio | old (95 %) | new (95 %) | change | |\n");
    page.push_str("|---|---|---|---:|---:|---:|---|\n");
    for (change, key, old, new) in &changes {
        let share = (new.interval.median / old.interval.median - 1.0) * 100.0;
        let change = change.word();
        let [old, new] = [old, new].map(|ratio| show(ratio.interval));
        let Key { row, figure, of } = key;
        _ = writeln!(
            page,
            "| {row} | {figure} | {of} | {old} | {new} | {share:+.0} % | {change} |"
        );
    }
    for (keys, what) in
        [(gone, "Only in the old run"), (after.into_keys().collect(), "Only in the new run")]
    {
        if !keys.is_empty() {
            let mut names: Vec<_> =
                keys.into_iter().map(|key| format!("{} {}", key.row, key.figure)).collect();
            names.dedup();
            _ = write!(page, "\n{what}: {}.\n", names.join(", "));
        }
    }
    Ok(Comparison { page, is_worse })
}

fn ratios(run: &Document) -> BTreeMap<Key, Ratio> {
    let mut all = BTreeMap::new();
    for row in &run.rows {
        for measure in &row.lines {
            let key = |of: &str| Key {
                row: row.id.clone(),
                figure: measure.key.clone(),
                of: of.to_owned(),
            };
            let noisy = measure.noisy;
            for judged in &measure.judged {
                let Some(interval) = judged.ratio else { continue };
                let more_is_better = judged.must.starts_with('≥');
                all.insert(key(&judged.must), Ratio { interval, more_is_better, noisy });
            }
            if let (true, Some(best)) = (measure.judged.is_empty(), &measure.to_best) {
                let more_is_better = measure.unit == Unit::Rate;
                let ratio = Ratio { interval: best.ratio, more_is_better, noisy };
                all.insert(key("to the best peer"), ratio);
            }
        }
    }
    all
}

fn show(Interval { low, median, high }: Interval) -> String {
    let digits = if median < 0.1 { 6 } else { 2 };
    format!("{median:.digits$} ({low:.digits$}..{high:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;
    use crate::done::Done;
    use crate::report::tests::done;

    /// Two rows, each with one bound whose ratio is given.
    fn run(rate: [f64; 3], p50: [f64; 3]) -> Document {
        let row = |id: &str, key: &str, must: &str, [low, median, high]: [f64; 3]| {
            let mut row = done(id);
            row.lines.truncate(1);
            row.lines[0].key = key.to_owned();
            row.lines[0].judged[0].must = must.to_owned();
            row.lines[0].judged[0].ratio = Some(Interval { low, median, high });
            row
        };
        let rows =
            vec![row("P4", "rate", "≥ 1.5 × best", rate), row("P1", "p50", "≤ 2.5 × floor", p50)];
        Document { rows, ..document(&[]) }
    }

    const RATE: [f64; 3] = [1.9, 2.0, 2.1];
    const P50: [f64; 3] = [1.0, 1.1, 1.2];

    fn changes(rate: [f64; 3], p50: [f64; 3]) -> (bool, [bool; 2]) {
        let compared = compare(&run(RATE, P50), &run(rate, p50), 0.05).expect("two runs");
        let is_worse = |row: &str| {
            let row = format!("| {row} |");
            let line = compared.page.lines().find(|line| line.starts_with(&row));
            line.expect("each row has a line").contains("**worse**")
        };
        (compared.is_worse, [is_worse("P4"), is_worse("P1")])
    }

    #[test]
    fn worse_is_what_is_beyond_the_threshold_and_the_interval() {
        assert_eq!(changes(RATE, P50), (false, [false; 2]));
        assert_eq!(changes([1.7, 1.8, 1.85], P50), (true, [true, false]), "a rate falls");
        assert_eq!(changes(RATE, [1.3, 1.4, 1.5]), (true, [false, true]), "a time grows");
        assert_eq!(changes([2.5, 2.6, 2.7], [0.5, 0.6, 0.7]), (false, [false; 2]), "both better");
        assert_eq!(changes(RATE, [1.15, 1.4, 1.5]), (false, [false; 2]), "the intervals meet");
        assert_eq!(changes([1.88, 1.89, 1.895], P50), (true, [true, false]));
        assert_eq!(changes([1.88, 1.91, 1.899], P50), (false, [false; 2]), "less than 5 %");
    }

    #[test]
    fn the_losses_come_first_and_what_one_run_alone_has_is_named() {
        let mut old = run(RATE, P50);
        "P0".clone_into(&mut old.rows[1].id);
        let compared = compare(&old, &run([1.0, 1.1, 1.2], P50), 0.05).expect("two runs");
        assert!(compared.page.contains("1 ratios: 1 worse"), "{}", compared.page);
        assert!(compared.page.contains("Only in the old run: P0 p50."), "{}", compared.page);
        assert!(compared.page.contains("Only in the new run: P1 p50."), "{}", compared.page);
    }

    #[test]
    fn runs_that_cannot_be_compared_are_refused_with_the_reason() {
        let good = run(RATE, P50);
        let why = |new: &Document| compare(&good, new, 0.05).expect_err("not to be compared");
        let mut more = good.clone();
        more.plan.workers = 16;
        assert_eq!(why(&more), "the pools had 2 workers in the first file and 16 in the second");
        let rows = good.rows.iter().map(|row| Done { id: format!("{}9", row.id), ..row.clone() });
        let others = Document { rows: rows.collect(), ..good.clone() };
        assert_eq!(why(&others), "the two files have no ratio in common");
    }
}
