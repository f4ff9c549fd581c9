//! Imports of the harness only go down: what one file needs of another, the other never needs back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// By file or folder of `src`, those that it names in its code; tests may name any.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).expect("the sources are there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !["lib", "bin"].contains(&&*name) {
            let named = all.entry(name.clone()).or_insert_with(BTreeSet::new);
            read(&path, named);
            named.remove(&name);
        }
    }
    all
}

fn read(path: &Path, named: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("it can be read") {
            read(&entry.expect("it can be read").path(), named);
        }
    } else if path.extension().is_some_and(|end| end == "rs") {
        let text = fs::read_to_string(path).expect("it is text");
        let code = text.split("mod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            named.extend(line.split("crate::").skip(1).map(|rest| {
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                rest[..end.unwrap_or(rest.len())].to_owned()
            }));
        }
    }
}

/// The first way that leads from a file back to itself.
fn circle(all: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<&str>> {
    fn walk<'a>(
        all: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> bool {
        let Some(next) = way.last().and_then(|at| all.get(*at)) else { return false };
        for name in next.iter().map(String::as_str) {
            if way.contains(&name) {
                way.push(name);
                return true;
            }
            if !done.contains(name) {
                way.push(name);
                if walk(all, way, done) {
                    return true;
                }
                way.pop();
            }
        }
        done.extend(way.last());
        false
    }
    let mut done = BTreeSet::new();
    all.keys().find_map(|name| {
        let mut way = vec![name.as_str()];
        walk(all, &mut way, &mut done).then_some(way)
    })
}

#[test]
fn imports_only_go_down() {
    let all = imports();
    assert!(all.len() > 30 && all["cli"].contains("published"), "{all:?}");
    assert_eq!(circle(&all), None);
}

#[test]
fn a_circle_would_be_found() {
    let mut all = imports();
    all.get_mut("verdict").expect("it is there").insert("cli".to_owned());
    let way = circle(&all).expect("there is one now");
    assert!(way.len() > 2 && way.iter().filter(|name| **name == way[way.len() - 1]).count() == 2);
}
