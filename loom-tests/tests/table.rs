//! The tables of the README name the models that there are. `cargo models` compares the rest, which needs a run of all models.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let paths = entries.map(|entry| entry.expect("a folder's entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The functions below `models` that are tests.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models")) {
        let text = fs::read_to_string(&file).expect("a source");
        for part in text.split("#[test]").skip(1) {
            let (_, rest) = part.split_once("fn ").expect("a test is a function");
            let (name, _) = rest.split_once('(').expect("a function has arguments");
            assert!(tests.insert(name.to_owned()), "{name} is the name of two tests");
        }
    }
    tests
}

/// The tests that the tables name, and those of which the README says that they explore nothing.
fn named() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(page).expect("the README");
    let (_, rest) = text.split_once("<!-- written by `cargo models --table` -->").expect("a table");
    let (tables, _) = rest.split_once("<!-- up to here -->").expect("an end of the tables");
    // A name of a model may have code in it too, which is one word.
    let code = tables.split('`').skip(1).step_by(2);
    code.filter(|name| name.contains('_')).map(str::to_owned).collect()
}

#[test]
fn the_tables_of_the_readme_name_every_model_and_no_other() {
    let (tests, named) = (tests(), named());
    assert!(tests.len() > 100, "the models were not found");
    let missing: Vec<_> = tests.difference(&named).collect();
    let gone: Vec<_> = named.difference(&tests).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "write the tables anew by `cargo models --table`: missing {missing:#?}, gone {gone:#?}"
    );
}
