//! Tells the program how it is built: a report says it.

use std::env;

fn main() {
    for name in ["TARGET", "OPT_LEVEL", "PROFILE"] {
        let value = env::var(name).unwrap_or_default();
        println!("cargo::rustc-env=MILLPOND_BENCH_{name}={value}");
    }
    // Cargo separates flags by a character that may stand in none.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\x1f', " ");
    println!("cargo::rustc-env=MILLPOND_BENCH_RUSTFLAGS={flags}");
    println!("cargo::rerun-if-changed=build.rs");
}
