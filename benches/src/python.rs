//! Finding a CPython, and asking it.

use std::process::{Command, Stdio};

/// The questions that CPython answers, one program for all.
const PROGRAM: &str = include_str!("../python/contestant.py");

/// `multiprocessing.pool.ThreadPool`, as the report calls it.
pub(crate) const THREAD_POOL: &str = "CPython ThreadPool";
/// `concurrent.futures.ThreadPoolExecutor`.
pub(crate) const EXECUTOR: &str = "CPython ThreadPoolExecutor";

/// A Python that runs.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    name: &'static str,
    variable: Option<(&'static str, &'static str)>,
    /// As it says itself.
    pub(crate) version: String,
}

/// In this order: the version that the targets were measured with, by its name; the same where the name is a shim that
/// must be told a version; any.
const CANDIDATES: [(&str, Option<(&str, &str)>); 3] =
    [("python3.13", None), ("python3.13", Some(("PYENV_VERSION", "3.13"))), ("python3", None)];

impl Python {
    /// The first of the candidates that runs.
    pub(crate) fn find() -> Option<Self> {
        CANDIDATES.into_iter().find_map(|(name, variable)| {
            let found = Self { name, variable, version: String::new() };
            let output = found.command().arg("--version").stderr(Stdio::null()).output().ok()?;
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            (output.status.success() && !version.is_empty()).then_some(Self { version, ..found })
        })
    }

    /// A process that puts the question to a pool: one of those above.
    pub(crate) fn ask(&self, question: &str, pool: &str) -> Command {
        let mut command = self.command();
        command.args(["-c", PROGRAM, question, pool.trim_start_matches("CPython ")]);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.name);
        command.envs(self.variable);
        command
    }
}
