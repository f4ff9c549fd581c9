//! A row that has been measured and judged: what every form of the report is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::Line;
use crate::race::Race;

/// What is known of a row in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Done {
    /// A letter, which is that of its group, and a number.
    pub(crate) id: String,
    /// What every contestant does, in words.
    pub(crate) work: String,
    /// How long the row took.
    pub(crate) seconds: f64,
    /// What was measured: a figure each.
    #[serde(rename = "measures")]
    pub(crate) lines: Vec<Line>,
    /// Parts of the row that are not measured yet, and why.
    pub(crate) missing: Vec<String>,
    #[serde(flatten)]
    pub(crate) race: Race,
}

impl Done {
    /// Whether its figures are the points of a curve.
    pub(crate) fn is_curve(&self) -> bool {
        self.lines.len() > 1 && self.lines.iter().all(|line| line.at.is_some())
    }
}
