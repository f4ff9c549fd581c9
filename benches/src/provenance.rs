//! What else may move a figure, besides the code: how it was built, and what the system is set to.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use procfs::{CpuInfo, Current as _, LoadAverage};
use rustix::thread::{CpuSet, sched_getaffinity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Null is what the system does not tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Provenance {
    /// For which target it was built.
    pub(crate) target: String,
    /// The profile that it was built with, and its level of optimisation.
    pub(crate) profile: String,
    /// The compiler's flags that Cargo was told of; empty if it was told of none.
    pub(crate) rustflags: String,
    pub(crate) allocator: String,
    /// SHA-256 of the lock file that it was built with.
    pub(crate) lockfile: String,
    /// SHA-256 of the program itself.
    pub(crate) program: Option<String>,
    /// The processors of the machine that are in use, as the kernel lists them.
    pub(crate) online: Option<String>,
    /// The processors that the program may run on.
    pub(crate) affinity: Option<Vec<usize>>,
    /// The limit of processor time of the control group that is nearest to the program, in
    /// processors, or that there is none.
    pub(crate) quota: Option<String>,
    /// Of the first processor's frequency.
    pub(crate) governor: Option<String>,
    /// Whether the processor says that there is a hypervisor, and what the firmware calls the
    /// machine.
    pub(crate) virtualisation: Option<String>,
    pub(crate) clock_source: Option<String>,
    /// The load averages of the last one, five and fifteen minutes when the run began.
    pub(crate) load: Option<[f32; 3]>,
    pub(crate) proofs: Proofs,
}

/// How much of the code is checked by other means than measuring, as the ledgers of the revision say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Proofs {
    /// The ends of happens-before edges: `docs/orderings.md`.
    pub(crate) ordering_ends: usize,
    /// Edges that a model fails without.
    pub(crate) edges_with_models: usize,
    /// Edges for which no model can fail, each with its reason.
    pub(crate) edges_with_reasons: usize,
    /// Models, of those that stand in `docs/orderings.md`.
    pub(crate) models: usize,
    /// Unsafe blocks, each with its obligations: `docs/unsafe.md`.
    pub(crate) unsafe_blocks: usize,
}

impl Provenance {
    pub(crate) fn now() -> Self {
        let env = |name: &str| name.to_owned();
        Self {
            target: env(env!("MILLPOND_BENCH_TARGET")),
            profile: format!(
                "{}, opt-level {}",
                env!("MILLPOND_BENCH_PROFILE"),
                env!("MILLPOND_BENCH_OPT_LEVEL")
            ),
            rustflags: env(env!("MILLPOND_BENCH_RUSTFLAGS")),
            allocator:
                "the system's, behind a counter that is off in all rows but those that count"
                    .to_owned(),
            lockfile: hash(LOCK.as_bytes()),
            program: program(),
            online: line("/sys/devices/system/cpu/online"),
            affinity: affinity(),
            quota: quota(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            virtualisation: virtualisation(),
            clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            load: LoadAverage::current().ok().map(|load| [load.one, load.five, load.fifteen]),
            proofs: Proofs::of(
                include_str!("../../docs/orderings.md"),
                include_str!("../../docs/unsafe.md"),
            ),
        }
    }

    /// Each fact, in words, with its name.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let unknown = || "the system does not tell".to_owned();
        let or_unknown = |fact: &Option<String>| fact.clone().unwrap_or_else(unknown);
        let flags = if self.rustflags.is_empty() { "none" } else { &self.rustflags };
        let list =
            |all: &Vec<usize>| all.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let load = |[one, five, fifteen]: [f32; 3]| format!("{one:.2}, {five:.2}, {fifteen:.2}");
        vec![
            ("Target", self.target.clone()),
            ("Profile", self.profile.clone()),
            ("Compiler flags", flags.to_owned()),
            ("Allocator", self.allocator.clone()),
            ("Lock file, SHA-256", self.lockfile.clone()),
            ("Program, SHA-256", or_unknown(&self.program)),
            ("Processors online", or_unknown(&self.online)),
            ("Processors allowed", self.affinity.as_ref().map_or_else(unknown, list)),
            ("Quota of processor time", or_unknown(&self.quota)),
            ("Frequency governor", or_unknown(&self.governor)),
            ("Virtualisation", or_unknown(&self.virtualisation)),
            ("Clock source", or_unknown(&self.clock_source)),
            ("Load at the beginning (1, 5, 15 min)", self.load.map_or_else(unknown, load)),
        ]
    }
}

/// The lock file that this was built with.
pub(crate) const LOCK: &str = include_str!("../../Cargo.lock");

/// In hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Read once: it is some megabytes.
fn program() -> Option<String> {
    static PROGRAM: OnceLock<Option<String>> = OnceLock::new();
    let read = || Some(hash(&fs::read(std::env::current_exe().ok()?).ok()?));
    PROGRAM.get_or_init(read).clone()
}

/// A file of the system that has one line.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn affinity() -> Option<Vec<usize>> {
    let all = sched_getaffinity(None).ok()?;
    Some((0..CpuSet::MAX_CPU).filter(|processor| all.is_set(*processor)).collect())
}

/// Of the second version of control groups: up from the program's own, the first that has a limit.
fn quota() -> Option<String> {
    let own = line("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let groups = root.join(own);
    let limits: Vec<_> = groups
        .ancestors()
        .take_while(|group| group.starts_with(root))
        .filter_map(|group| line(group.join("cpu.max")))
        .collect();
    limits.iter().find_map(|limit| processors(limit)).or_else(|| Some("none".to_owned()))
}

/// `50000 100000` is half a processor; `max 100000` is no limit.
fn processors(limit: &str) -> Option<String> {
    let (quota, period) = limit.split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| format!("{:.2} processors", quota / period))
}

fn virtualisation() -> Option<String> {
    let info = CpuInfo::current().ok()?;
    let guest = info.flags(0)?.contains(&"hypervisor");
    let machine: Vec<_> = ["sys_vendor", "product_name"]
        .iter()
        .filter_map(|name| line(Path::new("/sys/class/dmi/id").join(name)))
        .collect();
    let guest = if guest { "a virtual machine" } else { "no hypervisor seen" };
    Some([&[guest.to_owned()], &machine[..]].concat().join(", "))
}

impl Proofs {
    fn of(orderings: &str, blocks: &str) -> Self {
        let starts = |with: &[&str]| {
            orderings
                .lines()
                .filter(|line| with.iter().any(|start| line.starts_with(start)))
                .count()
        };
        let mut models: Vec<&str> = orderings
            .lines()
            .filter_map(|line| line.strip_prefix("Models: "))
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .collect();
        models.sort_unstable();
        models.dedup();
        Self {
            ordering_ends: starts(&["| release |", "| acquire |", "| fence |"]),
            edges_with_models: starts(&["Models: "]),
            edges_with_reasons: starts(&["No model "]),
            models: models.len(),
            unsafe_blocks: blocks
                .split_once(" in all")
                .and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok())
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledgers_are_counted_as_they_count_themselves() {
        let proofs = Provenance::now().proofs;
        let ledger = include_str!("../../docs/unsafe.md");
        let lines = ledger.lines().filter(|line| line.starts_with("| `")).count();
        // What one line has in common with others stands in it once.
        assert!((lines / 2..=lines).contains(&proofs.unsafe_blocks), "{lines}: {proofs:?}");
        let edges = include_str!("../../docs/orderings.md").matches("\n## ").count();
        assert_eq!(proofs.edges_with_models + proofs.edges_with_reasons, edges);
        assert!(proofs.ordering_ends >= 2 * edges - 5 && proofs.models > 20, "{proofs:?}");
    }

    #[test]
    fn a_limit_is_told_in_processors() {
        assert_eq!(processors("150000 100000").as_deref(), Some("1.50 processors"));
        assert_eq!([processors("max 100000"), processors("")], [None, None]);
    }

    #[test]
    fn a_hash_is_that_of_the_lock_file_as_other_programs_compute_it() {
        assert_eq!(
            hash(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(Provenance::now().lockfile, hash(LOCK.as_bytes()));
    }

    #[test]
    fn what_the_system_tells_is_there() {
        let now = Provenance::now();
        let affinity = now.affinity.as_ref().expect("Linux tells");
        assert!(!affinity.is_empty() && now.facts().len() == 13, "{affinity:?}");
        let program = now.program.as_ref().expect("the program can be read");
        assert_eq!(program.len(), 64);
    }
}
