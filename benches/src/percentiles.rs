//! Percentile curves: what a contestant tells of all its times, beside its figures.
//!
//! A contestant is a process that measures once. The curves that it takes wait here until the
//! process prints what it has measured.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

/// By title: the times at the percentiles, in nanoseconds.
pub(crate) type Curves = BTreeMap<String, Vec<f64>>;

/// The percentiles of a curve.
pub(crate) const PERCENTILES: [f64; 15] =
    [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95];

/// A curve ends where fewer times than this lie beyond: of them, one more or less moves it far.
const FEWEST_BEYOND: f64 = 5.0;

static KEPT: Mutex<Curves> = Mutex::new(BTreeMap::new());

/// Keeps the curve of these times, which is printed under this title.
pub(crate) fn keep(title: &str, times: &Histogram<u64>) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.insert(title.to_owned(), of(times));
}

/// What was kept.
pub(crate) fn kept() -> Curves {
    std::mem::take(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The beginning of the list of percentiles that so many times have something to say of.
fn of(times: &Histogram<u64>) -> Vec<f64> {
    let beyond = |percentile: f64| (1.0 - percentile / 100.0) * times.len() as f64;
    PERCENTILES
        .into_iter()
        .take_while(|percentile| beyond(*percentile) >= FEWEST_BEYOND)
        .map(|percentile| times.value_at_percentile(percentile) as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram;

    #[test]
    fn a_curve_goes_as_far_as_there_are_times_beyond() {
        let curve = |times: u64| {
            let mut all = histogram();
            (1..=times).for_each(|time| all.record(time).expect("within the bounds"));
            of(&all)
        };
        assert_eq!(curve(1_000).len(), PERCENTILES.len() - 3, "as far as 99.5 %");
        assert_eq!(curve(12_500).len(), PERCENTILES.len());
        assert_eq!(curve(4), [0.0; 0]);
        let thousand = curve(1_000);
        assert!((thousand[5] - 500.0).abs() < 1.0 && thousand.is_sorted(), "{thousand:?}");
    }

    #[test]
    fn what_was_kept_is_handed_out_once() {
        let mut times = histogram();
        times.record_n(7, 100).expect("within the bounds");
        keep("a title of this test", &times);
        assert_eq!(kept()["a title of this test"][0], 7.0);
        assert!(!kept().contains_key("a title of this test"));
    }
}
