//! What the tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

/// Keeps those who wait until it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux lists its threads").count()
}

/// Runs a test in a process of its own: for what other tests in the same process would disturb.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    const MARK: &str = "MILLPOND_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let program = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(program).args(["--exact", name, "--nocapture"]).env(MARK, "1").output();
    let output = output.expect("the program starts again");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test must have run");
}
