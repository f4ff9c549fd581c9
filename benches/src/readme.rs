//! The table of figures in the README of the repository: a few rows of the published run.

use std::fmt::Write as _;

use crate::document::Document;
use crate::row::Role;

/// The rows, and their work in a few words. Of each row the first figure is shown.
const ROWS: [(&str, &str); 11] = [
    ("P1", "round trip of an empty call"),
    ("P2", "the same on one processor"),
    ("P4", "calls from one thread, a million"),
    ("P5", "calls from four threads, a million"),
    ("P6", "tasks that a task spawns, a million"),
    ("P8", "`map` of items of 200 ns, of the sequential time"),
    ("P10", "`map` of 64 tiny items"),
    ("P11", "`imap`, an item of 200 ns"),
    ("P12", "`imap_unordered`, an item of 200 ns"),
    ("P18", "1,024 submissions to 1,024 idle workers"),
    ("P19", "a call while tasks keep all workers busy"),
];

const HEAD: &str =
    "| row | work | millpond | best other pool | rayon |\n|---|---|---:|---:|---:|\n";

/// The table.
fn table(all: &Document) -> String {
    let mut text = HEAD.to_owned();
    for (id, work) in ROWS {
        let Some(line) = all.rows.iter().find(|row| row.id == id).and_then(|row| row.lines.first())
        else {
            continue;
        };
        let show = |figure: f64| line.unit.show(figure);
        let ours = line.ours().map_or("–".to_owned(), |ours| show(ours.median));
        let peers = || line.standings.iter().filter(|standing| standing.role == Role::Peer);
        let best = peers().next().map_or("–".to_owned(), |best| {
            format!("{} ({})", show(best.figure.median), best.name)
        });
        let rayon = peers().find(|peer| peer.name == "rayon");
        let rayon = rayon.map_or("–".to_owned(), |rayon| show(rayon.figure.median));
        _ = writeln!(text, "| {id} | {work} | {ours} | {best} | {rayon} |");
    }
    text
}

/// The README with the table of this run in the place of the one that it has.
///
/// # Errors
///
/// If it has no such table.
pub(crate) fn with_table(readme: &str, all: &Document) -> Result<String, String> {
    let (before, rest) = readme.split_once(HEAD).ok_or("the README has no table of figures")?;
    let after = rest.split_once("\n\n").ok_or("nothing follows the README's table of figures")?.1;
    Ok(format!("{before}{}\n{after}", table(all)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_table_is_replaced_and_nothing_else() {
        let readme = format!("# A pool\n\n{HEAD}| P1 | old |\n| P2 | old |\n\nThe machine.\n");
        let new = with_table(&readme, &document(&["P1", "P3"])).expect("it has a table");
        assert_eq!(
            new,
            format!(
                "# A pool\n\n{HEAD}| P1 | round trip of an empty call | 20.0 ns | 10.0 ns (rayon) | 10.0 ns |\n\
                 \nThe machine.\n"
            )
        );
        assert!(with_table("# A pool\n", &document(&[])).is_err());
    }
}
