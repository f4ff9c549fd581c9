//! What the tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::process::{Command, Output};
use std::sync::{Arc, Condvar, Mutex};

mod system;
#[cfg(target_os = "linux")]
mod time_limit;

#[cfg(target_os = "linux")]
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use time_limit::watches;

/// No thread watches here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn watches() -> bool {
    false
}

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use system::{descriptors, threads, until_threads};

/// Keeps those who wait until it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    pub(crate) fn wait(&self) {
        let mut is_open = self.0.0.lock().unwrap();
        while !*is_open {
            is_open = self.0.1.wait(is_open).unwrap();
        }
    }
}

/// Keeps a worker of the pool in a task until the gate opens. It is in it when this returns.
pub(crate) fn hold_up(pool: &millpond::ThreadPool) -> Gate {
    let (entered, gate) = (Gate::new(), Gate::new());
    let (enter, pass) = (entered.clone(), gate.clone());
    pool.spawn(move || {
        enter.open();
        pass.wait();
    })
    .unwrap();
    entered.wait();
    gate
}

/// Lets the consumer pull so many items, of which none ends meanwhile. The call that opens a stream
/// pulls fewer where the machine is slow or interrupts it.
pub(crate) fn pull<I: Iterator, T, E>(stream: &mut millpond::Imap<I, T, E>, items: usize) {
    while stream.progress().total < items {
        assert!(stream.next_timeout(std::time::Duration::ZERO).is_err(), "no item ends");
    }
}

/// Marks a process that a test has started to run its own body.
const CHILD: &str = "MILLPOND_TEST_CHILD";

/// Whether a test has started this process.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The command that runs one test in a process of its own. `name` is the test's.
pub(crate) fn again(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its program"));
    command.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    command
}

/// Runs `body` in a process of its own, which may end as it likes; says how it ended and what it said. In the child it
/// returns nothing, and the test must return too.
pub(crate) fn in_child(name: &str, body: impl FnOnce()) -> Option<Output> {
    if is_child() {
        body();
        return None;
    }
    Some(again(name).output().expect("the program starts again"))
}

/// Runs a test in a process of its own: for what other tests in the same process would disturb.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    let Some(output) = in_child(name, body) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{said}");
    assert!(said.contains("1 passed"), "the test must have run");
}
