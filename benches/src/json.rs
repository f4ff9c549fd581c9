//! Everything in one JSON document. Its shape is part of what the README promises: who reads it may do so for years.

use std::io;

use serde::Serialize;

use crate::done::Done;
use crate::machine::Circumstances;
use crate::race::Plan;

/// Goes up when something is renamed, or comes to mean something else; not when something is added.
pub(crate) const FORMAT: u32 = 2;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Everything<'a> {
    format: u32,
    #[serde(flatten)]
    circumstances: &'a Circumstances,
    #[serde(flatten)]
    plan: &'a Plan,
    rows: &'a [Done],
}

impl<'a> Everything<'a> {
    pub(crate) fn new(circumstances: &'a Circumstances, plan: &'a Plan, rows: &'a [Done]) -> Self {
        Self { format: FORMAT, circumstances, plan, rows }
    }

    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn write(&self, out: impl io::Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        serde_json::to_writer_pretty(&mut out, self)?;
        // Dropped, it would keep an error to itself.
        io::Write::flush(&mut out)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::tests::done;

    pub(crate) const PLAN: Plan =
        Plan { turns: 6, workers: 2, submitters: None, seed: 1, noise_limit: 0.05, quick: false };

    #[test]
    fn the_document_has_units_and_what_was_measured() {
        let machine = Circumstances::now(None);
        let done = [done("P1")];
        let mut text = Vec::new();
        Everything::new(&machine, &PLAN, &done).write(&mut text).expect("memory takes it");
        let all: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        for key in [
            "format",
            "date",
            "millpond",
            "commit",
            "rustc",
            "machine",
            "peers",
            "turns",
            "workers",
            "submitters",
            "seed",
            "noise_limit",
            "quick",
        ] {
            assert!(all.get(key).is_some(), "{key}");
        }
        let [one, two] = [0, 1].map(|at| &all["rows"][0]["measures"][at]);
        assert_eq!((&one["unit"], &one["better"]), (&"ns".into(), &"less".into()));
        assert_eq!((&two["unit"], &two["better"]), (&"per second".into(), &"more".into()));
        assert_eq!(one["standings"][0]["name"], "rayon");
        assert_eq!(one["judged"][0]["verdict"], "missed");
        assert_eq!(one["better_than_ours"][0]["times"]["median"], 2.0);
        assert_eq!(all["rows"][0]["turns"]["millpond"][1]["two"], 4.0);
        assert_eq!(all["rows"][0]["absent"]["chili"], "sleeps");
    }
}
