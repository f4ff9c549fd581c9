//! The tables of the README: written from what the models have said, and compared with it.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::Refusal;
use crate::said::{Line, tenths};

const BEGIN: &str = "<!-- written by `cargo models --table` -->";
const END: &str = "<!-- up to here -->";
const NOTHING: &str = "Tests that explore nothing: ";

/// The four tables, by what stands above each.
const HEADS: [(&str, &str, &str); 4] = [
    ("model", "executions | bound", "---:|---"),
    ("control", "rejected after", "---:"),
    ("test of the model", "executions | bound", "---:|---"),
    ("control of the model", "rejected after", "---:"),
];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Row {
    /// The place of its table in [`HEADS`].
    table: usize,
    /// The number of the first invariant, for the order.
    invariant: u64,
    name: String,
    test: String,
    executions: u64,
    /// Threads and bound, unless it is a control.
    model: Option<(u64, String)>,
}

/// All rows, each with the tenths of a second that it took, in their order.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<(Row, u64)>,
    /// The tests that explore nothing.
    nothing: BTreeSet<String>,
}

impl Row {
    fn new(name: &str, test: &str, executions: u64, model: Option<(u64, String)>) -> Self {
        let number = name.strip_prefix('I').map(|rest| {
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok()
        });
        let invariant = number.flatten();
        let table = if invariant.is_some() { 0 } else { 2 } + usize::from(model.is_none());
        Self {
            table,
            invariant: invariant.unwrap_or(0),
            name: name.to_owned(),
            test: test.to_owned(),
            executions,
            model,
        }
    }

    fn text(&self, tenths: u64) -> String {
        let Self { name, test, executions, model, .. } = self;
        let (executions, seconds) = (grouped(*executions), tenths as f64 / 10.0);
        match model {
            Some((threads, bound)) => {
                format!("| {name} | `{test}` | {threads} | {executions} | {bound} | {seconds:.1} |")
            }
            None => format!("| {name} | `{test}` | {executions} | {seconds:.1} |"),
        }
    }

    /// The row that this line of the README is.
    fn parse(line: &str) -> Option<(Self, u64)> {
        let cells: Vec<_> =
            line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::trim).collect();
        let number = |text: &str| text.replace(',', "").parse().ok();
        let (name, test, executions, model, seconds) = match cells[..] {
            [name, test, threads, executions, bound, seconds] => {
                let model = (number(threads)?, bound.to_owned());
                (name, test, executions, Some(model), seconds)
            }
            [name, test, executions, seconds] => (name, test, executions, None, seconds),
            _ => return None,
        };
        let test = test.strip_prefix('`')?.strip_suffix('`')?;
        Some((Self::new(name, test, number(executions)?, model), tenths(seconds)?))
    }
}

impl Table {
    /// The table of these tests: their paths, and what each has said.
    pub(crate) fn of<'a>(tests: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut table = Self::default();
        for (path, said) in tests {
            let test = last(path);
            let lines: Vec<_> = said.lines().filter_map(Line::parse).collect();
            if lines.is_empty() {
                table.nothing.insert(test.to_owned());
            }
            table.rows.extend(lines.into_iter().map(|line| {
                (Row::new(&line.name, test, line.executions, line.model), line.tenths)
            }));
        }
        table.rows.sort();
        table
    }

    /// The table that stands in the README. Empty if there is none yet.
    pub(crate) fn read(text: &str) -> Self {
        let Some((_, inside, _)) = split(text) else { return Self::default() };
        let nothing = inside.lines().find_map(|line| line.strip_prefix(NOTHING));
        let mut rows: Vec<_> = inside.lines().filter_map(Row::parse).collect();
        rows.sort();
        Self {
            rows,
            nothing: nothing
                .into_iter()
                .flat_map(|names| names.split('`').filter(|name| name.contains('_')))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// How long a test took, and for ever if the table does not know it.
    pub(crate) fn tenths_of(&self, path: &str) -> u64 {
        let test = last(path);
        if self.nothing.contains(test) {
            return 0;
        }
        let mut rows = self.rows.iter().filter(|(row, _)| row.test == test).peekable();
        if rows.peek().is_none() { u64::MAX } else { rows.map(|(_, tenths)| tenths).sum() }
    }

    /// The README with this table in the place of its own.
    pub(crate) fn put_into(&self, text: &str) -> Result<String, Refusal> {
        let (before, _, after) =
            split(text).ok_or_else(|| format!("the README has no lines {BEGIN} and {END}"))?;
        Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", self.text()))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (at, (what, columns, line)) in HEADS.into_iter().enumerate() {
            let threads = if at % 2 == 0 { ("threads | ", "---:|") } else { ("", "") };
            let _ = write!(text, "\n| {what} | test | {}{columns} | seconds |", threads.0);
            let _ = write!(text, "\n|---|---|{}{line}|---:|\n", threads.1);
            for (row, tenths) in self.rows.iter().filter(|(row, _)| row.table == at) {
                let _ = writeln!(text, "{}", row.text(*tenths));
            }
        }
        let nothing: Vec<_> = self.nothing.iter().map(|test| format!("`{test}`")).collect();
        let _ = writeln!(text, "\n{NOTHING}{}", nothing.join(", "));
        text
    }

    /// What differs in `found`, but for the seconds.
    pub(crate) fn differences(&self, found: &Self) -> Vec<String> {
        let lines = |table: &Self| -> Vec<String> {
            let rows = table.rows.iter().map(|(row, _)| row.text(0));
            rows.chain(table.nothing.iter().map(|test| format!("{NOTHING}{test}"))).collect()
        };
        let (old, new) = (lines(self), lines(found));
        let gone = missing(&old, &new).map(|line| format!("- {line}"));
        let come = missing(&new, &old).map(|line| format!("+ {line}"));
        gone.chain(come).collect()
    }
}

/// The lines that are more often in `these` than in `others`.
fn missing<'a>(these: &'a [String], others: &'a [String]) -> impl Iterator<Item = &'a String> {
    let mut left = others.to_vec();
    these.iter().filter(move |line| match left.iter().position(|other| other == *line) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    })
}

/// What stands before the table, in its place, and behind it.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (inside, after) = rest.split_once(END)?;
    Some((before, inside, after))
}

/// The name of a test without its modules.
fn last(path: &str) -> &str {
    path.rsplit("::").next().expect("a path has a last part")
}

/// `12345` is `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: [(&str, &str); 4] = [
        (
            "block::models::a_call_runs",
            "I10 a ‖ b: 12345 executions, 2 outcomes, 3 threads, bound none, 1.2 s\n\
             I10 control: no edge: rejected after 7 executions, 0.0 s: I10: no",
        ),
        ("models::two", "I2 c: 2 executions, 1 outcomes, 2 threads, bound 3, 99.0 s"),
        ("models::litmus::hole", "HOLE: rejected after 24 executions, 0.0 s: Causality"),
        ("models::invariants::all_there", "running 1 test"),
    ];

    fn page() -> String {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        Table::of(SAID.into_iter()).put_into(&page).expect("it has a place")
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (page, table) = (page(), Table::of(SAID.into_iter()));
        assert!(page.starts_with("before\n") && page.ends_with("\nafter\n"), "{page}");
        let read = Table::read(&page);
        assert_eq!(read.rows, table.rows);
        assert_eq!(read.nothing, table.nothing);
        assert_eq!(read.differences(&table), [""; 0]);
        assert_eq!(read.put_into(&page).as_ref(), Ok(&page), "to write is to leave alone");
    }

    #[test]
    fn the_rows_stand_by_the_numbers_of_their_invariants() {
        let page = page();
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(at("| I2 c | `two` | 2 | 2 | 3 | 99.0 |") < at("| I10 a ‖ b | `a_call_runs` "));
        assert!(at("| 12,345 | none | 1.2 |") < at("| I10 control: no edge | `a_call_runs` | 7 |"));
        assert!(at("I10 control") < at("| HOLE | `hole` | 24 | 0.0 |"));
    }

    #[test]
    fn a_count_that_changes_is_stale_and_seconds_are_not() {
        let slower = SAID.map(|(test, said)| (test, said.replace("99.0 s", "1.0 s")));
        let slower = slower.iter().map(|(test, said)| (*test, said.as_str()));
        assert_eq!(Table::read(&page()).differences(&Table::of(slower)), [""; 0]);
        let other = SAID.map(|(test, said)| (test, said.replace("12345", "12346")));
        let other = other.iter().map(|(test, said)| (*test, said.as_str()));
        assert_eq!(Table::read(&page()).differences(&Table::of(other)).len(), 2);
        let fewer = Table::of(SAID.into_iter().skip(1));
        assert_eq!(Table::read(&page()).differences(&fewer).len(), 2);
    }

    #[test]
    fn the_longest_comes_first_and_the_unknown_before() {
        let table = Table::read(&page());
        let tenths = |test| table.tenths_of(test);
        assert_eq!(tenths("models::two"), 990);
        assert_eq!(tenths("models::never_seen"), u64::MAX);
        assert_eq!(tenths("models::invariants::all_there"), 0);
    }
}
