//! The ledgers are what the comments say: docs/orderings.md, every edge with both its ends and the models that fail without it,
//! and docs/unsafe.md, every unsafe block with its obligations and what checks them, and every
//! count that a user's calls can raise, with what bounds it.
//!
//! `MILLPOND_LEDGERS=write cargo test --test ledgers` writes them anew.

mod edges;

use edges::MODELS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A comment of the sources, and the code that it stands before.
struct Note {
    /// Below `src`.
    file: String,
    /// The innermost function (or `impl`) around it, or the one that it stands before.
    within: String,
    /// The comment, on one line.
    text: String,
    /// The first line of code after it.
    code: String,
}

/// The name of the function that a line begins, or the head of the `impl`.
fn head(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("unsafe impl").or_else(|| line.strip_prefix("impl")) {
        return Some(format!("impl{}", rest.trim_end().trim_end_matches([' ', '{', '}'])));
    }
    let (before, rest) = line.split_once("fn ")?;
    let words = ["pub", "pub(crate)", "pub(super)", "const", "unsafe", "extern", "\"C\""];
    let is_head = before.split_whitespace().all(|word| words.contains(&word));
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (is_head && !name.is_empty()).then_some(name)
}

/// The comments that begin with `mark`, from there to the end of the comment or to the next mark.
fn notes(mark: &str) -> Vec<Note> {
    let mut notes = Vec::new();
    for path in files_below(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(all(test, not(loom)))]").next().unwrap();
        let file =
            path.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/");
        // The functions that are open, with their indentation.
        let mut open: Vec<(usize, String)> = Vec::new();
        let lines: Vec<&str> = code.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
                // The last lines of a signature of several lines close nothing.
                let code = line.trim_start();
                if !code.starts_with(')') && !code.starts_with("where") && code != "{" {
                    open.retain(|(outer, _)| *outer < indent);
                }
                if let Some(head) = head(line) {
                    open.push((indent, head));
                }
            }
            let Some(said) =
                line.trim_start().strip_prefix("//").and_then(|comment| comment.strip_prefix(mark))
            else {
                continue;
            };
            let mut text = said.trim().to_owned();
            let mut next = at + 1;
            while let Some(more) =
                lines.get(next).and_then(|line| line.trim_start().strip_prefix("//"))
            {
                // Documentation is another comment.
                let others = ["edge ", "SAFETY", "Relaxed", "count "];
                let is_other = others.iter().any(|other| more.trim_start().starts_with(other));
                if is_other || more.starts_with('/') {
                    break;
                }
                text = format!("{text} {}", more.trim());
                next += 1;
            }
            while lines.get(next).is_some_and(|line| line.trim_start().starts_with("//")) {
                next += 1;
            }
            let code = lines.get(next).map_or("", |line| line.trim()).to_owned();
            open.retain(|(outer, _)| *outer < indent);
            let within = head(&code).or_else(|| open.last().map(|(_, head)| head.clone()));
            notes.push(Note { file: file.clone(), within: within.unwrap_or_default(), text, code });
        }
    }
    notes
}

/// Text for a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Compares a ledger with what it should be, or writes it.
fn keep(name: &str, should: &str) {
    let path = root().join("docs").join(name);
    if std::env::var_os("MILLPOND_LEDGERS").is_some_and(|mode| mode == "write") {
        fs::write(&path, should).unwrap();
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    let line = is.lines().zip(should.lines()).position(|(is, should)| is != should);
    assert!(
        is == should,
        "docs/{name} is not what the comments say (line {}): MILLPOND_LEDGERS=write cargo test --test ledgers",
        line.map_or_else(|| is.lines().count().min(should.lines().count()) + 1, |line| line + 1)
    );
}

#[test]
fn the_ledger_of_orderings_is_fresh() {
    let mut edges: BTreeMap<String, Vec<(String, Note)>> = BTreeMap::new();
    for note in notes(" edge ") {
        let (head, _) = note.text.split_once(':').expect("an edge says what it carries");
        let (edge, end) = head.split_once(' ').expect("an edge says which end it is");
        edges.entry(edge.to_owned()).or_default().push((end.to_owned(), note));
    }
    let models: BTreeSet<String> = files_below(&root().join("loom-tests/models"))
        .iter()
        .flat_map(|path| {
            fs::read_to_string(path).unwrap().lines().filter_map(head).collect::<Vec<_>>()
        })
        .collect();
    let mut text = String::from(
        "# Orderings\n\nEvery happens-before edge of the library: where each end stands, what it carries, and the models that fail \
         when an end is\nweakened. Written from the comments in `src` by `tests/ledgers.rs`; the models are those that `cargo orderings` \
         saw fail.\n\n\
         An end is a release, an acquire, or a SeqCst fence, of which each stands between a store and a load: of two threads that \
         each\nstore, fence and load, one sees the other's store.\n",
    );
    for (edge, ends) in &edges {
        write!(text, "\n## {edge}\n\n| end | where | what it carries |\n|---|---|---|\n").unwrap();
        for (end, note) in ends {
            let (_, says) = note.text.split_once(':').expect("as above");
            writeln!(
                text,
                "| {end} | `{}`, `{}` | {} |",
                note.file,
                note.within,
                cell(says.trim())
            )
            .unwrap();
        }
        let (_, proofs) = MODELS
            .iter()
            .find(|(named, _)| named == edge)
            .unwrap_or_else(|| panic!("no model is named for edge {edge}"));
        for proof in *proofs {
            assert!(models.contains(*proof), "edge {edge}: no model is called {proof}");
        }
        let proofs: Vec<_> = proofs.iter().map(|proof| format!("`{proof}`")).collect();
        if proofs.is_empty() && ends.iter().all(|(_, note)| note.file.starts_with("sync/real/")) {
            text.push_str("\nNo model runs the real primitives: see the tests in unsafe.md.\n");
        } else if proofs.is_empty() {
            text.push_str(
                "\nNo model fails: see the reason in loom-tests/orderings/allowed.txt.\n",
            );
        } else {
            writeln!(text, "\nModels: {}.", proofs.join(", ")).unwrap();
        }
    }
    for (named, _) in MODELS {
        assert!(edges.contains_key(*named), "there is no edge {named}");
    }
    keep("orderings.md", &text);
}

/// What checks the unsafe code of a folder or file, the longest path first.
const CHECKS: &[(&str, &str)] = &[
    ("call/", "tests/drops.rs, tests/apply.rs; AddressSanitizer"),
    ("pool/", "tests/lifecycle.rs, tests/drops.rs; AddressSanitizer"),
    ("sched/", "loom-tests/models/sched.rs (leaks, late accesses); tests/rounds.rs"),
    ("sync/table.rs", "loom-tests/models/table.rs; tests/timed_waits.rs"),
    ("sync/lock.rs", "loom-tests/models/space.rs (races on the line)"),
    ("sync/model/", "loom-tests/models/primitives.rs, storage.rs"),
    ("sync/spec/", "user-models/tests (refinement.rs: races and outcomes, against the real pool)"),
    ("sync/shuttle/", "shuttle-tests (leaks, double frees, touches after the end)"),
    ("sync/real/", "tests/fork.rs, tests/fork_service.rs, tests/results.rs; AddressSanitizer"),
    (
        "batch/",
        "loom-tests/models/batch.rs (races, late accesses, leaks, drops counted); tests/batch_drops.rs, tests/map.rs",
    ),
    ("scope/", "loom-tests/models/scope.rs (races on the frame, late accesses); tests/scopes.rs"),
    (
        "join/",
        "loom-tests/models/halves.rs (races on the frame, late accesses); tests/fork_join.rs; AddressSanitizer",
    ),
    ("block/offers.rs", "loom-tests/models/halves.rs; tests/fork_join.rs; AddressSanitizer"),
    ("worker/halves.rs", "loom-tests/models/halves.rs; tests/fork_join.rs; AddressSanitizer"),
    (
        "stream/",
        "loom-tests/models/stream.rs (races, late accesses, leaks, drops counted); tests/streams.rs, tests/stream_ends.rs",
    ),
    (
        "block/",
        "loom-tests/models/cell.rs (races, late accesses, leaks, drops counted); tests/drops.rs",
    ),
    ("numbers/", "loom-tests/models/numbers.rs; tests/running.rs; AddressSanitizer"),
    ("worker/", "loom-tests/models/sched.rs; tests/drops.rs, tests/nesting.rs"),
];

#[test]
fn the_ledger_of_unsafe_code_is_fresh() {
    let mut files: BTreeMap<String, Vec<Note>> = BTreeMap::new();
    for note in notes(" SAFETY: ") {
        files.entry(note.file.clone()).or_default().push(note);
    }
    let count: usize = files.values().map(Vec::len).sum();
    let mut text = format!(
        "# Unsafe code\n\nEvery unsafe block and `unsafe impl` of the library, {count} in all: where it stands, what it does, why it may, and \
         what checks\nthat. Written from the comments in `src` by `tests/ledgers.rs`. One operation stands in each block; the lints see to \
         it.\n\nThe contracts of unsafe functions are their `# Safety` sections. What each model watches is told in `loom-tests/README.md`; all \
         of\nit also runs under AddressSanitizer and valgrind (`CONTRIBUTING.md` has the commands).\n"
    );
    for (file, notes) in &files {
        let (_, checks) = CHECKS
            .iter()
            .filter(|(path, _)| file.starts_with(path))
            .max_by_key(|(path, _)| path.len())
            .unwrap_or_else(|| panic!("nothing is named that checks {file}"));
        write!(
            text,
            "\n## {file}\n\nChecked by {checks}.\n\n| where | what | why it may |\n|---|---|---|\n"
        )
        .unwrap();
        for Note { within, text: why, code, .. } in notes {
            writeln!(text, "| `{within}` | `{}` | {} |", cell(code), cell(why)).unwrap();
        }
    }
    text.push_str(&counts());
    keep("unsafe.md", &text);
}

/// The table of the counts: `// count NAME: what it counts. What raises it and what bounds it.`
fn counts() -> String {
    let mut text = String::from(
        "\n## Counts\n\nWhat a user's calls can raise, and what keeps it from beginning anew: \
         a count that goes round would free\nmemory under those who are counted, or leave them \
         waiting. Where the process aborts, the second half of\nthe range is room for the threads \
         that raise the count at the same moment. The counts of `Arc` are the\nstandard library's, \
         which aborts too.\n\n\
         | count | where | what raises it, and what bounds it |\n|---|---|---|\n",
    );
    for note in notes(" count ") {
        let (name, says) = note.text.split_once(':').expect("a count has a name");
        writeln!(text, "| `{name}` | `{}` | {} |", note.file, cell(says.trim())).unwrap();
    }
    text
}

/// The name of what an operation is called on, and that of its first argument.
fn operands(line: &str, operation: &str) -> Option<(String, String)> {
    let (before, after) = line.split_once(operation)?;
    let in_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let receiver: String = before.chars().rev().take_while(in_name).collect();
    let argument = after.chars().take_while(in_name).collect();
    Some((receiver.chars().rev().collect(), argument))
}

// covers F-47
#[test]
fn every_count_that_is_raised_is_in_the_table_of_counts() {
    // It may be declared in another file of the same folder.
    let folder = |file: &str| file.rsplit_once('/').unwrap_or_default().0.to_owned();
    let name = |note: &Note| note.text.split(':').next().unwrap_or_default().to_owned();
    let known: BTreeSet<(String, String)> =
        notes(" count ").iter().map(|note| (folder(&note.file), name(note))).collect();
    assert!(known.len() > 10, "the counts were not found: {known:?}");
    let (mut raised, mut unknown) = (0, Vec::new());
    for path in files_below(&root().join("src")) {
        let file = path.strip_prefix(root().join("src")).unwrap();
        let file = file.to_string_lossy().replace('\\', "/");
        if file.starts_with("sync/model/") || file.starts_with("sync/shuttle/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(all(test, not(loom)))]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let Some((receiver, argument)) = operands(line, ".fetch_add(") else { continue };
            raised += 1;
            let is_known = |name: &String| known.contains(&(folder(&file), name.clone()));
            if !is_known(&receiver) && !is_known(&argument) {
                unknown.push(format!("src/{file}: {}", line.trim()));
            }
        }
    }
    assert!(raised > 5, "the additions were not found");
    assert!(unknown.is_empty(), "without a `// count NAME: ` where it is declared: {unknown:#?}");
}
