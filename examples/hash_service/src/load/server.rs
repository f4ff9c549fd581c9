//! The service as a process of its own, so that its memory is its own.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A service that listens. Its drop kills it.
pub struct Server {
    child: Child,
    /// What it has still to say.
    said: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts `program serve` with these options, on a free port, and waits until it listens.
    ///
    /// # Errors
    ///
    /// The program does not start, or says something else than where it listens.
    pub fn start(program: &Path, options: &[String]) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("serve")
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut server =
            Self { child, said: BufReader::new(stdout), address: SocketAddr::from(([0; 4], 0)) };
        let line = server.line()?;
        server.address = line
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| io::Error::other(format!("the service said: {line}")))?;
        Ok(server)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// The most memory that it had at any time, in MiB.
    #[must_use]
    pub fn peak_memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn terminate(&self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(io::Error::from)
    }

    /// Waits until it has ended, and gives its last line.
    ///
    /// # Errors
    ///
    /// It failed, or said nothing.
    pub fn ended(mut self) -> io::Result<String> {
        let line = self.line()?;
        let status = self.child.wait()?;
        if status.success() {
            Ok(line)
        } else {
            Err(io::Error::other(format!("the service ended with {status}: {line}")))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
