//! Sets `--cfg loom` for this member alone, so that nobody has to set RUSTFLAGS.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
