//! Everything in one JSON document. Its shape is part of what the README promises: a program may read
//! it for years. The types that write a document are those that read it, and its schema is made from
//! them.

use std::io;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::done::Done;
use crate::machine::Circumstances;
use crate::percentiles::PERCENTILES;
use crate::race::Plan;

/// Goes up when something is renamed, or comes to mean something else; not when something is added.
pub(crate) const FORMAT: u32 = 2;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "A run of millpond's benchmarks")]
pub(crate) struct Document {
    /// Goes up when something is renamed, or comes to mean something else; not when something is
    /// added.
    pub(crate) format: u32,
    #[serde(flatten)]
    pub(crate) circumstances: Circumstances,
    #[serde(flatten)]
    pub(crate) plan: Plan,
    /// Of which percentiles a curve has the times. Documents from before this was added have no
    /// curves.
    #[serde(default)]
    pub(crate) percentiles: Vec<f64>,
    pub(crate) rows: Vec<Done>,
}

impl Document {
    pub(crate) fn new(circumstances: Circumstances, plan: Plan, rows: Vec<Done>) -> Self {
        Self { format: FORMAT, circumstances, plan, percentiles: PERCENTILES.to_vec(), rows }
    }

    /// # Errors
    ///
    /// In a line, what is wrong: it is no JSON, of another format, or not of this shape.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: Option<u32>,
            curve: Option<serde::de::IgnoredAny>,
        }
        let Format { format, curve } = parse(text)?;
        match format {
            None => return Err("it is no document of a run: it has no format".to_owned()),
            Some(FORMAT) => {}
            Some(other) => {
                return Err(format!("it has format {other}, and this program reads {FORMAT}"));
            }
        }
        if curve.is_some() {
            return Err("it is the document of a curve: `cargo targets page` reads it".to_owned());
        }
        parse(text)
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

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// What every document of a run is like.
pub(crate) fn schema() -> String {
    let mut schema: Schema = schemars::schema_for!(Document);
    let format = serde_json::json!({ "type": "integer", "const": FORMAT });
    if let Some(of) = schema.pointer_mut("/properties/format") {
        // In the schema of a format, that format alone.
        let description = of["description"].clone();
        *of = format;
        of["description"] = description;
    }
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::tests::done;

    pub(crate) const PLAN: Plan =
        Plan { turns: 6, workers: 2, submitters: None, seed: 1, noise_limit: 0.05, quick: false };

    /// A document of these rows, measured here and now.
    pub(crate) fn document(ids: &[&str]) -> Document {
        let rows = ids.iter().map(|id| done(id)).collect();
        Document::new(Circumstances::now(None), PLAN, rows)
    }

    pub(crate) fn text(document: &Document) -> String {
        let mut text = Vec::new();
        document.write(&mut text).expect("memory takes it");
        String::from_utf8(text).expect("JSON is text")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let document = document(&["P1", "G1"]);
        assert_eq!(Document::read(&text(&document)).as_ref(), Ok(&document));
    }

    #[test]
    fn the_document_has_units_and_what_was_measured() {
        let all: serde_json::Value = serde_json::from_str(&text(&document(&["P1"]))).expect("JSON");
        for key in [
            "format",
            "date",
            "millpond",
            "commit",
            "rustc",
            "machine",
            "peers",
            "provenance",
            "turns",
            "workers",
            "submitters",
            "seed",
            "noise_limit",
            "quick",
            "percentiles",
        ] {
            assert!(all.get(key).is_some(), "{key}");
        }
        let [one, two] = [0, 1].map(|at| &all["rows"][0]["measures"][at]);
        assert_eq!((&one["unit"], &one["better"]), (&"ns".into(), &"less".into()));
        assert_eq!((&two["unit"], &two["better"]), (&"per second".into(), &"more".into()));
        assert_eq!(one["standings"][0]["name"], "rayon");
        assert_eq!(one["judged"][0]["verdict"], "missed");
        assert_eq!(one["judged"][0]["bound"], 1.0);
        assert_eq!(one["better_than_ours"][0]["times"]["median"], 2.0);
        assert_eq!(all["rows"][0]["turns"]["millpond"][1]["two"], 4.0);
        assert_eq!(all["rows"][0]["absent"]["chili"], "sleeps");
    }

    #[test]
    fn what_is_no_document_is_refused_in_one_line_that_says_why() {
        let good = text(&document(&["P1"]));
        let of = |format: &str| good.replace("\"format\": 2", &format!("\"format\": {format}"));
        for (text, why) in [
            ("", "EOF while parsing"),
            ("{", "EOF while parsing"),
            ("[]", "invalid length 0"),
            ("{}", "it is no document of a run: it has no format"),
            (&of("1"), "it has format 1, and this program reads 2"),
            (&of("2, \"curve\": [1]"), "it is the document of a curve"),
            (&good[..good.len() / 2], "EOF while parsing"),
            (&good.replace("\"missed\"", "\"won\""), "unknown variant `won`"),
            (&good.replace("\"date\"", "\"day\""), "missing field `date`"),
        ] {
            let said = Document::read(text).expect_err("it is no document");
            assert!(said.starts_with(why) && !said.contains('\n'), "{said} for {why}");
        }
    }

    /// A document of the first weeks lacks what was added since.
    #[test]
    fn what_was_added_since_may_be_missing() {
        let mut old: serde_json::Value =
            serde_json::from_str(&text(&document(&["P1"]))).expect("JSON");
        let head = old.as_object_mut().expect("an object");
        for key in ["provenance", "percentiles", "submitters"] {
            head.remove(key).expect("it was there");
        }
        let row = old["rows"][0].as_object_mut().expect("an object");
        for key in ["curves", "load"] {
            row.remove(key).expect("it was there");
        }
        for line in row["measures"].as_array_mut().expect("an array") {
            let line = line.as_object_mut().expect("an object");
            line.remove("at").expect("it was there");
            line.remove("to_best").expect("it was there");
            for judged in line["judged"].as_array_mut().expect("an array") {
                judged.as_object_mut().expect("an object").remove("bound").expect("it was there");
            }
        }
        let read = Document::read(&old.to_string()).expect("it has all that it must have");
        assert_eq!((read.rows[0].lines[0].judged[0].bound, read.rows.len()), (None, 1));
    }

    /// Committed, so that a program in another language can check what it reads.
    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        let committed = include_str!("../report-2.schema.json");
        let path = "benches/report-2.schema.json";
        assert!(committed == schema(), "run: cargo bench-report schema > {path}");
        let schema: serde_json::Value = serde_json::from_str(committed).expect("it is JSON");
        assert_eq!(schema["properties"]["format"]["const"], FORMAT);
        let named = format!("report-{FORMAT}.schema.json");
        assert!(path.ends_with(&named), "a new format has a schema of its own: {named}");
    }
}
