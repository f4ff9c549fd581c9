//! The models of the copy: which there are, how long each takes unchanged, and one run of one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::parallel::in_parallel;
use crate::sites::Mutant;
use crate::{Refusal, refused};

pub(crate) struct Models {
    executable: PathBuf,
    scratch: PathBuf,
    pub(crate) list: Vec<Model>,
}

/// A model that holds of the library as it is.
pub(crate) struct Model {
    /// The path of its test.
    pub(crate) name: String,
    pub(crate) milliseconds: u64,
    /// The sites that its executions come by.
    pub(crate) reached: BTreeSet<usize>,
}

pub(crate) enum End {
    Passed,
    Failed(String),
}

impl Models {
    pub(crate) fn measured(
        executable: PathBuf,
        scratch: &Path,
        jobs: usize,
    ) -> Result<Self, Refusal> {
        let mut models = Self { executable, scratch: scratch.to_owned(), list: Vec::new() };
        let names = models.names()?;
        let record = scratch.join("unchanged.txt");
        models.list = match models.recorded(&record, &names) {
            Some(list) => list,
            None => {
                eprintln!("orderings: {} models of the unchanged library", names.len());
                let list = in_parallel(&names, jobs, |name| models.measure(name));
                let list = list.into_iter().collect::<Result<Vec<_>, _>>()?;
                let lines: String = list.iter().map(Model::line).collect();
                refused(fs::write(&record, lines), "write", &record)?;
                list
            }
        };
        Ok(models)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The tests of protocols that are to hold. Controls fail already, and the rest tests the model itself.
    fn names(&self) -> Result<Vec<String>, Refusal> {
        let listed = Command::new(&self.executable).args(["--list", "--format", "terse"]).output();
        let listed = refused(listed, "run", &self.executable)?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let of_protocols =
            names.filter(|name| name.contains("::models::") && !name.contains("control"));
        Ok(of_protocols.map(str::to_owned).collect())
    }

    /// What an earlier run of this executable measured.
    fn recorded(&self, record: &Path, names: &[String]) -> Option<Vec<Model>> {
        let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        if changed(record)? < changed(&self.executable)? {
            return None;
        }
        let list: Vec<_> =
            fs::read_to_string(record).ok()?.lines().map(Model::parse).collect::<Option<_>>()?;
        list.iter().map(|model| &model.name).eq(names).then_some(list)
    }

    fn measure(&self, name: &str) -> Result<Model, Refusal> {
        let reached = self.scratch.join(format!("{}.reached", file_name(name)));
        let began = Instant::now();
        let end = self.execute(
            name,
            "unchanged",
            ("MILLPOND_REACHED", reached.as_os_str()),
            Duration::MAX,
        )?;
        if let End::Failed(why) = end {
            return Err(format!("{name} fails, and nothing was weakened: {why}"));
        }
        let milliseconds = u64::try_from(began.elapsed().as_millis()).expect("less than an age");
        // A model that comes by no site writes none.
        let sites = fs::read_to_string(&reached).unwrap_or_default();
        let _ = fs::remove_file(&reached);
        let reached = sites.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(Model { name: name.to_owned(), milliseconds, reached })
    }

    pub(crate) fn run(&self, model: &Model, mutant: &Mutant<'_>) -> End {
        // A weaker ordering lets a model read more values, so it may take longer without being wrong.
        let limit = Duration::from_secs(60) + 5 * Duration::from_millis(model.milliseconds);
        let chosen = format!("{}:{}", mutant.site.id, mutant.to);
        let log = chosen.replace(':', "-");
        self.execute(&model.name, &log, ("MILLPOND_MUTANT", chosen.as_ref()), limit)
            .unwrap_or_else(|why| panic!("{why}"))
    }

    /// Runs one test in a process of its own.
    fn execute(
        &self,
        name: &str,
        log: &str,
        (variable, value): (&str, &std::ffi::OsStr),
        limit: Duration,
    ) -> Result<End, Refusal> {
        let log = self.scratch.join(format!("{}.{log}.log", file_name(name)));
        let output = refused(File::create(&log), "write", &log)?;
        let errors = refused(output.try_clone(), "write", &log)?;
        let child = Command::new(&self.executable)
            .args(["--exact", name, "--nocapture", "--test-threads", "1"])
            .env_remove("MILLPOND_MODELS")
            .env("RUST_BACKTRACE", "0")
            .env(variable, value)
            .stdout(output)
            .stderr(errors)
            .spawn();
        let mut child = refused(child, "run", &self.executable)?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = refused(child.try_wait(), "wait for", &self.executable)? {
                break Some(status);
            }
            if began.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            thread::sleep(Duration::from_millis(10));
        };
        let said = String::from_utf8_lossy(&refused(fs::read(&log), "read", &log)?).into_owned();
        let _ = fs::remove_file(&log);
        Ok(match status {
            Some(status) if status.success() => End::Passed,
            Some(status) => End::Failed(why(&said, status)),
            None => End::Failed(format!("time-out after {} s", limit.as_secs())),
        })
    }
}

impl Model {
    fn line(&self) -> String {
        let sites: Vec<_> = self.reached.iter().map(usize::to_string).collect();
        format!("{} {} {}\n", self.name, self.milliseconds, sites.join(","))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (name, milliseconds, sites) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            name: name.to_owned(),
            milliseconds: milliseconds.parse().ok()?,
            reached: sites.split(',').filter_map(|site| site.parse().ok()).collect(),
        })
    }
}

fn file_name(test: &str) -> String {
    test.replace("::", ".")
}

/// The first line of what the harness says of the failure, or of the first panic, or how the process ended.
fn why(said: &str, status: ExitStatus) -> String {
    let harness =
        said.lines().find_map(|line| Some(line.split_once(": failed in execution ")?.1.to_owned()));
    let panic = || {
        let mut lines = said.lines().skip_while(|line| !line.contains("panicked at"));
        lines.nth(1).map(str::to_owned)
    };
    let last = || {
        said.lines().rfind(|line| !line.trim().is_empty()).map(|line| format!("{status}: {line}"))
    };
    harness
        .map(|why| format!("execution {why}"))
        .or_else(panic)
        .or_else(last)
        .unwrap_or_else(|| status.to_string())
}
