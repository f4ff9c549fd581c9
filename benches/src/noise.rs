//! How much of the machine went to others while a row was measured.

use procfs::process::Process;
use procfs::{CpuTime, Current as _, CurrentSI as _, KernelStats, LoadAverage};

/// Ticks of processor time, at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// All processors, in use or not.
    all: u64,
    /// All processors, in use by anybody, the hypervisor included.
    busy: u64,
    /// This process and those of its children that have ended.
    own: u64,
}

/// The load average of the last minute. None where the system does not tell.
pub(crate) fn load() -> Option<f32> {
    LoadAverage::current().ok().map(|load| load.one)
}

impl Reading {
    /// Reads `/proc`. None where there is none.
    pub(crate) fn now() -> Option<Self> {
        let CpuTime { user, nice, system, idle, iowait, irq, softirq, steal, .. } =
            KernelStats::current().ok()?.total;
        let busy =
            user + nice + system + irq.unwrap_or(0) + softirq.unwrap_or(0) + steal.unwrap_or(0);
        let me = Process::myself().and_then(|me| me.stat()).ok()?;
        let children = u64::try_from(me.cutime + me.cstime).unwrap_or(0);
        Some(Self {
            all: busy + idle + iowait.unwrap_or(0),
            busy,
            own: me.utime + me.stime + children,
        })
    }

    /// The share of the machine, 0 to 1, that others had since `before`.
    pub(crate) fn others_since(&self, before: &Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        let own = self.own.saturating_sub(before.own);
        let others = self.busy.saturating_sub(before.busy).saturating_sub(own);
        if all == 0 { 0.0 } else { others as f64 / all as f64 }
    }
}
