//! The house keeps its promises: imports only go down, the dangerous things stand behind their doors, files stay readable,
//! each named edge has both ends, and each step of a README's protocol occurs in the code and the reverse.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The verbs. None of them imports another.
const VERBS: [&str; 5] = ["call", "batch", "stream", "scope", "join"];

/// From the top floor down. A room may use what stands after it, but for the verbs, which share a floor, and pool and result,
/// which share the next.
const ROOMS: [&str; 15] = [
    "call", "batch", "stream", "scope", "join", "pool", "result", "worker", "sched", "block",
    "numbers", "wait", "shed", "model", "sync",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Each source of the library with its room (none for lib.rs) and its text without unit tests.
fn sources() -> Vec<(String, Option<usize>, String)> {
    let src = root().join("src");
    files_below(&src, "rs")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
            let room = name.split_once('/').map(|(room, _)| {
                ROOMS
                    .iter()
                    .position(|known| *known == room)
                    .unwrap_or_else(|| panic!("an unknown room: {room}"))
            });
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(all(test, not(loom)))]").next().unwrap().to_owned();
            (name, room, code)
        })
        .collect()
}

/// A text's lines without comments, so that prose may name what code may not.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_only_go_down() {
    let mut wrong = Vec::new();
    for (name, room, text) in sources() {
        let Some(room) = room else { continue };
        for line in code_lines(&text) {
            for (other, floor) in ROOMS.iter().zip(0..) {
                let both = |rooms: &[&str]| rooms.contains(other) && rooms.contains(&ROOMS[room]);
                let beside = floor != room && (both(&VERBS) || both(&["pool", "result"]));
                if line.contains(&format!("crate::{other}")) && (floor < room || beside) {
                    wrong.push(format!("src/{name} may not look at {other}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_dangerous_stands_behind_its_door() {
    // What, and the files (or rooms) that may name it.
    let doors: [(&str, &[&str]); 9] = [
        ("std::sync::atomic", &["sync/"]),
        ("std::cell::UnsafeCell", &["sync/"]),
        ("std::thread", &["sync/"]),
        ("Instant::now", &["sync/"]),
        ("atomic_wait", &["sync/"]),
        ("crossbeam_deque", &["sync/"]),
        ("catch_unwind", &["block/unwind.rs", "model/by_loom.rs", "model/by_shuttle.rs"]),
        ("heap::alloc", &["block/memory.rs", "block/slab.rs", "block/injector/segment.rs"]),
        ("thread::spawn", &["pool/threads.rs", "sync/"]),
    ];
    let mut wrong = Vec::new();
    for (name, _, text) in sources() {
        for (what, allowed) in doors {
            let named = code_lines(&text).any(|line| line.contains(what));
            if named && !allowed.iter().any(|door| name.starts_with(door)) {
                wrong.push(format!("src/{name} names {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A clock that somebody can set would end waits early or never. Deadlines stand on `Instant` and on the kernel's clock of the
/// same name, which only go forward; that a deadline and a wake-up may come in any order is the models' business.
// covers F-39
#[test]
fn the_library_reads_no_clock_that_can_be_set() {
    let settable = [
        "SystemTime",
        "UNIX_EPOCH",
        "REALTIME",
        "ClockId::Realtime",
        "gettimeofday",
        "clock_gettime",
        "time::Utc",
    ];
    let mut wrong = Vec::new();
    for (name, _, text) in sources() {
        for line in code_lines(&text) {
            if settable.iter().any(|clock| line.contains(clock)) {
                wrong.push(format!("src/{name}: {}", line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The time limit of tests/common applies to every test that could hang.
#[test]
fn every_test_that_makes_a_pool_has_a_time_limit() {
    let tests = root().join("tests");
    let own = |path: &PathBuf| path.parent() == Some(&tests);
    let texts = files_below(&tests, "rs")
        .into_iter()
        .filter(own)
        .map(|path| (fs::read_to_string(&path).unwrap(), path));
    let makes_one = |text: &str| {
        text.contains("ThreadPool") && text.lines().any(|line| line.starts_with("use millpond"))
    };
    let (limited, unlimited): (Vec<_>, Vec<_>) = texts
        .filter(|(text, _)| makes_one(text))
        .partition(|(text, _)| text.lines().any(|line| line == "mod common;"));
    assert!(limited.len() > 20, "the tests were not found");
    let unlimited: Vec<_> = unlimited.into_iter().map(|(_, path)| path).collect();
    assert!(unlimited.is_empty(), "without `mod common;`: {unlimited:#?}");
}

#[test]
fn no_source_outgrows_what_one_reads_in_one_sitting() {
    let limits: [(&str, usize); 8] = [
        ("src", 420),
        ("benches/src", 420),
        ("benches/benches", 420),
        ("examples", 420),
        ("tests", 400),
        ("fuzz/fuzz_targets", 400),
        ("shuttle-tests/schedules", 400),
        ("loom-tests/models", 400),
    ];
    let mut long = Vec::new();
    for (folder, limit) in limits {
        let files = files_below(&root().join(folder), "rs");
        assert!(!files.is_empty(), "{folder} is empty");
        let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
        let sizes = files.into_iter().map(|path| (lines(&path), limit, path));
        long.extend(sizes.filter(|(lines, limit, _)| lines > limit));
    }
    assert!(long.is_empty(), "lines, how many there may be, and where: {long:#?}");
}

/// The ends of each edge: `// edge NAME release: …` and `// edge NAME acquire: …`, or both as `// edge NAME fence: …`.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, _, text) in sources() {
        for line in text.lines() {
            let Some(rest) = line.trim_start().strip_prefix("// edge ") else { continue };
            let (head, _) =
                rest.split_once(':').unwrap_or_else(|| panic!("an edge without a colon: {line}"));
            let (edge, kinds) =
                head.split_once(' ').unwrap_or_else(|| panic!("an edge without an end: {line}"));
            for kind in ["release", "acquire", "fence"] {
                if kinds.contains(kind) {
                    edges.entry(edge.to_owned()).or_default().insert(kind.to_owned());
                }
            }
        }
    }
    edges
}

#[test]
fn every_edge_has_both_ends() {
    let edges = edges();
    assert!(edges.len() >= 6, "the edges were not found: {edges:?}");
    for (edge, ends) in edges {
        // The end of a wait on a word: whoever waits names the edge, and its other end.
        if edge == "CALLER" {
            continue;
        }
        let paired = ends.contains("release") && ends.contains("acquire");
        assert!(paired || ends.contains("fence"), "edge {edge} has only {ends:?}");
    }
}

/// The ordering of every atomic operation that crosses data is explained where it stands: a comment within the lines above.
#[test]
fn every_ordering_above_relaxed_is_explained() {
    let mut bare = Vec::new();
    for (name, room, text) in sources() {
        if room.is_none_or(|room| ROOMS[room] == "sync") {
            continue;
        }
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let strong =
                ["Ordering::Acquire", "Ordering::Release", "Ordering::AcqRel", "Ordering::SeqCst"];
            if line.trim_start().starts_with("//")
                || !strong.iter().any(|ordering| line.contains(ordering))
            {
                continue;
            }
            let above = &lines[at.saturating_sub(8)..at];
            if !above.iter().any(|line| line.contains("// edge ")) {
                bare.push(format!("src/{name}:{}", at + 1));
            }
        }
    }
    assert!(bare.is_empty(), "orderings without a named edge: {bare:#?}");
}

/// Labels like `LIFE-3` in a text. What a test covers is an id of the register and no label.
fn labels(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("// covers "));
    for word in
        lines.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')))
    {
        let Some((name, number)) = word.split_once('-') else { continue };
        let is_name = name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase());
        if is_name && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) {
            found.insert(word.to_owned());
        }
    }
    found
}

#[test]
fn every_step_of_a_readme_is_in_the_code_and_the_reverse() {
    let said: BTreeSet<_> = files_below(&root().join("src"), "md")
        .iter()
        .flat_map(|path| labels(&fs::read_to_string(path).unwrap()))
        .collect();
    let done: BTreeSet<_> = sources().iter().flat_map(|(_, _, text)| labels(text)).collect();
    assert!(said.len() > 8, "the steps were not found: {said:?}");
    let only_said: Vec<_> = said.difference(&done).collect();
    let only_done: Vec<_> = done.difference(&said).collect();
    assert!(
        only_said.is_empty() && only_done.is_empty(),
        "only in a README: {only_said:?}; only in code: {only_done:?}"
    );
}

#[test]
fn every_room_has_a_readme_that_is_its_documentation() {
    for room in ROOMS {
        let folder = root().join("src").join(room);
        let module = fs::read_to_string(folder.join("mod.rs")).unwrap();
        assert!(module.starts_with("#![doc = include_str!(\"README.md\")]"), "{room}");
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.lines().count() > 3, "{room}: the README says nothing");
    }
}
