//! Everything in one JSON document. Its shape is part of what the README promises: who reads it may do so for years.

use std::io;

use serde::Serialize;

use crate::done::Done;
use crate::machine::Circumstances;

/// Goes up when something is renamed, or comes to mean something else; not when something is added.
const FORMAT: u32 = 1;

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Everything<'a> {
    format: u32,
    #[serde(flatten)]
    circumstances: &'a Circumstances,
    rounds: u16,
    noise_limit: f64,
    rows: &'a [Done],
}

impl<'a> Everything<'a> {
    pub(crate) fn new(
        circumstances: &'a Circumstances,
        rounds: u16,
        noise_limit: f64,
        rows: &'a [Done],
    ) -> Self {
        Self { format: FORMAT, circumstances, rounds, noise_limit, rows }
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
mod tests {
    use super::*;
    use crate::report::tests::done;

    #[test]
    fn the_document_has_units_and_what_was_measured() {
        let machine = Circumstances::now(None);
        let done = [done("P1")];
        let mut text = Vec::new();
        Everything::new(&machine, 3, 0.2, &done).write(&mut text).expect("memory takes it");
        let all: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
        for key in [
            "format",
            "date",
            "millpond",
            "commit",
            "rustc",
            "machine",
            "peers",
            "rounds",
            "noise_limit",
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
