//! The register: every row of the parity table, every program of the tutorials, every hang of Python's pool, every test of
//! CPython's and every fault of the fault catalogue has a test here that bears its id. `cargo test --test register -- --nocapture` prints what has none.
//!
//! A name bears an id if the id stands in it between underscores: `new_04_new_06_n_threads_at_once` bears NEW-04 and NEW-06.
//! What counts are functions with `#[test]` (the models among them) and the files that must, or must not, compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The rows of the parity table: the families, each numbered from 1.
const ROWS: [(&str, u32); 12] = [
    ("NEW", 11),
    ("INIT", 7),
    ("APP", 11),
    ("MAP", 24),
    ("IMAP", 28),
    ("RES", 18),
    ("CB", 18),
    ("LIFE", 18),
    ("ERR", 6),
    ("NEST", 6),
    ("PROC", 7),
    ("TIME", 11),
];

/// The complete programs of the five tutorials, each numbered from 1.
const PROGRAMS: [(&str, u32); 5] = [("S0", 7), ("S1", 2), ("S2", 3), ("S3", 24), ("S4", 12)];

/// The ways to hang Python's pool.
const HANGS: u32 = 22;

/// The faults that a user, their code or the machine can put to a pool.
const FAULTS: u32 = 51;

/// CPython's `WithThreadsTestPool`, and one of its tests for processes that says something of threads.
const CPYTHON: [&str; 25] = [
    "test_apply",
    "test_async",
    "test_async_error_callback",
    "test_async_timeout",
    "test_context",
    "test_empty_iterable",
    "test_enter",
    "test_imap",
    "test_imap_handle_iterable_exception",
    "test_imap_unordered",
    "test_imap_unordered_handle_iterable_exception",
    "test_make_pool",
    "test_map",
    "test_map_async",
    "test_map_async_callbacks",
    "test_map_chunksize",
    "test_map_handle_iterable_exception",
    "test_map_no_failfast",
    "test_release_task_refs",
    "test_resource_warning",
    "test_starmap",
    "test_starmap_async",
    "test_terminate",
    "test_traceback",
    "test_wrapped_exception",
];

/// What comes with the features for services. The first word is the row; a row with more words has a test for its other half.
const LATER: [(&str, &str); 3] = [
    ("INIT-02", "state of a type that each worker owns"),
    (
        "LIFE-16 shutdown",
        "closing, waiting and terminating by one deadline; `join_timeout` is there",
    ),
    ("NEST-06", "the submitter's span travels with its task"),
];

/// Rows about a speed, with their row of the benches: a performance claim is a benchmark, never a test.
const BENCHES: [(&str, &str); 1] = [("IMAP-27", "P11")];

/// Rows that nothing here could show: they concern what happens between processes.
const UNTESTABLE: [(&str, &str); 5] = [
    ("PROC-01", "arguments are not pickled"),
    ("PROC-02", "results are not pickled"),
    ("PROC-04", "workers are not replaced after so many tasks"),
    ("PROC-05", "there is no child to start, to be a daemon or to be killed"),
    ("PROC-06", "there is no child at whose exit anything could run"),
];

fn numbered(families: &[(&str, u32)], id: impl Fn(&str, u32) -> String) -> Vec<String> {
    families
        .iter()
        .flat_map(|(family, last)| (1..=*last).map(|n| id(family, n)).collect::<Vec<_>>())
        .collect()
}

fn rows() -> Vec<String> {
    numbered(&ROWS, |family, n| format!("{family}-{n:02}"))
}

/// As it stands in the name of a test.
fn in_names(id: &str) -> String {
    id.to_lowercase().replace('-', "_")
}

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources_below(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(sources_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push(path);
        }
    }
    sources
}

/// The functions of a source that `cargo test` runs: with `#[test]` and without `#[ignore]`.
fn tests_in(source: &str) -> Vec<String> {
    let (mut names, mut is_test, mut is_ignored) = (Vec::new(), false, false);
    for line in source.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]");
        is_ignored |= line.starts_with("#[ignore");
        if let Some(rest) = line.strip_prefix("fn ") {
            if is_test && !is_ignored {
                names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    names
}

/// The names of all tests, with the file each stands in.
fn tests() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = Vec::new();
    for folder in ["tests", "src", "loom-tests"] {
        for path in sources_below(&root.join(folder)) {
            let file = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            if file.starts_with("tests/compile_") && file.matches('/').count() == 2 {
                tests.push((path.file_stem().unwrap().to_string_lossy().into_owned(), file));
            } else {
                let names = tests_in(&fs::read_to_string(&path).unwrap());
                tests.extend(names.into_iter().map(|name| (name, file.clone())));
            }
        }
    }
    tests
}

/// The ids that a name bears. Of CPython's names, of which one can begin another, the longest at each place.
fn borne_by(name: &str, ids: &BTreeSet<String>) -> Vec<String> {
    let words: Vec<_> = name.split('_').collect();
    let mut borne = Vec::new();
    for start in 0..words.len() {
        let mut from_here = (start + 1..=words.len()).map(|end| words[start..end].join("_"));
        borne.extend(from_here.rfind(|id| ids.contains(id)));
    }
    borne
}

#[test]
fn every_id_has_a_test() {
    let mut required: BTreeSet<String> = rows().iter().map(|row| in_names(row)).collect();
    required.extend(numbered(&PROGRAMS, |text, n| in_names(&format!("{text}-E{n}"))));
    required.extend(numbered(&[("hang", HANGS)], |hang, n| format!("{hang}_{n:02}")));
    required.extend(CPYTHON.map(str::to_owned));
    required.extend(numbered(&[("f", FAULTS)], |f, n| format!("{f}{n:02}")));
    assert_eq!(required.len(), 165 + 48 + 22 + 25 + 51, "the ids are all different");

    let tests = tests();
    let mut covered: BTreeMap<String, &str> = BTreeMap::new();
    for (name, file) in &tests {
        covered.extend(borne_by(name, &required).into_iter().map(|id| (id, file.as_str())));
    }

    let rows_of_benches =
        sources_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/src/rows"));
    let benches: String =
        rows_of_benches.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for (row, bench) in BENCHES {
        assert!(benches.contains(&format!("\"{bench}\"")), "{row} has no bench {bench}");
        println!("{row}: a row of the benches: {bench}");
    }
    for (row, what) in LATER {
        println!("{row}: later: {what}");
    }
    for (row, why) in UNTESTABLE {
        println!("{row}: nothing to test: {why}");
    }
    for (row, _) in [&LATER[..], &BENCHES, &UNTESTABLE].concat() {
        let (row, is_half) = row.split_once(' ').map_or((row, false), |(row, _)| (row, true));
        let id = in_names(row);
        assert!(required.contains(&id), "{row} is no row");
        // Half a row that comes later does not excuse the other half.
        if !is_half {
            assert!(
                !covered.contains_key(&id),
                "{row} has a test in {}: it needs no excuse",
                covered[&id]
            );
            required.remove(&id);
        }
    }

    let missing: Vec<_> = required.iter().filter(|id| !covered.contains_key(*id)).collect();
    for id in &missing {
        println!("{id}: no test");
    }
    // Printed also where the test runner keeps what a passing test prints: the count is the result.
    let _ = writeln!(
        std::io::stdout().lock(),
        "excused: {} later, {} bench, {} untestable\nids: {} covered, {} missing",
        LATER.len(),
        BENCHES.len(),
        UNTESTABLE.len(),
        required.len() - missing.len(),
        missing.len()
    );
    assert!(missing.is_empty(), "ids without a test: {missing:?}");
}

/// The cells of a line of a Markdown table: none if it is no such line.
fn cells(line: &str) -> Vec<String> {
    let Some(inner) = line.trim().strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
        return Vec::new();
    };
    // A bar in a cell is escaped.
    inner.replace("\\|", "\u{0}").split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

#[test]
fn every_row_is_in_the_table_for_python_users_once() {
    let mut counts: BTreeMap<String, u32> = rows().into_iter().map(|row| (row, 0)).collect();
    let (mut wrong, mut columns, mut lists_rows) = (Vec::new(), 0, false);
    for (number, line) in (1..).zip(text("docs/python-parity.md").lines()) {
        let cells = cells(line);
        if columns == 0 {
            lists_rows = cells.last().is_some_and(|title| title == "rows");
        } else if !cells.is_empty() && cells.len() != columns {
            wrong.push(format!("line {number} has {} cells, not {columns}", cells.len()));
        } else if let Some(rows) = cells.last().filter(|last| lists_rows && !last.starts_with('-'))
        {
            for row in rows.split(", ") {
                match counts.get_mut(row) {
                    Some(count) => *count += 1,
                    None => wrong.push(format!("line {number} names {row:?}, which is no row")),
                }
            }
        }
        columns = cells.len();
    }
    wrong.extend(
        counts
            .iter()
            .filter(|(_, count)| **count != 1)
            .map(|(row, count)| format!("{row}: {count} times")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_register_reads_names_as_it_says() {
    let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let known: BTreeSet<String> =
        ids(&["s3_e1", "new_01", "new_02", "test_map", "test_map_async", "hang_01"]);
    let borne = |name| borne_by(name, &known);
    assert_eq!(borne("s3_e1_new_02_a_name"), ["s3_e1", "new_02"]);
    assert!(borne("s3_e10_renew_01_hang_011_new_0").is_empty(), "ids are delimited");
    assert_eq!(borne("test_map_async_map_03"), ["test_map_async"]);
    assert_eq!(borne("test_map_chunksize"), ["test_map"], "unless the longer name is known too");
    let source = "#[test]\nfn one() {}\n fn helper() {}\n#[test]\n#[ignore = \"so\"]\nfn two() {}\n #[test]\n fn three() {";
    assert_eq!(tests_in(source), ["one", "three"]);
    assert_eq!(cells("| a | `\\|\\| b` | c |"), ["a", "`|| b`", "c"]);
    assert!(cells("no table").is_empty());
}
