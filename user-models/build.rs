//! Sets `--cfg millpond_loom` for this member alone, so that no command has to set RUSTFLAGS. It
//! takes the first model out of docs/model-checking.md, and the examples out of the documentation
//! of `millpond::model`, so that they compile and run as tests.

#[path = "build/behaviour.rs"]
mod behaviour;

use std::path::Path;

const PAGE: &str = "../docs/model-checking.md";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(millpond_loom)");
    println!("cargo::rustc-cfg=millpond_loom");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PAGE}");
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let begin = "```rust,ignore\n#![cfg(any(millpond_loom, millpond_shuttle))]\n";
    let (_, model) = page.split_once(begin).expect("a model");
    let (model, _) = model.split_once("```\n").expect("its end");
    for krate in ["millpond_spec", "millpond_shuttle"] {
        // The first line makes up for the `cfg`, so that the lines keep their numbers.
        let model = format!("\n{model}")
            .replace("use millpond::", &format!("use {krate}::"))
            .replace("#[test]", "#[test] #[should_panic(expected = \"the model failed\")]");
        write(&format!("{krate}.rs"), &model);
    }
    write("examples.rs", &examples());
    println!("cargo::rerun-if-changed=build");
    write("behaviour.rs", &behaviour::modules("../tests"));
    write("common.rs", &behaviour::helpers("../tests"));
}

fn write(name: &str, text: &str) {
    let folder = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join(name), text).expect("it can be written");
}

/// Makes a test of each example in the documentation of `millpond::model`.
fn examples() -> String {
    let mut tests = String::new();
    for folder in ["../src/model", "../src/sync/recorded"] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("it is there")
            .map(|entry| entry.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("it can be read");
            let stem = file.file_stem().expect("a name").to_string_lossy().replace("mod", "module");
            let room = folder.rsplit('/').next().expect("a name");
            for (line, example) in examples_of(&text) {
                let example = example.replace("millpond::", "millpond_spec::");
                let body = format!("#[test]\nfn {room}_{stem}_{line}() {{\n{example}}}\n");
                tests.push_str(&body);
            }
        }
    }
    tests
}

/// The examples of a file, each with the number of its line.
fn examples_of(text: &str) -> Vec<(usize, String)> {
    let (mut examples, mut open) = (Vec::new(), None::<(usize, String)>);
    for (number, line) in (1..).zip(text.lines()) {
        let Some(doc) = line.trim_start().strip_prefix("///") else { continue };
        let doc = doc.strip_prefix(' ').unwrap_or(doc);
        match (&mut open, doc.starts_with("```")) {
            (None, true) => open = Some((number, String::new())),
            (Some(_), true) => examples.extend(open.take()),
            (Some((_, example)), false) => {
                example.push_str(doc.strip_prefix("# ").unwrap_or(doc));
                example.push('\n');
            }
            (None, false) => {}
        }
    }
    examples
}
