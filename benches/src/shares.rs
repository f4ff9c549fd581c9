//! Bounds as numbers: of each turn, how far its ratio is from its bound.

use crate::judge::{Judged, Line, Turns};
use crate::race::Race;
use crate::row::Role;

impl Judged {
    /// The bound. Documents of the first weeks have it in words alone, which keep three digits.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.bound.or_else(|| in_words(&self.must))
    }

    /// Whether the bound is one from below.
    fn more(&self) -> bool {
        self.must.starts_with('≥')
    }

    /// The median ratio as a share of the bound: more than 1 is beyond it.
    pub(crate) fn share(&self) -> Option<f64> {
        self.beyond(self.ratio?.median)
    }

    /// Of each turn that counts, its ratio as a share of the bound.
    pub(crate) fn shares(&self, line: &Line, race: &Race, noise_limit: f64) -> Vec<f64> {
        let turns = Turns::of(race, &line.key, line.unit, noise_limit);
        let ours = line.standings.iter().find(|standing| standing.role == Role::Ours);
        let Some(ours) = ours.map(|ours| &*ours.name) else { return vec![] };
        let ratios = if self.against.is_empty() {
            turns.values(ours)
        } else if self.must.contains(" × faster than ") {
            turns.ratios(&self.against, ours)
        } else {
            turns.ratios(ours, &self.against)
        };
        ratios.into_iter().filter_map(|ratio| self.beyond(ratio)).collect()
    }

    fn beyond(&self, ratio: f64) -> Option<f64> {
        let limit = self.limit()?;
        let share = if self.more() { limit / ratio } else { ratio / limit };
        share.is_finite().then_some(share)
    }
}

/// `≤ 1.05 × best` is 1.05, and `≤ 2.00 µs` is 2,000.
fn in_words(must: &str) -> Option<f64> {
    let must = must.trim_start_matches(['≤', '≥', ' ']);
    let (number, unit) = must.split_once(' ').unwrap_or((must, ""));
    let scale = match unit {
        "µs" | "k/s" => 1e3,
        "ms" | "M/s" => 1e6,
        "s" => 1e9,
        _ => 1.0,
    };
    Some(number.parse::<f64>().ok()? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::done;
    use crate::rows;

    #[test]
    fn the_words_of_every_bound_say_its_number() {
        let mut bounds = 0;
        for row in rows::all() {
            for measure in &row.measures {
                for must in &measure.musts {
                    let words = must.show(measure.unit);
                    let said = in_words(&words).expect("a number");
                    let off = (said - must.bound).abs();
                    assert!(off <= 0.005 * must.bound, "{}: {words}", row.id);
                    bounds += 1;
                }
            }
        }
        assert!(bounds > 40, "{bounds}");
    }

    #[test]
    fn a_turn_is_divided_as_the_ratio_is() {
        let mut row = done("P1");
        let judged = row.lines[0].judged[0].clone();
        assert_eq!(judged.shares(&row.lines[0], &row.race, 1.0), [2.0; 6]);
        assert_eq!(judged.share(), Some(2.0));
        let faster =
            Judged { must: "≥ 4 × faster than rayon".to_owned(), bound: None, ..judged };
        assert_eq!(faster.shares(&row.lines[0], &row.race, 1.0), [8.0; 6], "half as fast, not 4 ×");
        row.race.others = vec![Some(0.5); 6];
        let itself = Judged { must: "≤ 40.0 ns".to_owned(), against: String::new(), ..faster };
        assert_eq!(itself.shares(&row.lines[0], &row.race, 1.0), [0.5; 6]);
        row.race.others.push(Some(0.0));
        assert_eq!(itself.shares(&row.lines[0], &row.race, 0.05).len(), 6, "too few were quiet");
    }
}
