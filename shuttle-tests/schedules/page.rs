//! The tables of the README: each scenario and each control has a row there, which says what it runs.
//!
//! `MILLPOND_LEDGERS=write cargo schedules` writes the rows. Else a scenario fails whose row is missing, or has other threads
//! or schedules. The seconds are of the run that wrote them, and so are the schedules after which a control was rejected: any
//! change of the library may move them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const WRITE: &str = "`MILLPOND_LEDGERS=write cargo schedules`";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Scenarios,
    Controls,
}

impl Table {
    fn begin(self) -> &'static str {
        match self {
            Self::Scenarios => "<!-- scenarios -->",
            Self::Controls => "<!-- controls -->",
        }
    }

    /// How many of the first cells must be as they are.
    fn firm(self) -> usize {
        match self {
            Self::Scenarios => 3,
            Self::Controls => 1,
        }
    }
}

const END: &str = "<!-- end -->";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// What stands before the rows of a table, its rows, and what stands behind them.
fn split(text: &str, table: Table) -> (&str, Vec<&str>, &str) {
    let (before, rest) = text.split_once(table.begin()).expect("the README has the table");
    let (inside, after) = rest.split_once(END).expect("the table has an end");
    (before, inside.lines().filter(|line| line.starts_with('|')).skip(2).collect(), after)
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// Writes the row, or fails if the README has another.
pub(crate) fn row(table: Table, row: &[&str]) {
    // Scenarios run side by side.
    static PAGE: Mutex<()> = Mutex::new(());
    let _held = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(page()).expect("the README is there");
    let (_, rows, _) = split(&text, table);
    let old = rows.iter().find(|old| cells(old)[0] == row[0]);
    let new = format!("| {} |", row.join(" | "));
    if std::env::var_os("MILLPOND_LEDGERS").is_some_and(|how| how == "write") {
        let text = match old {
            Some(old) => text.replacen(*old, &new, 1),
            None => {
                let (before, rest) = text.split_once(table.begin()).expect("it was found");
                let (inside, after) = rest.split_once(END).expect("it was found");
                format!("{before}{}{inside}{new}\n{END}{after}", table.begin())
            }
        };
        return fs::write(page(), text).expect("the README can be written");
    }
    let Some(old) = old else { panic!("the README has no row {new}: {WRITE}") };
    let firm = table.firm();
    assert_eq!(cells(old)[..firm], row[..firm], "the README's row is stale: {WRITE}");
}

#[test]
fn each_row_of_the_readme_is_a_scenario_or_a_control() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules");
    let files = fs::read_dir(folder).expect("the sources are there");
    let sources: String = files
        .map(|file| fs::read_to_string(file.expect("a file").path()).expect("it is text"))
        .collect();
    let text = fs::read_to_string(page()).expect("the README is there");
    let mut seen = BTreeSet::new();
    for table in [Table::Scenarios, Table::Controls] {
        let (_, rows, _) = split(&text, table);
        for row in rows {
            let name = cells(row)[0];
            assert!(sources.contains(&format!("\"{name}\"")), "no source has {name}");
            assert!(seen.insert(name), "{name} has two rows");
        }
    }
    assert!(seen.len() > 30, "the tables were not found: {seen:?}");
}
