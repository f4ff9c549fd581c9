//! The program that has the models as its tests: how it is built, which tests it has, and one run of one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Refusal;
use crate::command_line::Options;

pub(crate) struct Program {
    path: PathBuf,
    /// Where its tests look for their files.
    member: PathBuf,
}

pub(crate) struct Run {
    /// The path of the test.
    pub(crate) test: String,
    pub(crate) end: End,
    /// What it has printed.
    pub(crate) said: String,
    pub(crate) took: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Passed,
    Failed,
    /// The limit of time has stopped it.
    Incomplete,
}

impl Program {
    pub(crate) fn build(member: &Path) -> Result<Self, Refusal> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = member.parent().expect("the member lies in the repository");
        // Of all members that `cargo test` takes: then the dependencies have the same features, and what it has built is
        // not built again.
        let built = Command::new(cargo)
            .args(["test", "--locked", "--lib", "--no-run", "--message-format"])
            .arg("json-render-diagnostics")
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !built.status.success() {
            return Err("the models do not build".into());
        }
        let said = String::from_utf8_lossy(&built.stdout);
        let mut models = said.lines().filter(|line| line.contains(r#""name":"millpond_model""#));
        let path = models.find_map(|line| line.split_once(r#""executable":""#)?.1.split_once('"'));
        let (path, _) = path.ok_or("cargo names no program")?;
        Ok(Self { path: path.into(), member: member.to_owned() })
    }

    /// The tests with one of the names in their paths, or all.
    pub(crate) fn tests(&self, names: &[String]) -> Result<Vec<String>, Refusal> {
        let listed = Command::new(&self.path)
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.path.display()))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let wanted =
            |test: &&str| names.is_empty() || names.iter().any(|name| test.contains(name.as_str()));
        Ok(tests.filter(wanted).map(str::to_owned).collect())
    }

    pub(crate) fn run(&self, test: &str, options: &Options) -> Run {
        let mut command = Command::new(&self.path);
        // With one thread the name of the test would stand before the first line.
        command.args(["--exact", test, "--nocapture", "--test-threads", "2"]);
        command.current_dir(&self.member).env_remove("MILLPOND_MODELS");
        if options.long {
            command.env("MILLPOND_MODELS", "long");
        }
        if let Some(limit) = options.limit {
            command.env("MILLPOND_MODEL_LIMIT", limit.to_string());
        }
        let began = Instant::now();
        let (passed, said) = match command.output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                (output.status.success(), String::from_utf8_lossy(&said).into_owned())
            }
            Err(error) => (false, format!("cannot run {}: {error}", self.path.display())),
        };
        let end = match passed {
            true => End::Passed,
            false if said.contains(": INCOMPLETE after ") => End::Incomplete,
            false => End::Failed,
        };
        Run { test: test.to_owned(), end, said, took: began.elapsed() }
    }
}
