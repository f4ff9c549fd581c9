//! From ratios to a verdict: what six turns may say, and what they may not.
//!
//! Turns are neither many nor normally distributed, so that the interval of a median is the sign
//! test's: the order statistics between which the true median lies with 95 % probability. Six turns
//! are the fewest that have one, and there it is everything that was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fewest turns of which anything is said: all of five hold the median in 93.8 % of cases.
pub(crate) const FEWEST: usize = 6;

/// How often the interval may miss the true median.
const DOUBT: f64 = 0.05;

/// A median with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The median, and the order statistics that hold the true one with 95 % probability whatever
    /// the distribution; the extremes if there are fewer than nine. None of nothing, or of
    /// something that is no number.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (cut, _) = cut(n);
        let median = if n % 2 == 1 {
            values[n / 2]
        } else {
            f64::midpoint(values[n / 2 - 1], values[n / 2])
        };
        Some(Self { low: values[cut], median, high: values[n - 1 - cut] })
    }
}

/// How many values the interval leaves out at each end, and the probability that the true median
/// lies beyond one given end of what is left.
pub(crate) fn cut(values: usize) -> (usize, f64) {
    // The true median lies beyond the (k+1)-th smallest exactly if at most k of n fair coins fall
    // on that side.
    let mut weight = 0.5_f64.powi(i32::try_from(values).unwrap_or(i32::MAX));
    let mut tail = weight;
    for k in 1..values / 2 {
        weight *= (values - k + 1) as f64 / k as f64;
        if 2.0 * (tail + weight) > DOUBT {
            return (k - 1, tail);
        }
        tail += weight;
    }
    ((values / 2).saturating_sub(1), tail)
}

/// What is said of a bound.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The whole interval keeps the bound.
    Reached,
    /// The median keeps the bound, an end of the interval does not.
    LikelyReached,
    /// An end of the interval keeps the bound, the median does not.
    LikelyMissed,
    /// The whole interval is beyond the bound, or ours failed.
    Missed,
    /// Fewer than six turns were quiet enough.
    Noise,
    /// There are fewer than six turns.
    TooFew,
    /// There is no figure of ours, or nothing to compare it with.
    Unmeasured,
}

impl Verdict {
    /// All of them, the best first.
    pub(crate) const ALL: [Self; 7] = [
        Self::Reached,
        Self::LikelyReached,
        Self::LikelyMissed,
        Self::Missed,
        Self::Noise,
        Self::TooFew,
        Self::Unmeasured,
    ];

    /// Whether the bound is thought to be broken.
    pub(crate) fn is_loss(self) -> bool {
        matches!(self, Self::LikelyMissed | Self::Missed)
    }

    /// Of a ratio with its interval, against a bound from above or, if `more`, from below.
    pub(crate) fn of(ratio: Interval, bound: f64, more: bool) -> Self {
        let kept = |value: f64| if more { value >= bound } else { value <= bound };
        match (kept(ratio.low), kept(ratio.median), kept(ratio.high)) {
            (true, _, true) => Self::Reached,
            (false, _, false) => Self::Missed,
            (_, true, _) => Self::LikelyReached,
            (_, false, _) => Self::LikelyMissed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_median_drops_extremes_only_when_it_may() {
        let to = |n: i32| {
            Interval::of((1..=n).map(f64::from).collect()).map(|i| (i.low, i.median, i.high))
        };
        assert_eq!(to(0), None);
        assert_eq!(to(1), Some((1.0, 1.0, 1.0)));
        // 2 × 1/64 is less than 5 %: all of six hold the median in 96.9 % of cases, and five of them would not.
        assert_eq!(to(6), Some((1.0, 3.5, 6.0)));
        // The textbook's: of ten, the second and the ninth; of twenty, the sixth and the fifteenth.
        assert_eq!(to(10), Some((2.0, 5.5, 9.0)));
        assert_eq!(to(20), Some((6.0, 10.5, 15.0)));
    }

    #[test]
    fn the_doubt_of_an_end_is_that_of_the_sign_test() {
        assert_eq!(cut(6), (0, 1.0 / 64.0));
        assert_eq!(cut(8), (0, 1.0 / 256.0));
        // Nine coins, of which at most one falls on one side.
        assert_eq!(cut(9), (1, 10.0 / 512.0));
    }

    #[test]
    fn a_bound_is_reached_or_missed_only_by_the_whole_interval() {
        let verdict = |low, median, high, bound, more| {
            Verdict::of(Interval { low, median, high }, bound, more)
        };
        assert_eq!(verdict(1.0, 1.1, 1.1, 1.1, false), Verdict::Reached);
        assert_eq!(verdict(1.0, 1.1, 1.2, 1.1, false), Verdict::LikelyReached);
        assert_eq!(verdict(1.0, 1.2, 1.3, 1.1, false), Verdict::LikelyMissed);
        assert_eq!(verdict(1.2, 1.3, 1.4, 1.1, false), Verdict::Missed);
        assert_eq!(verdict(1.2, 1.3, 1.4, 1.5, true), Verdict::Missed);
        assert_eq!(verdict(1.2, 1.4, 1.6, 1.5, true), Verdict::LikelyMissed);
        assert_eq!(verdict(1.2, 1.6, 1.7, 1.5, true), Verdict::LikelyReached);
        assert_eq!(verdict(1.6, 1.7, 1.8, 1.5, true), Verdict::Reached);
    }

    /// One turn's ratio of a machine with a given noise, where the truth is `truth`.
    fn turn(truth: f64, noise: &Noise, dice: &mut fastrand::Rng) -> f64 {
        // Of four uniform numbers the sum is near enough to normal, and has a third as variance.
        let normal = (0..4).map(|_| dice.f64() - 0.5).sum::<f64>() * 3.0_f64.sqrt();
        // One turn in so many doubles the time of one of both.
        let disturbed = |dice: &mut fastrand::Rng| {
            if dice.f64() < noise.disturbed { 2.0 } else { 1.0 }
        };
        let (ours, theirs) = (disturbed(dice), disturbed(dice));
        truth * (normal * noise.spread).exp() * ours / theirs
    }

    struct Noise {
        what: &'static str,
        /// The standard deviation of a turn's ratio.
        spread: f64,
        /// How often a neighbour doubles one contestant's time.
        disturbed: f64,
    }

    /// The ruler, measured: how often it says what, of a truth that is known.
    #[test]
    fn a_truth_beyond_the_bound_is_hardly_ever_called_reached_nor_one_within_it_missed() {
        const RUNS: u32 = 20_000;
        const BOUND: f64 = 1.10;
        let machines = [
            Noise { what: "quiet, 2 %", spread: 0.02, disturbed: 0.0 },
            Noise { what: "busy, 5 %", spread: 0.05, disturbed: 0.0 },
            Noise { what: "busy, 10 %, one turn in five doubled", spread: 0.10, disturbed: 0.10 },
        ];
        for noise in &machines {
            let mut dice = fastrand::Rng::with_seed(1);
            for truth in [1.00, 1.05, 1.10, 1.15] {
                let mut said = [0_u32; 7];
                for _ in 0..RUNS {
                    let turns = (0..FEWEST).map(|_| turn(truth, noise, &mut dice)).collect();
                    let ratio = Interval::of(turns).expect("there are six turns");
                    said[Verdict::of(ratio, BOUND, false) as usize] += 1;
                }
                let share = |verdict: Verdict| f64::from(said[verdict as usize]) / f64::from(RUNS);
                let all = Verdict::ALL.map(|verdict| (verdict, share(verdict)));
                println!("{}, truth {truth:.2}: {:?}", noise.what, &all[..4]);
                let [reached, missed] = [Verdict::Reached, Verdict::Missed].map(share);
                // At the bound itself each may be said once in 64 runs, and is.
                assert!(truth != BOUND || reached.max(missed) < 0.02, "{reached} {missed}");
                assert!(truth <= BOUND || reached < 0.01, "{reached}");
                assert!(truth >= BOUND || missed < 0.01, "{missed}");
                // Nor does it say nothing at all.
                assert!(noise.spread > 0.02 || truth == BOUND || reached + missed > 0.25);
            }
        }
    }
}
