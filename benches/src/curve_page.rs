//! The document of a curve as a page of Markdown.

use std::fmt::Write as _;

use crate::curve::{Document, Figure, Point, RowOf};
use crate::document::FORMAT;
use crate::page::{Head, show_ratio};

/// Whether a document is that of a curve.
pub(crate) fn is_curve(document: &str) -> bool {
    let all: Result<serde_json::Value, _> = serde_json::from_str(document);
    all.is_ok_and(|all| all.get("curve").is_some())
}

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
    let numbers: Vec<_> = all.curve.iter().map(u16::to_string).collect();
    let numbers = format!("pools of {} workers", numbers.join(", "));
    let head = Head {
        circumstances: &all.circumstances,
        turns: all.turns,
        submitters: all.submitters,
        seed: all.seed,
        noise_limit: all.noise_limit,
    };
    let mut text = head.show("Performance by the number of workers", source, &numbers);
    let cores = all.circumstances.machine.cores;
    let beyond: Vec<_> = all
        .curve
        .iter()
        .filter(|workers| usize::from(**workers) > cores)
        .map(u16::to_string)
        .collect();
    if !beyond.is_empty() {
        _ = writeln!(
            text,
            "**This machine has {cores} processors. With {} workers, threads share them: these lines \
             show that the rows work, and say nothing of machines with more processors.**\n",
            beyond.join(", ")
        );
    }
    text.push_str(
        "\"Gain\" is how many times better ours is than with the first number of workers. Ratios are ours \
         divided by the best peer's of those asked.\n",
    );
    for row in &all.rows {
        row_of(row, &mut text);
    }
    Ok(text)
}

fn row_of(row: &RowOf, text: &mut String) {
    _ = writeln!(text, "\n## {}: {}", row.id, row.work);
    let figures = row.points.first().map_or(0, |point| point.measures.len());
    for at in 0..figures {
        let what = &row.points[0].measures[at].line.what;
        let title = if what.is_empty() { &row.work } else { what };
        _ = write!(
            text,
            "\n| {title}: workers | ours (95 %) | gain | best peer | ratio (95 %) | bounds |\n\
             |---:|---:|---:|---|---:|---|\n"
        );
        for Point { workers, measures, .. } in &row.points {
            let Figure { line, gain } = &measures[at];
            let ours = line.ours().map_or("–".to_owned(), |ours| line.unit.show_interval(ours));
            let gain = gain.map_or("–".to_owned(), show_ratio);
            let (best, ratio) = line
                .to_best
                .as_ref()
                .map_or(("–", "–".to_owned()), |best| (&*best.against, show_ratio(best.ratio)));
            let bounds: Vec<_> = line
                .judged
                .iter()
                .map(|judged| format!("{}: {}", judged.must, judged.verdict))
                .collect();
            let bounds = bounds.join("<br>");
            _ = writeln!(text, "| {workers} | {ours} | {gain} | {best} | {ratio} | {bounds} |");
        }
    }
    for Point { workers, race, .. } in &row.points {
        for (name, why) in &race.failed {
            _ = writeln!(text, "\n{name} failed with {workers} workers: {why}.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::document;

    #[test]
    fn a_page_of_a_curve_has_a_line_for_each_number_of_workers() {
        let text = document();
        assert!(is_curve(&text) && !is_curve("{}"));
        let shown = page(&text, "a.json").expect("it was just written");
        for line in [
            "| 1 | 4.00 /s (4.00 /s..4.00 /s) | 1.00 (1.00..1.00) | rayon | 0.50 (0.50..0.50) | \
             ≥ 0.9 × rayon: missed |",
            "| 2 | 8.00 /s (8.00 /s..8.00 /s) | 2.00 (2.00..2.00) | rayon | 1.00 (1.00..1.00) | \
             ≥ 0.9 × rayon: reached |",
        ] {
            assert!(shown.contains(line), "{line} is not in {shown}");
        }
    }

    #[test]
    fn a_page_says_when_threads_shared_the_processors() {
        let text = |cores: usize| {
            let mut all: serde_json::Value = serde_json::from_str(&document()).expect("JSON");
            all["machine"]["cores"] = cores.into();
            page(&all.to_string(), "a.json").expect("it is a document")
        };
        assert!(text(1).contains("has 1 processors. With 2 workers"), "{}", text(1));
        assert!(!text(2).contains("share them"));
    }
}
