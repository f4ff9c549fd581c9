//! Takes the library's own behavioural tests out of `tests/`, for the specification: each is the
//! same text, with the model's threads in place of the system's. A part of the build script.

use std::collections::BTreeMap;
use std::path::Path;

/// What a model has not, and why a test that has this in its text is left out.
const WITHOUT: &[(&str, &str)] = &[
    ("sleep(", "it lets time pass"),
    ("Instant", "it reads a clock"),
    ("SystemTime", "it reads a clock"),
    ("thread::scope", "loom has no scoped threads"),
    ("park_timeout", "it lets time pass"),
    ("recv_timeout", "it lets time pass"),
    ("alone(", "it needs a process of its own"),
    ("in_child(", "it needs a process of its own"),
    ("should_panic", "a panic of its main thread is its end"),
    ("set_hook", "it sets the panic hook"),
    ("thread::Builder", "it names threads of its own"),
    ("Condvar", "its lock must be made inside the model"),
    ("tokio", "it needs a runtime"),
    ("std::env", "it reads the environment"),
    ("std::fs", "it reads files"),
    ("std::process", "it starts a process"),
    ("threads()", "it counts the threads of the process"),
    ("descriptors()", "it counts the files of the process"),
    ("global_allocator", "it counts allocations"),
    ("thread_local!", "it has thread-locals of the system's"),
];

/// The text that is another in a model.
const OTHER: &[(&str, &str)] = &[
    ("millpond::", "millpond_spec::"),
    ("use common::", "use crate::prelude::common::"),
    (" common::", " crate::prelude::common::"),
    ("use parity::", "use crate::parity::"),
    (" parity::", " crate::parity::"),
    ("std::thread", "crate::prelude::thread"),
    ("std::sync::", "crate::prelude::sync::"),
    ("use std::sync;", "use crate::prelude::sync;"),
    ("std::panic::resume_unwind", "crate::prelude::resume_unwind"),
    ("std::panic::panic_any", "crate::prelude::panic_any"),
    ("std::panic::", "crate::prelude::panic::"),
];

/// A file's tests that are taken and those that are left out, each with the reason.
#[derive(Default)]
struct Taken {
    text: String,
    tests: Vec<String>,
    left: BTreeMap<String, String>,
}

/// Writes the tests of all files in one text, and returns how many were left out for what.
pub(crate) fn write(tests: &Path, files: &[&str], left: &str) -> String {
    // Those that compile, and that a model cannot pass: `file::test: reason`.
    let left: BTreeMap<&str, &str> =
        left.lines().filter_map(|line| line.split_once(": ")).collect();
    let mut all = String::new();
    let parity = std::fs::read_to_string(tests.join("parity/mod.rs")).expect("it is there");
    all.push_str(&format!("pub(crate) mod parity {{\n{}}}\n", take("parity", &parity, &left).text));
    let (mut table, mut many) = (String::new(), 0);
    for file in files {
        println!("cargo::rerun-if-changed={}", tests.join(format!("{file}.rs")).display());
        let text = std::fs::read_to_string(tests.join(format!("{file}.rs"))).expect("it is there");
        let taken = take(file, &text, &left);
        all.push_str(&format!("mod {file} {{\n{}", taken.text));
        for test in &taken.tests {
            all.push_str(&format!(
                "#[test] fn {test}_in_a_model() {{ crate::run(\"{file}::{test}\", {test}); }}\n"
            ));
        }
        all.push_str("}\n");
        many += taken.tests.len();
        for (test, why) in &taken.left {
            table.push_str(&format!("    (\"{file}::{test}\", \"{why}\"),\n"));
        }
    }
    all.push_str(&format!(
        "const TAKEN: usize = {many};\nconst LEFT: &[(&str, &str)] = &[\n{table}];\n"
    ));
    all
}

/// Takes what fits out of a file.
fn take(file: &str, text: &str, left: &BTreeMap<&str, &str>) -> Taken {
    let mut taken = Taken::default();
    let mut gone: Vec<(String, String)> = Vec::new();
    let items = items(text);
    // Twice, because an item may use one that stands below it.
    for round in 0..3 {
        taken = Taken::default();
        for item in &items {
            let name = name(item);
            let uses = |gone: &(String, String)| {
                gone.0 != name
                    && (item.contains(&format!("{}(", gone.0))
                        || item.contains(&format!("{}::", gone.0)))
            };
            let why = WITHOUT
                .iter()
                .find(|(what, _)| !item.starts_with("use ") && item.contains(what))
                .map(|(_, why)| (*why).to_owned())
                .or_else(|| left.get(&*format!("{file}::{name}")).map(|why| (*why).to_owned()))
                .or_else(|| gone.iter().find(|gone| uses(gone)).map(|gone| gone.1.clone()));
            let is_test = item.contains("#[test]");
            if let Some(why) = why {
                if is_test {
                    taken.left.insert(name.clone(), why.clone());
                } else if round < 2 && !name.is_empty() {
                    gone.push((name, why));
                }
                continue;
            }
            if is_test {
                taken.tests.push(name);
            }
            taken.text.push_str(&in_a_model(item));
        }
    }
    taken
}

/// The items of a file: what stands from one line at the margin to the next end at the margin.
fn items(text: &str) -> Vec<String> {
    let (mut items, mut item, mut begun) = (Vec::new(), String::new(), false);
    for line in text.lines().filter(|line| !line.starts_with("//!") && !line.starts_with("#![")) {
        if item.is_empty() && line.is_empty() || line.starts_with("mod ") {
            continue;
        }
        item.push_str(line);
        item.push('\n');
        let at_margin = !line.starts_with(' ') && !line.is_empty();
        let is_head = line.starts_with("//") || line.starts_with("#[");
        let ends = at_margin && !is_head && {
            let closes = line.starts_with(['}', ']', ')']);
            closes || !begun && line.ends_with([';', '}'])
        };
        begun |= at_margin && !is_head;
        if ends {
            items.push(std::mem::take(&mut item));
            begun = false;
        }
    }
    items
}

/// The name of a function, a type or a constant.
fn name(item: &str) -> String {
    let words = ["fn ", "struct ", "enum ", "const ", "static ", "type ", "impl ", "trait "];
    let head = item.lines().find(|line| !line.starts_with("//") && !line.starts_with("#["));
    let head = head.unwrap_or_default();
    let after = words.iter().find_map(|word| head.split_once(word)).map_or("", |(_, after)| after);
    after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn in_a_model(item: &str) -> String {
    let mut text = item.replace("#[test]\n", "");
    for (from, to) in OTHER {
        text = text.replace(from, to);
    }
    text
}
