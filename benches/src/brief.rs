//! A run in a page of Markdown, short enough for a README or a pull request.

use std::fmt::Write as _;

use crate::document::Document;
use crate::machine::{Circumstances, Machine};
use crate::page::{bounds, losses};
use crate::sentences::{few_cores, repeat, sentences};

/// The page.
pub(crate) fn brief(all: &Document) -> String {
    let Circumstances { date, millpond, commit, rustc, machine, .. } = &all.circumstances;
    let Machine { cores, processor, kernel, python } = machine;
    let mut text = String::from("# millpond against its peers\n\n");
    if let Some(banner) = few_cores(all) {
        _ = writeln!(text, "> {banner}\n");
    }
    for sentence in sentences(all) {
        _ = writeln!(text, "{}", sentence.text());
    }
    _ = write!(
        text,
        "\nmillpond {millpond}, {}, {rustc}, {date}; {cores} processors, {processor}, Linux {kernel}, {}. \
         {}.\n\n",
        commit.as_deref().unwrap_or("no commit known"),
        python.as_deref().unwrap_or("no Python found"),
        all.plan,
    );
    text.push_str(&bounds(all));
    text.push_str(&losses(all));
    _ = write!(text, "## Repeat it\n\n```sh\n{}\n```\n", repeat(all));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_brief_has_the_verdict_the_bounds_the_losses_and_how_to_repeat_it() {
        let mut all = document(&["P1", "P2"]);
        all.circumstances.machine.cores = 2;
        let text = brief(&all);
        for part in [
            "> Measured on 2 processors.",
            "Of 2 bounds 0 are kept or likely kept, and 2 are missed or likely missed.",
            "| P1 | some work | 20.0 ns (20.0 ns..20.0 ns) | rayon | 2.00 (2.00..2.00) | ≤ 1 × best | missed |",
            "| P2 | some work | rayon 2.00 × (2.00..2.00) |",
            "cargo bench-report measure --turns 6 --workers 2 --seed 1",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        all.circumstances.machine.cores = 4;
        assert!(!brief(&all).contains("> "));
    }
}
