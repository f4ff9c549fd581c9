//! A row that has been measured and judged: what every form of the report is made from.

use serde::Serialize;

use crate::judge::Line;
use crate::race::Race;

/// What is known of a row in the end.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    pub(crate) id: &'static str,
    pub(crate) work: &'static str,
    /// How long it took.
    pub(crate) seconds: f64,
    #[serde(rename = "measures")]
    pub(crate) lines: Vec<Line>,
    pub(crate) missing: Vec<&'static str>,
    #[serde(flatten)]
    pub(crate) race: Race,
}
