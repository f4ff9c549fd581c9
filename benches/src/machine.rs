//! Where, when and of what this was measured: what must stand beside a figure.

use std::fmt;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use jiff::{Timestamp, Unit};
use procfs::{CpuInfo, Current as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::peers::KNOWN;
use crate::provenance::{LOCK, Provenance};
use crate::python::Python;

/// The circumstances of a run. Figures of two machines, and of two runs, are not to be compared; ratios are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Circumstances {
    /// When the run began, in UTC.
    pub(crate) date: String,
    /// The library's version.
    pub(crate) millpond: String,
    /// What was built, `-dirty` if with changes that are not committed; none outside a git checkout.
    pub(crate) commit: Option<String>,
    /// The compiler that built it.
    pub(crate) rustc: String,
    pub(crate) machine: Machine,
    pub(crate) peers: Vec<Package>,
    /// Documents from before this was added lack it.
    #[serde(default)]
    pub(crate) provenance: Option<Provenance>,
}

/// What it ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// The Python that was found.
    pub(crate) python: Option<String>,
}

/// A crate that is a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Circumstances {
    pub(crate) fn now(python: Option<&Python>) -> Self {
        let date = Timestamp::now().round(Unit::Second).expect("a second is a unit of time");
        Self {
            date: date.to_string(),
            millpond: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit(),
            rustc: rustc_version_runtime::version_meta().short_version_string,
            machine: Machine::here(python),
            peers: packages(LOCK),
            provenance: Some(Provenance::now()),
        }
    }
}

impl Machine {
    fn here(python: Option<&Python>) -> Self {
        let processor =
            CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
        let kernel = procfs::sys::kernel::Version::current()
            .map(|v| format!("{}.{}.{}", v.major, v.minor, v.patch));
        Self {
            cores: available_parallelism().map_or(1, usize::from),
            processor: processor.unwrap_or_else(|| "unknown processor".to_owned()),
            kernel: kernel.unwrap_or_else(|_| "unknown".to_owned()),
            python: python.map(|python| python.version.clone()),
        }
    }
}

/// Of the checkout that this was built from. `cargo targets` builds and runs at once, so that it is what is measured.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR")])
        .args(["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let name = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| name.trim().to_owned())
}

/// Name and version of each peer.
fn packages(lock: &str) -> Vec<Package> {
    let packages = lock.split("[[package]]").map(|package| {
        let value = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)).map(|v| v.trim_matches('"'))
        };
        let owned = |key: &str| value(key).unwrap_or_default().to_owned();
        Package { name: owned("name = "), version: owned("version = ") }
    });
    let is_known = |name: &str| KNOWN.iter().any(|peer| peer.package == Some(name));
    packages.filter(|package| is_known(&package.name)).collect()
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, millpond, commit, rustc, machine, peers, .. } = self;
        let Machine { cores, processor, kernel, python } = machine;
        let python = python.as_deref().unwrap_or("no Python found");
        let commit = commit.as_deref().unwrap_or("no commit known");
        let peers: Vec<_> =
            peers.iter().map(|Package { name, version }| format!("{name} {version}")).collect();
        writeln!(f, "millpond {millpond}, {commit}, {rustc}, {date}")?;
        writeln!(f, "{cores} cores of {processor}, Linux {kernel}, {python}")?;
        write!(f, "Peers: {}", peers.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_that_is_a_crate_has_a_version() {
        let packages = packages(LOCK);
        for name in KNOWN.iter().filter_map(|peer| peer.package) {
            let found: Vec<_> = packages.iter().filter(|package| package.name == name).collect();
            assert!(
                matches!(found[..], [Package { version, .. }] if !version.is_empty()),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn a_lock_file_is_read_for_peers_alone() {
        let lock = "[[package]]\nname = \"rayon\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"rayon-core\"\nversion = \"4.5.6\"\n";
        assert_eq!(
            packages(lock),
            [Package { name: "rayon".to_owned(), version: "1.2.3".to_owned() }]
        );
    }

    #[test]
    fn a_commit_is_a_hash_with_a_mark_if_changed() {
        let Some(commit) = commit() else { return };
        let hash = commit.strip_suffix("-dirty").unwrap_or(&commit);
        assert!(
            hash.len() == 40 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()),
            "{commit}"
        );
    }
}
