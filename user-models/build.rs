//! Sets `--cfg millpond_loom` for this member alone, so that nobody has to set RUSTFLAGS.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(millpond_loom)");
    println!("cargo::rustc-cfg=millpond_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
