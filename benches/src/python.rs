//! Finding a CPython, and asking it.

use std::path::{Path, PathBuf};
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
    name: PathBuf,
    variable: Option<(&'static str, &'static str)>,
    /// As it says itself.
    pub(crate) version: String,
}

/// In this order: the version that the targets were measured with, by its name; the same where the name is a shim that
/// must be told a version; any.
const CANDIDATES: [(&str, Option<(&str, &str)>); 3] =
    [("python3.13", None), ("python3.13", Some(("PYENV_VERSION", "3.13"))), ("python3", None)];

impl Python {
    /// The first of these paths that runs. If there are none, the first of the candidates, if any runs.
    ///
    /// # Errors
    ///
    /// If there are paths, and none of them runs.
    pub(crate) fn find(paths: &[PathBuf]) -> Result<Option<Self>, String> {
        if paths.is_empty() {
            let find = |(name, variable)| Self::at(Path::new(name), variable);
            return Ok(CANDIDATES.into_iter().find_map(find));
        }
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        let found = paths.iter().find_map(|path| Self::at(path, None));
        found.map(Some).ok_or_else(|| format!("no Python runs as {}", names.join(" or as ")))
    }

    fn at(name: &Path, variable: Option<(&'static str, &'static str)>) -> Option<Self> {
        let found = Self { name: name.to_owned(), variable, version: String::new() };
        let output = found.command().arg("--version").stderr(Stdio::null()).output().ok()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !version.is_empty()).then_some(Self { version, ..found })
    }

    /// A process that puts the question to a pool: one of those above.
    pub(crate) fn ask(&self, question: &str, pool: &str) -> Command {
        let mut command = self.command();
        command.args(["-c", PROGRAM, question, pool.trim_start_matches("CPython ")]);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.envs(self.variable);
        command
    }
}
