//! What the tests share: a server and nodes as processes, and a way to wait for what they do.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod process;
mod server;

#[allow(unused_imports, reason = "not every test starts a node")]
pub(crate) use process::NodeProcess;
pub(crate) use server::Server;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

/// The limit is for hangs alone.
const HANGS: Duration = Duration::from_secs(240);

/// Waits until another process has got so far, and returns what `look` then gives.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < HANGS, "{what}: not within {HANGS:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Says something past the test harness, which would keep it to itself if the test passes.
pub(crate) fn say(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}
