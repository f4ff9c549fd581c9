//! Sets `--cfg millpond_shuttle` for this member alone, so that nobody has to set RUSTFLAGS.

fn main() {
    // The library's features, none of which this member has.
    println!(
        "cargo::rustc-check-cfg=cfg(feature, values(\"loom\", \"loom-internals\", \"counters\", \"tracing\", \"futures\"))"
    );
    println!("cargo::rustc-cfg=millpond_shuttle");
    // As for the models: leaves out the library's unit tests, which run outside an execution. By itself it does no more.
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
