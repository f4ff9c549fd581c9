//! The register: every row of the parity table, every program of the tutorials, every hang of
//! Python's pool, every test of CPython's and every fault of the fault catalogue has a test here, and
//! a row in docs/catalogue.md with what it promises and the tests that hold it.
//!
//! `cargo test --test register -- --nocapture` prints the ids without a test;
//! `MILLPOND_LEDGERS=write cargo test --test register` writes the catalogue's last column anew.
//!
//! A test says what it covers in the line above its `#[test]`: `// covers NEW-04 NEW-06`. Its own
//! name says in plain words what holds. Some names are ids all the same, or bear them:
//!
//! * a test with the name of one of CPython's covers that one;
//! * the files of tests/compile_fail and tests/compile_pass, which are no functions, bear ids between
//!   underscores: `new_02_new_03_numbers_that_are_no_counts` covers NEW-02 and NEW-03;
//! * so may the models of loom-tests, whose names begin with the numbers of invariants.

mod catalogue;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The rows of the parity table: the families, each numbered from 1.
const ROWS: [(&str, u32); 13] = [
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
    ("LIMIT", 9),
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

/// What Python's pool has no counterpart of: joins of two halves, giving up, shedding by waiting
/// time, streams that are fed, shutdown, and what a pool counts and shows.
const OWN: [(&str, u32); 8] = [
    ("HALF", 8),
    ("GIVE", 6),
    ("DUE", 11),
    ("CODEL", 5),
    ("FED", 15),
    ("SHUT", 9),
    ("NUM", 8),
    ("PLAT", 2),
];

/// What comes with the features for services. The first word is the row; a row with more words has a test for its other half.
const LATER: [(&str, &str); 1] = [("INIT-02", "state of a type that each worker owns")];

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

/// Every id, in the order of the catalogue.
fn ids() -> Vec<String> {
    let mut ids = rows();
    ids.extend(numbered(&PROGRAMS, |text, n| format!("{text}-E{n}")));
    ids.extend(numbered(&[("HANG", HANGS), ("F", FAULTS)], |family, n| format!("{family}-{n:02}")));
    ids.extend(CPYTHON.map(str::to_owned));
    ids.extend(numbered(&OWN, |family, n| format!("{family}-{n:02}")));
    ids
}

/// An id as it stands in a name.
fn in_names(id: &str) -> String {
    id.to_lowercase().replace("f-", "f").replace('-', "_")
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

/// What stands before the ids in the line above a test.
const COVERS: &str = "// covers ";

/// A test, and what the line above it says that it covers.
#[derive(PartialEq, Eq, Debug)]
struct Test {
    name: String,
    covers: Vec<String>,
}

/// The functions of a source that `cargo test` runs: with `#[test]` and without `#[ignore]`. And the
/// numbers of the lines that name ids above something else.
fn tests_in(source: &str) -> (Vec<Test>, Vec<usize>) {
    let (mut tests, mut astray) = (Vec::new(), Vec::new());
    let (mut is_test, mut is_ignored, mut covers) = (false, false, None);
    let mut above: Option<(usize, &str)> = None;
    for (number, line) in (1..).zip(source.lines().map(str::trim_start)) {
        if line.starts_with("#[test]") {
            (is_test, covers) = (true, above.take());
        }
        astray.extend(above.take().map(|(number, _)| number));
        above = line.strip_prefix(COVERS).map(|ids| (number, ids));
        is_ignored |= line.starts_with("#[ignore");
        if let Some(rest) = line.strip_prefix("fn ") {
            if is_test && !is_ignored {
                let name = rest.split(['(', '<']).next().unwrap_or_default().to_owned();
                let covers = covers.map_or("", |(_, ids)| ids).split_whitespace();
                tests.push(Test { name, covers: covers.map(str::to_owned).collect() });
            }
            (is_test, is_ignored, covers) = (false, false, None);
        }
    }
    astray.extend(above.map(|(number, _)| number));
    (tests, astray)
}

/// The ids that a name bears between underscores. The keys are the ids as they stand in names.
fn borne_by(name: &str, ids: &BTreeMap<String, String>) -> Vec<String> {
    let words: Vec<_> = name.split('_').collect();
    let mut borne = Vec::new();
    for start in 0..words.len() {
        let from_here = (1..=2).filter_map(|count| words.get(start..start + count));
        borne.extend(from_here.filter_map(|words| ids.get(&words.join("_"))).cloned());
    }
    borne
}

/// Every test with the file that it stands in, and whatever breaks the rules of this register.
fn tests() -> (Vec<(String, Test)>, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ids: BTreeMap<_, _> = ids().into_iter().map(|id| (in_names(&id), id)).collect();
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for folder in ["tests", "src", "loom-tests"] {
        for path in sources_below(&root.join(folder)) {
            let file = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            if file.starts_with("tests/compile_") && file.matches('/').count() == 2 {
                let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                let covers = borne_by(&name, &ids);
                all.push((file, Test { name, covers }));
                continue;
            }
            let (tests, astray) = tests_in(&fs::read_to_string(&path).unwrap());
            wrong.extend(astray.iter().map(|line| format!("{file}:{line} stands above no test")));
            for mut test in tests {
                let mut borne = borne_by(&test.name, &ids);
                if CPYTHON.contains(&test.name.as_str()) {
                    test.covers.push(test.name.clone());
                } else if folder == "loom-tests" {
                    test.covers.append(&mut borne);
                } else if !borne.is_empty() {
                    wrong.push(format!("{file}: {} has {borne:?} in its name", test.name));
                }
                let unknown = test.covers.iter().filter(|id| !ids.values().any(|one| one == *id));
                wrong.extend(unknown.map(|id| format!("{file}: {}: {id} is no id", test.name)));
                all.push((file.clone(), test));
            }
        }
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    (all, wrong)
}

/// For each id that has one, its tests: file by file, the names within it.
type Cover = BTreeMap<String, BTreeMap<String, Vec<String>>>;

fn cover(tests: Vec<(String, Test)>) -> Cover {
    let mut cover = Cover::new();
    for (file, Test { name, covers }) in tests {
        for id in covers {
            cover.entry(id).or_default().entry(file.clone()).or_default().push(name.clone());
        }
    }
    cover
}

/// What the catalogue says of an id in its last column.
fn held_by(id: &str, cover: &Cover) -> String {
    let in_file = |(file, names): (&String, &Vec<String>)| match names[..] {
        // A file that must, or must not, compile is itself the test.
        [ref name] if file.ends_with(&format!("/{name}.rs")) => format!("`{file}`"),
        _ => format!("`{file}`: `{}`", names.join("`, `")),
    };
    let mut parts: Vec<_> = cover.get(id).into_iter().flatten().map(in_file).collect();
    let excuse = |list: &[(&str, &str)], is_half: bool| {
        let row = list.iter().find(|(row, _)| match row.split_once(' ') {
            Some((row, _)) => is_half && row == id,
            None => !is_half && *row == id,
        });
        row.map(|(_, what)| (*what).to_owned())
    };
    parts.extend(excuse(&LATER, true).map(|what| format!("later: {what}")));
    parts.extend(excuse(&LATER, false).map(|what| format!("later: {what}")));
    parts.extend(excuse(&BENCHES, false).map(|row| format!("a bench, row {row}: it is a speed")));
    parts.extend(excuse(&UNTESTABLE, false).map(|why| format!("nothing to test: {why}")));
    parts.join("; ")
}

#[test]
fn every_id_has_a_test() {
    let mut required: BTreeSet<String> = ids().into_iter().collect();
    assert_eq!(required.len(), 174 + 48 + 22 + 25 + 51 + 64, "the ids are all different");

    let (tests, wrong) = tests();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let covered = cover(tests);

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
        let (id, is_half) = row.split_once(' ').map_or((row, false), |(row, _)| (row, true));
        assert!(required.contains(id), "{row} is no row");
        // Half a row that comes later does not excuse the other half.
        if !is_half {
            assert!(!covered.contains_key(id), "{row} needs no excuse: {:?}", covered[id]);
            required.remove(id);
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

#[test]
fn the_catalogue_has_a_row_for_each_id_and_names_its_tests() {
    const FILE: &str = "docs/catalogue.md";
    let cover = cover(tests().0);
    let is = text(FILE);
    let (should, wrong) = catalogue::rewritten(&is, &ids(), |id| held_by(id, &cover));
    assert!(wrong.is_empty(), "{FILE}: {wrong:#?}");
    if std::env::var_os("MILLPOND_LEDGERS").is_some_and(|mode| mode == "write") {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE), &should).unwrap();
    } else if let Some(line) = catalogue::first_difference(&is, &should) {
        panic!(
            "{FILE} is not what the tests say (line {line}): MILLPOND_LEDGERS=write cargo test --test register"
        );
    }
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
fn the_register_reads_tests_and_names_as_it_says() {
    let known: BTreeMap<_, _> =
        ids().into_iter().filter(|id| id.len() < 8).map(|id| (in_names(&id), id)).collect();
    let borne = |name| borne_by(name, &known);
    assert_eq!(borne("s3_e1_new_02_a_name_f07"), ["S3-E1", "NEW-02", "F-07"]);
    assert!(borne("s3_e100_renew_01_hang_011_new_0_f7").is_empty(), "ids are delimited");
    let source = [
        ("// covers NEW-01 F-02", "#[test]\nfn one() {}\n fn helper() {}"),
        (" // covers NEW-02", "#[test]\n#[ignore = \"so\"]\nfn two() {}"),
        (" // covers NEW-03", " fn three() {\n #[test]\n#[cfg(unix)]\n fn four() {"),
        ("// covers NEW-04", "\n#[test]\nfn five() {}"),
    ]
    .map(|(above, code)| format!("{above}\n{code}\n"))
    .concat();
    let (tests, astray) = tests_in(&source);
    let test = |name: &str, covers: &[&str]| Test {
        name: name.to_owned(),
        covers: covers.iter().map(|id| (*id).to_owned()).collect(),
    };
    assert_eq!(tests, [test("one", &["NEW-01", "F-02"]), test("four", &[]), test("five", &[])]);
    assert_eq!(astray, [9, 14], "above no `#[test]`, or not directly");
    assert_eq!(cells("| a | `\\|\\| b` | c |"), ["a", "`|| b`", "c"]);
    assert!(cells("no table").is_empty());
}
