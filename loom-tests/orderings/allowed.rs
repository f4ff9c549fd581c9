//! The mutants that may survive, and why.

use std::path::Path;

use crate::results::{Fate, Verdict};
use crate::sites::Mutant;
use crate::{Refusal, refused};

/// `allowed.txt`, whose head says how it is written.
pub(crate) struct Allowed(Vec<Entry>);

struct Entry {
    /// Of the file, from 1.
    line: usize,
    key: String,
    text: String,
}

impl Entry {
    fn names(&self, mutant: &Mutant<'_>) -> bool {
        self.key == mutant.key() && self.text == mutant.site.text
    }
}

impl Allowed {
    pub(crate) fn read(path: &Path) -> Result<Self, Refusal> {
        let content = refused(std::fs::read_to_string(path), "read", path)?;
        let mut entries = Vec::new();
        let mut lines =
            content.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).peekable();
        while let Some((at, key)) = lines.next() {
            if key.trim().is_empty() {
                continue;
            }
            let mut next =
                || lines.next_if(|(_, line)| !line.trim().is_empty()).map(|(_, line)| line.trim());
            let entry = Entry {
                line: at + 1,
                key: key.to_owned(),
                text: next()
                    .ok_or_else(|| format!("allowed.txt:{}: which line?", at + 1))?
                    .to_owned(),
            };
            next().ok_or_else(|| format!("allowed.txt:{}: for what reason?", at + 1))?;
            while next().is_some() {}
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    pub(crate) fn holds(&self, mutant: &Mutant<'_>) -> bool {
        self.0.iter().any(|entry| entry.names(mutant))
    }

    /// The lines of the entries without a survivor. `everything`: no mutant was left out.
    pub(crate) fn unused(&self, fates: &[Fate<'_>], everything: bool) -> Vec<usize> {
        let survives = |entry: &Entry, fate: &Fate<'_>| {
            fate.verdict == Verdict::Allowed && entry.names(&fate.mutant)
        };
        let tried =
            |entry: &Entry| everything || fates.iter().any(|fate| entry.names(&fate.mutant));
        self.0
            .iter()
            .filter(|entry| tried(entry) && !fates.iter().any(|fate| survives(entry, fate)))
            .map(|entry| entry.line)
            .collect()
    }
}
