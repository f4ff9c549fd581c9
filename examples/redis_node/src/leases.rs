//! The jobs that this node holds, and whose leases it renews.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::broker::Job;

/// The jobs that this node holds, by their numbers in the fed stream.
#[derive(Default)]
pub(crate) struct Leases(Mutex<Table>);

#[derive(Default)]
struct Table {
    jobs: BTreeMap<usize, Arc<Job>>,
    /// How many jobs there have been, which is the number of the next.
    next: usize,
    /// The entries that other nodes have taken over, and that still run here.
    lost: BTreeSet<String>,
}

impl Leases {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a job that this node has taken, and gives it its number.
    pub(crate) fn enter(&self, job: Job) -> (usize, Arc<Job>) {
        let mut table = self.table();
        let (number, job) = (table.next, Arc::new(job));
        table.next += 1;
        table.jobs.insert(number, Arc::clone(&job));
        (number, job)
    }

    /// Says whether this node holds the entry already. If so, its lease is renewed again.
    pub(crate) fn has_again(&self, entry: &str) -> bool {
        let mut table = self.table();
        table.lost.remove(entry);
        table.jobs.values().any(|job| job.entry == entry)
    }

    pub(crate) fn get(&self, number: usize) -> Option<Arc<Job>> {
        self.table().jobs.get(&number).cloned()
    }

    /// Takes a job out that is settled, or that failed: its lease may lapse.
    pub(crate) fn remove(&self, number: usize) {
        let mut table = self.table();
        if let Some(job) = table.jobs.remove(&number) {
            table.lost.remove(&job.entry);
        }
    }

    /// The entries whose leases are to be renewed.
    pub(crate) fn to_renew(&self) -> Vec<String> {
        let table = self.table();
        let held = table.jobs.values().map(|job| &job.entry);
        held.filter(|entry| !table.lost.contains(*entry)).cloned().collect()
    }

    /// Renews these leases no more. Returns how many of them still run here.
    pub(crate) fn lose(&self, entries: Vec<String>) -> usize {
        let mut table = self.table();
        let held: BTreeSet<_> = table.jobs.values().map(|job| job.entry.clone()).collect();
        let before = table.lost.len();
        // One that is not held has failed here in between, and its lease has lapsed.
        table.lost.extend(entries.into_iter().filter(|entry| held.contains(entry)));
        table.lost.len() - before
    }
}
