//! docs/catalogue.md, as text: what its rows say, and the same text with another last column.

use crate::cells;
use std::collections::BTreeSet;

/// The titles of the columns of every table with rows of the register.
const TITLES: [&str; 3] = ["id", "what it promises", "held by"];

/// The catalogue with its last column as `held_by` says, and what is wrong with its rows. `ids` are
/// those that must have a row.
pub(crate) fn rewritten(
    text: &str,
    ids: &[String],
    held_by: impl Fn(&str) -> String,
) -> (String, Vec<String>) {
    let known: BTreeSet<_> = ids.iter().map(String::as_str).collect();
    let (mut fresh, mut wrong) = (String::new(), Vec::new());
    let (mut has_row, mut lists_ids) = (BTreeSet::new(), false);
    for (number, line) in (1..).zip(text.lines()) {
        let cells = cells(line);
        let is_row = lists_ids && !cells.is_empty() && !cells[0].starts_with("---");
        if is_row {
            let (id, says) = (&cells[0], cells.get(1).map_or("", String::as_str));
            if cells.len() != TITLES.len() {
                wrong.push(format!("line {number} has {} cells, not 3", cells.len()));
            }
            if !known.contains(id.as_str()) {
                wrong.push(format!("line {number} has no id: {id:?} is none"));
            } else if !has_row.insert(id.clone()) {
                wrong.push(format!("line {number}: {id} has a row above"));
            }
            if says.trim_end_matches('.').is_empty() || !says.ends_with('.') {
                wrong.push(format!("line {number}: {id} promises nothing in a sentence: {says:?}"));
            }
            fresh.push_str(&format!("| {id} | {} | {} |\n", escaped(says), held_by(id)));
        } else {
            fresh.push_str(line);
            fresh.push('\n');
        }
        lists_ids = (lists_ids || cells == TITLES) && !cells.is_empty();
    }
    let without = ids.iter().filter(|id| !has_row.contains(*id));
    wrong.extend(without.map(|id| format!("{id} has no row")));
    (fresh, wrong)
}

/// Text for a cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The number of the first line in which two texts differ, if they do.
pub(crate) fn first_difference(one: &str, other: &str) -> Option<usize> {
    let (mut one, mut other) = (one.lines(), other.lines());
    (1..).find_map(|number| match (one.next(), other.next()) {
        (None, None) => Some(None),
        (here, there) => (here != there).then_some(Some(number)),
    })?
}

#[test]
fn each_mistake_of_a_row_is_found() {
    let ids = ["NEW-01", "NEW-02"].map(str::to_owned);
    let table =
        |rows: &str| format!("# T\n\n| id | what it promises | held by |\n|---|---|---|\n{rows}");
    let right = "| NEW-01 | It \\| so. | t |\n| NEW-02 | It does. | t |\n";
    let look = |rows: &str| rewritten(&table(rows), &ids, |_| "t".to_owned());
    assert_eq!(look(right), (table(right), Vec::new()));
    let (fresh, wrong) = look("| NEW-01 | It \\| so. | old |\n| NEW-02 | It does. | |\n");
    assert_eq!((fresh.as_str(), wrong.len()), (table(right).as_str(), 0));
    assert_eq!(first_difference(&fresh, &table("| NEW-01 |")), Some(5));
    assert_eq!(first_difference(&fresh, &fresh), None);
    for (rows, mistake) in [
        ("| NEW-01 | It does. | t |\n", "NEW-02 has no row"),
        ("| NEW-01 | It does. | t |\n| NEW-02 | | t |\n", "NEW-02 promises nothing"),
        ("| NEW-01 | It does. | t |\n| NEW-02 | . | t |\n", "NEW-02 promises nothing"),
        (&format!("{right}| NEW-03 | It does. | t |\n"), "has no id"),
        (&format!("{right}| | It does. | t |\n"), "has no id"),
        (&format!("{right}| NEW-02 | It does. | t |\n"), "NEW-02 has a row above"),
        (&format!("{right}| NEW-02 | It does. |\n"), "2 cells, not 3"),
    ] {
        let (_, wrong) = look(rows);
        assert!(wrong.iter().any(|wrong| wrong.contains(mistake)), "{rows}: {wrong:?}");
    }
}
