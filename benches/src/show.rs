//! Figures, verdicts and plans in words that people read.

use std::fmt;

use crate::race::Plan;
use crate::row::Unit;
use crate::verdict::{Interval, Verdict};

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        let scaled = |steps: &[(f64, &str)]| {
            let (step, name) =
                steps.iter().rev().find(|(step, _)| value >= *step).unwrap_or(&steps[0]);
            let value = value / step;
            let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
            format!("{value:.digits$} {name}")
        };
        match self {
            Self::Nanos => scaled(&[(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")]),
            Self::Rate => scaled(&[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s")]),
            Self::Bytes => format!("{value:.1} B"),
            Self::Share => {
                let digits = if value < 10.0 { 3 } else { usize::from(value < 100.0) };
                format!("{value:.digits$} ×")
            }
            Self::Count => {
                let digits = format!("{value:.6}");
                digits.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }

    pub(crate) fn show_interval(self, Interval { low, median, high }: Interval) -> String {
        if self == Self::Share {
            return format!("{median:.3} × ({low:.3}..{high:.3})");
        }
        format!("{} ({}..{})", self.show(median), self.show(low), self.show(high))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reached => "reached",
            Self::LikelyReached => "likely reached",
            Self::LikelyMissed => "likely missed",
            Self::Missed => "missed",
            Self::Noise => "too noisy",
            Self::TooFew => "too few turns",
            Self::Unmeasured => "not measured",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turns, workers, submitters, seed, noise_limit, quick } = self;
        let submitters =
            submitters.map_or(String::new(), |number| format!("{number} submitters, "));
        let quick = if *quick { ", a quick look: few rows, few peers" } else { "" };
        let limit = noise_limit * 100.0;
        write!(
            f,
            "{turns} turns, {workers} workers, {submitters}seed {seed}, turns with more than {limit} % of others \
             repeated{quick}"
        )
    }
}

/// Breaks lines at spaces: the table's columns are as wide as what they hold.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_three_digits_or_more_and_the_unit_that_suits_it() {
        let nanos = [0.4, 3.88, 537.2, 3_880.0, 2e6, 1.5e9].map(|value| Unit::Nanos.show(value));
        assert_eq!(nanos, ["0.40 ns", "3.88 ns", "537 ns", "3.88 µs", "2.00 ms", "1.50 s"]);
        assert_eq!(Unit::Rate.show(4.91e6), "4.91 M/s");
        assert_eq!([0.51, 12.0, 1e3].map(|n| Unit::Share.show(n)), ["0.510 ×", "12.0 ×", "1000 ×"]);
        assert_eq!([0.000_165, 1.02, 3.0].map(|n| Unit::Count.show(n)), ["0.000165", "1.02", "3"]);
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), "one two\nthree");
    }
}
