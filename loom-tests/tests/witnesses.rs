//! Each ordering that no model can refuse has a second witness: the page beside `allowed.txt` has a
//! row for each entry, and a section for each row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first lines of the entries.
fn allowed() -> BTreeSet<String> {
    let text = read("orderings/allowed.txt");
    let entries = text.split("\n\n").filter(|part| !part.starts_with('#'));
    entries.map(|entry| entry.lines().next().expect("it has a line").to_owned()).collect()
}

/// The rows of the page's table: the entry and its witness.
fn rows() -> Vec<(String, String)> {
    let text = read("orderings/README.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let (entry, rest) = row.split_once('`').expect("the entry is code");
        (entry.to_owned(), rest.rsplit('|').next().expect("the last cell").trim().to_owned())
    })
    .collect()
}

#[test]
fn each_ordering_that_may_survive_has_a_second_witness() {
    let entries = allowed();
    assert!(entries.iter().all(|entry| entry.starts_with("src/")), "{entries:#?}");
    let rows: BTreeSet<_> = rows().into_iter().map(|(entry, _)| entry).collect();
    assert!(!rows.is_empty());
    assert_eq!(rows, entries, "the table of orderings/README.md, and allowed.txt");
}

#[test]
fn each_witness_is_there() {
    let page = read("orderings/README.md");
    let sections: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_lowercase).collect();
    for (entry, witness) in rows() {
        let (_, link) = witness.split_once("(#").unwrap_or_else(|| panic!("{entry}: {witness}"));
        let (section, _) = link.split_once(')').expect("a link has an end");
        assert!(sections.contains(section), "{entry}: no section {section}");
    }
    for word in page.split('`').filter(|word| word.starts_with("tests/")) {
        assert!(read(&format!("../{word}")).contains("#[test]"), "{word}");
    }
    assert!(read("../tests/weak_memory.rs").contains("fn a_look_that_does_not_acquire_needs"));
}
