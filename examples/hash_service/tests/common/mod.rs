//! What the tests share.

use std::path::Path;
use std::thread;
use std::time::Duration;

use hash_service::load::Client;

/// The service's program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hash-service");

/// Ends the process if it hangs. The limit is for hangs alone.
pub(crate) fn limit() {
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(180));
        eprintln!("a test hangs");
        std::process::abort();
    });
}

#[allow(dead_code, reason = "not every test starts a process")]
pub(crate) fn program() -> &'static Path {
    Path::new(PROGRAM)
}

/// One number of the service's metrics.
#[allow(dead_code, reason = "not every test asks")]
pub(crate) async fn metric(client: &Client, name: &str) -> u64 {
    let text = client.send("GET", "/metrics", "").await.unwrap().body;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| {
        panic!("no {name} in: {text}");
    });
    line.trim().parse().unwrap()
}
