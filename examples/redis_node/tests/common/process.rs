//! A node as a process of its own.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::server::QUEUE;
use super::{Server, until};

/// A node, which is killed when this is dropped.
pub(crate) struct NodeProcess {
    child: Child,
    pub(crate) name: String,
    pub(crate) ready: PathBuf,
}

impl NodeProcess {
    /// Starts a node, and waits until it takes jobs.
    pub(crate) fn start(server: &Server, name: &str, options: &[&str]) -> Self {
        let node = Self::begin(server, name, options);
        until("the node is ready", || node.ready.exists().then_some(()));
        node
    }

    /// Starts a node that perhaps does not live for long.
    pub(crate) fn begin(server: &Server, name: &str, options: &[&str]) -> Self {
        let ready = server.file(&format!("{name}.ready"));
        let child = Command::new(env!("CARGO_BIN_EXE_redis-node"))
            .args(["--url", &server.url, "--queue", QUEUE, "work", "--name", name])
            .args(["--ready".as_ref(), ready.as_os_str()])
            .args(options)
            // The panics of these tests are meant.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, name: name.to_owned(), ready }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits until the process has ended, by whatever cause.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the node ends", || self.child.try_wait().unwrap())
    }

    /// Waits until the node has ended well, and gives its numbers.
    pub(crate) fn report(mut self) -> Numbers {
        let status = self.ended();
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(status.success(), "{status}: {said}");
        assert!(!self.ready.exists(), "a node that has ended is not ready");
        Numbers(said)
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Both fail if it has ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The last line of a node.
pub(crate) struct Numbers(pub(crate) String);

impl Numbers {
    pub(crate) fn of(&self, what: &str) -> usize {
        let numbers = self.0.trim().split(", ");
        let number = numbers.filter_map(|number| number.rsplit_once(' '));
        let mut found = number.filter(|(name, _)| *name == what);
        found.next().unwrap_or_else(|| panic!("no {what} in: {}", self.0)).1.parse().unwrap()
    }
}
