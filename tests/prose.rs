//! The sources stay readable: no line beyond 100 columns, no riddle for a subject, and a tour whose functions exist.

use std::fs;
use std::path::{Path, PathBuf};

const MOST_COLUMNS: usize = 100;

/// Words that hide who does what.
const RIDDLES: [&str; 9] = [
    "whoever",
    "whomever",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "lest",
    "in its stead",
    "so be it",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, endings));
        } else if path
            .extension()
            .is_some_and(|found| endings.iter().any(|ending| found == *ending))
        {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The sources and their READMEs: name and text.
fn sources() -> Vec<(String, String)> {
    let src = root().join("src");
    let files = files_below(&src, &["rs", "md"]);
    assert!(files.len() > 80, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            (
                path.strip_prefix(root()).unwrap().display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn no_line_of_the_sources_is_wider_than_a_screen() {
    let mut wide = Vec::new();
    for (name, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            if line.chars().count() > MOST_COLUMNS {
                wide.push(format!("{name}:{}", at + 1));
            }
        }
    }
    assert!(wide.is_empty(), "over {MOST_COLUMNS} columns: {wide:#?}");
}

/// What a line says in prose: all of a README's, the comment of a source's.
fn prose<'a>(name: &str, line: &'a str) -> &'a str {
    if name.ends_with(".md") {
        return line;
    }
    line.split_once("//").map_or("", |(_, comment)| comment)
}

fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    text.match_indices(word).any(|(at, _)| {
        let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_letter(text[..at].chars().next_back())
            && !is_letter(text[at + word.len()..].chars().next())
    })
}

#[test]
fn every_sentence_of_the_sources_names_its_subject() {
    let mut riddles = Vec::new();
    for (name, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            let prose = prose(&name, line);
            for word in RIDDLES.iter().filter(|word| has_word(prose, word)) {
                riddles.push(format!("{name}:{}: {word}", at + 1));
            }
        }
    }
    assert!(riddles.is_empty(), "say which thread: {riddles:#?}");
}

/// The tour names functions as `folder/file.rs::function`.
#[test]
fn every_stop_of_the_tour_exists() {
    let tour = fs::read_to_string(root().join("docs/tour.md")).unwrap();
    let mut stops = 0;
    for word in tour.split(|c: char| c.is_whitespace() || "`|,;()".contains(c)) {
        let Some((file, function)) = word.trim_end_matches('.').split_once(".rs::") else {
            continue;
        };
        let path = root().join("src").join(format!("{file}.rs"));
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|_| panic!("no such file: {}", path.display()));
        let function = function.rsplit("::").next().unwrap();
        let is_there = text
            .match_indices(&format!("fn {function}"))
            .any(|(at, found)| text[at + found.len()..].starts_with(['(', '<']));
        assert!(is_there, "src/{file}.rs has no function {function}");
        stops += 1;
    }
    assert!(stops > 15, "the tour was not found: {stops} stops");
}
