//! What each public method promises: its documentation has a `# Cost` section, and docs/guarantees.md holds one row for each.
//!
//! `MILLPOND_LEDGERS=write cargo test --test guarantees` writes the document anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folders and files of the sources in which a user's methods stand.
const PUBLIC: [&str; 11] = [
    "pool",
    "result",
    "call",
    "batch",
    "stream",
    "scope",
    "shed",
    "block/error.rs",
    "block/panic.rs",
    "worker/profile.rs",
    "numbers/histogram.rs",
];

/// A public function with its documentation.
#[derive(Debug)]
struct Method {
    /// The type whose method it is; empty for a free function.
    owner: String,
    name: String,
    docs: Vec<String>,
}

impl Method {
    fn full_name(&self) -> String {
        if self.owner.is_empty() {
            self.name.clone()
        } else {
            format!("{}::{}", self.owner, self.name)
        }
    }

    /// The text of a section, on one line; none if there is none.
    fn section(&self, name: &str) -> Option<String> {
        let heading = format!("# {name}");
        let begin = self.docs.iter().position(|line| *line == heading)? + 1;
        let lines = self.docs[begin..].iter().take_while(|line| !line.starts_with("# "));
        let text = lines.map(String::as_str).collect::<Vec<_>>().join(" ");
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The first paragraph, on one line.
    fn summary(&self) -> String {
        let lines = self.docs.iter().take_while(|line| !line.is_empty());
        lines.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.sort();
    files
}

/// The name of the type that an `impl` line is about, if it is no trait's.
fn owner(line: &str) -> Option<String> {
    let rest = line.strip_prefix("impl")?;
    // Past the generics of the `impl` itself.
    let mut depth = 0_i32;
    let at = rest.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        c == ' ' && depth == 0
    })?;
    let name = rest[at..].trim_start();
    (!name.contains(" for "))
        .then(|| name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// The public functions of a source.
fn methods(text: &str) -> Vec<Method> {
    let (mut methods, mut docs, mut of) = (Vec::new(), Vec::new(), String::new());
    for line in text.split("#[cfg(all(test, not(loom)))]").next().unwrap().lines() {
        let code = line.trim_start();
        if let Some(doc) = code.strip_prefix("///") {
            docs.push(doc.strip_prefix(' ').unwrap_or(doc).to_owned());
            continue;
        }
        if line.starts_with("impl") {
            of = owner(line).unwrap_or_default();
        } else if line.starts_with('}') {
            of.clear();
        }
        if let Some(rest) =
            code.strip_prefix("pub fn ").or_else(|| code.strip_prefix("pub const fn "))
        {
            let name = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let hidden = docs.is_empty();
            assert!(!hidden, "a public function without documentation: {line}");
            methods.push(Method { owner: of.clone(), name, docs: std::mem::take(&mut docs) });
        } else if !code.starts_with("#[") {
            docs.clear();
        }
    }
    methods
}

fn all() -> Vec<Method> {
    let src = root().join("src");
    let files = PUBLIC.iter().flat_map(|path| files(&src.join(path)));
    files.flat_map(|path| methods(&fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_public_method_says_what_it_costs() {
    let methods = all();
    assert!(methods.len() > 80, "the methods were not found: {}", methods.len());
    let without: Vec<_> = methods
        .iter()
        .filter(|method| method.section("Cost").is_none_or(|cost| cost.len() < 15))
        .map(Method::full_name)
        .collect();
    assert!(without.is_empty(), "without a `# Cost` section: {without:#?}");
}

/// A link in documentation, as its text.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((label, behind)) = after.split_once(']') else {
            plain.push('[');
            rest = after;
            continue;
        };
        plain.push_str(label);
        rest = match behind.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    plain + rest
}

#[test]
fn the_document_of_guarantees_is_fresh() {
    let mut methods = all();
    methods.sort_by_key(Method::full_name);
    let mut text = String::from(
        "# Guarantees\n\nWhat each public method does and what it costs the caller: whether it blocks, allocates, wakes a thread, \
         and\non which thread it runs your code. Written from the documentation in `src` by `tests/guarantees.rs`.\n",
    );
    let mut section = None;
    for method in &methods {
        if section != Some(&method.owner) {
            let title = if method.owner.is_empty() { "Functions" } else { &method.owner };
            write!(text, "\n## {title}\n\n| method | what it does | cost |\n|---|---|---|\n")
                .unwrap();
            section = Some(&method.owner);
        }
        let cost = method.section("Cost").unwrap_or_default();
        let cell = |text: &str| without_links(text).replace('|', "\\|");
        writeln!(text, "| `{}` | {} | {} |", method.name, cell(&method.summary()), cell(&cost))
            .unwrap();
    }
    let path = root().join("docs/guarantees.md");
    if std::env::var_os("MILLPOND_LEDGERS").is_some_and(|mode| mode == "write") {
        fs::write(&path, &text).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == text,
        "docs/guarantees.md is stale: MILLPOND_LEDGERS=write cargo test --test guarantees"
    );
}
