//! `cargo targets`: see the library.

use std::process::ExitCode;

/// Counts only when a row asks for it: for the rest of the time it costs each allocation one load.
#[global_allocator]
static HEAP: millpond_bench::Counting = millpond_bench::Counting;

fn main() -> ExitCode {
    millpond_bench::main()
}
