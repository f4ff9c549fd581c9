//! Sets `--cfg millpond_loom` for this member alone, so that nobody has to set RUSTFLAGS, and takes
//! the first model out of docs/model-checking.md, so that it compiles and runs as a test.

use std::path::Path;

const PAGE: &str = "../docs/model-checking.md";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(millpond_loom)");
    println!("cargo::rustc-cfg=millpond_loom");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PAGE}");
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let (_, model) = page.split_once("```rust,ignore\n#![cfg(millpond_loom)]\n").expect("a model");
    let (model, _) = model.split_once("```\n").expect("its end");
    // The first line makes up for the `cfg`, so that the lines keep their numbers.
    let model = format!("\n{model}")
        .replace("use millpond::", "use millpond_spec::")
        .replace("#[test]", "#[test] #[should_panic(expected = \"the model failed\")]");
    let folder = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&folder).join("model.rs"), model).expect("it can be written");
}
